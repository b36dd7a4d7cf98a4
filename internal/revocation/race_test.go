//go:build race

package revocation

// raceEnabled says that the race detector is on.
const raceEnabled = true
