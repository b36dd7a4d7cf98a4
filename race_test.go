//go:build race

package instagramauth_test

func init() { raceDetector = true }
