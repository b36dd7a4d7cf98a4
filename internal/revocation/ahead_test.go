package revocation

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A clock jumps ahead, and the node ends a person's sessions again. Its entry takes the
// place of the one before, but no other node believes it yet.
func TestN12_AnEndByAClockThatIsAheadTakesNothingAway(t *testing.T) {
	for name, end := range map[string]func(*node, Subject) error{
		"of a person": func(n *node, s Subject) error { return n.EndUser(context.Background(), s.User) },
		"of everyone": func(n *node, _ Subject) error { return n.EndAll(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a, b := newNode(t, m), newNode(t, m.healthy())
				s := b.person("1")
				if err := end(a, s); err != nil {
					t.Fatal(err)
				}
				a.move(10 * time.Second)
				b.move(10 * time.Second)
				b.sync()
				a.move(24 * time.Hour)
				if err := end(a, s); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					b.move(11 * time.Minute)
					b.sync()
					synctest.Wait()
				}
				if c := nodeAt(t, 40*time.Minute, m.healthy()); !b.Ended(s) || !c.Ended(s) {
					t.Errorf("ended = %v; for a node that starts: %v", b.Ended(s), c.Ended(s))
				}
				if n := b.log.count("writing them again"); n != 1 {
					t.Errorf("written again %d times", n)
				}
			})
		})
	}
}

// The clock is right again. What it wrote meanwhile takes nothing's place, and what the
// node itself knows of that time is not written again.
func TestN12_AClockThatIsRightAgainDeletesNothingForWhatItWroteAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		s := a.person("1")
		a.move(24 * time.Hour)
		if err := a.EndUser(t.Context(), s.User); err != nil {
			t.Fatal(err)
		}
		a.move(-24 * time.Hour)
		// A node that has not read of it ends them, too, and this one writes that.
		right := entry{kind: oneUser, key: s.User, before: a.now().Add(time.Minute).UnixMilli()}.lasting()
		a.keep(right)
		for range 4 {
			a.look()
			a.move(11 * time.Minute)
		}
		if c := nodeAt(t, 40*time.Minute, m.healthy()); !c.Ended(s) {
			t.Error("a node that starts does not know what had ended")
		}
		if n := a.log.count("writing them again"); n != 0 {
			t.Errorf("written again %d times", n)
		}
	})
}

// A clock that was a year ahead wrote the marker. That must not sign everybody out at each
// restart for a year.
func TestN12_AMarkerFromTheFutureIsDatedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		nodeAt(t, 365*24*time.Hour, m.healthy()).Close()
		readOnly := m.healthy()
		readOnly.inTrouble(func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "store ")]
		})
		if n := newNode(t, readOnly, strict); n.Status().Failing != nil || n.Foreign(n.now().UnixMilli()) {
			t.Errorf("where it cannot be written: %+v", n.Status())
		}
		a := nodeAt(t, time.Hour, m.healthy(), strict)
		early, s := time.Now().UnixMilli(), a.person("1")
		for _, later := range []time.Duration{time.Hour, 25 * time.Hour, 49 * time.Hour} {
			n := nodeAt(t, later, m.healthy(), strict)
			if n.Foreign(s.Began) || !n.Foreign(early) || n.Status().Failing != nil {
				t.Errorf("after %v: foreign = %v, an older session %v, %+v", later, n.Foreign(s.Began), n.Foreign(early), n.Status())
			}
		}
	})
}

// A node that knows an older date keeps it, and writes it once.
func TestN12_AMarkerIsDatedAgainAsTheNodeKnowsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m.healthy(), strict)
		s := a.person("1")
		a.move(48 * time.Hour)
		m.lose("instagram_auth")
		nodeAt(t, 365*24*time.Hour, m.healthy()).Close()
		stored := 0
		b := m.healthy()
		b.inTrouble(func(_ context.Context, call string) error {
			if call == "store "+a.markerKey() {
				stored++
			}
			return nil
		})
		before := a.leave
		a.leave = a.join(t, b, strict)
		before()
		synctest.Wait()
		for range 3 {
			a.look()
			a.move(fullEvery)
		}
		if n := nodeAt(t, 49*time.Hour, m.healthy(), strict); stored != 1 || n.Foreign(s.Began) || a.Foreign(s.Began) {
			t.Errorf("written %d times; foreign = %v, %v", stored, n.Foreign(s.Began), a.Foreign(s.Began))
		}
	})
}
