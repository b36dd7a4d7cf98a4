package redact

import (
	"strings"
	"testing"
	"time"
)

// timeOf returns how long a line of a megabyte takes, the best of three.
func timeOf(unit string) time.Duration {
	line := strings.Repeat(unit, 1<<20/len(unit))
	best := time.Hour
	for range 3 {
		bytes := []byte(line)
		began := time.Now()
		Line(bytes)
		best = min(best, time.Since(began))
	}
	return best
}

// A visitor chooses the address, and can make it a megabyte long.
func TestP1_NoLineIsDear(t *testing.T) {
	plain := timeOf("a")
	for _, unit := range []string{"%20", "%22", "%5B", "%2520", "a%20", "%3D", "%7B", "%20" + old, "\"" + old, "%3D" + old, "=%5B%22" + old, "\r\n\r\n" + old, "\n\n" + old + "name=", "%0A%0A" + old, "name=a\n\n" + old, "%00" + old, "\\\\u0041", "\\u0041" + old} {
		took := timeOf(unit)
		for try := 0; took > 60*plain && try < 10; try++ { // something else may have run
			plain, took = max(plain, timeOf("a")), min(took, timeOf(unit))
		}
		if took > 60*plain {
			t.Errorf("a megabyte of %s takes %v, one without escapes %v", unit, took, plain)
		}
	}
}
