package secretfile

import (
	"testing"
	"time"
	"unsafe"
)

// withClocks returns the time after some of it has passed, by each of the two clocks in a
// time.Time. No function of package time makes them differ.
func withClocks(from time.Time, wall, monotonic time.Duration) time.Time {
	then := from.Add(wall)
	(*struct {
		wall uint64
		ext  int64 // the monotonic clock
		loc  *time.Location
	})(unsafe.Pointer(&then)).ext += int64(monotonic - wall)
	return then
}

func TestN18_NeitherASleepNorAClockThatIsSetBackKeepsAFormerSecret(t *testing.T) {
	const keep = time.Hour
	for name, c := range map[string]struct {
		wall, monotonic time.Duration
		kept            bool
	}{
		"little time passes":     {keep - 1, keep - 1, true},
		"the machine sleeps":     {keep, time.Minute, false},
		"it sleeps for a moment": {keep - 1, time.Minute, true},
		"the clock is set back":  {-time.Hour, keep, false},
	} {
		s, began := NewSecret("one", checkLength), time.Now()
		s.Adopt(began, "two")
		later := withClocks(began, c.wall, c.monotonic)
		if later.Sub(began) != c.monotonic || later.Round(0).Sub(began.Round(0)) != c.wall {
			t.Fatalf("%s: %v is not what was asked for", name, later)
		}
		if got := len(s.Former(later, keep)) == 1; got != c.kept {
			t.Errorf("%s: kept is %t", name, got)
		}
		if gone := len(s.Retire(later, keep)) == 1; gone == c.kept {
			t.Errorf("%s: retired is %t", name, gone)
		}
	}
}
