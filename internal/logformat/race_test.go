//go:build race

package logformat_test

func init() { raceDetector = true }
