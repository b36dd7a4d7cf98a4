//go:build race

package session_test

// raceEnabled says that the race detector is on.
const raceEnabled = true
