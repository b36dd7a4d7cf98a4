package revocation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// eachStorage runs a test with three nodes on a storage in memory and on files.
func eachStorage(t *testing.T, test func(t *testing.T, a, b, c *node)) {
	t.Helper()
	dir := t.TempDir()
	shared := newMemory()
	for what, open := range map[string]func() Storage{
		"memory": func() Storage { return shared.healthy() },
		"files":  func() Storage { return &certmagic.FileStorage{Path: dir} },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) { test(t, newNode(t, open()), newNode(t, open()), newNode(t, open())) })
		})
	}
}

func TestL1_ASessionThatEndedOnOneNodeHasEndedOnAll(t *testing.T) {
	eachStorage(t, func(t *testing.T, a, b, c *node) {
		out, byKey, later, stays := a.person("1"), a.person("1"), a.person("1"), a.person("1")
		a.end(t, out.Session)
		if err := a.EndSessionByKey(t.Context(), byKey.Session); err != nil {
			t.Fatal(err)
		}
		a.EndSessionLater(Subject{Session: later.Session}, a.now().Add(testLifetime))
		for _, s := range []Subject{out, byKey, later} {
			if !a.Ended(s) {
				t.Error("not ended at once where it was said")
			}
		}
		synctest.Wait()
		for _, n := range []*node{b, c} {
			n.sync()
			for _, s := range []Subject{out, byKey, later} {
				if !n.Ended(s) {
					t.Error("not ended on another node after its look into the storage")
				}
			}
			if n.Ended(stays) {
				t.Error("another session of the person has ended, too")
			}
			if s := n.Status(); s.Entries != 3 || s.Queued != 0 || s.Lost != 0 || s.Unreadable != 0 || s.Failing != nil || s.App != "123" {
				t.Errorf("status %+v", s)
			}
		}
	})
}

func TestL4_APersonsSessionsEndAndTheNextLoginLives(t *testing.T) {
	eachStorage(t, func(t *testing.T, a, b, c *node) {
		old, other := c.person("1"), c.person("2")
		byOtherID := Subject{Session: newKey(), User: UserKey("123", "9"), AppScoped: old.User, Began: old.Began}
		if err := a.EndUser(t.Context(), old.User); err != nil {
			t.Fatal(err)
		}
		c.sync()
		if !a.Ended(old) || !c.Ended(old) || !c.Ended(byOtherID) || c.Ended(other) {
			t.Error("not the sessions of this person alone")
		}
		// b does not know yet: whoever logs in there is out once it does, which is safe.
		b.sync()
		for i := range 5 {
			next := b.person("1")
			if b.Ended(next) || a.Ended(next) || next.Began < b.now().UnixMilli() {
				t.Fatalf("round %d: a new login has ended: %+v", i, next)
			}
			if err := b.EndUser(t.Context(), next.User); err != nil {
				t.Fatal(err)
			}
			a.sync()
			if !b.Ended(next) || !a.Ended(next) {
				t.Fatalf("round %d: the new login has not ended in its turn", i)
			}
		}
		for _, person := range []string{"3", "4"} {
			if err := a.EndUser(t.Context(), UserKey("123", person)); err != nil {
				t.Fatal(err)
			}
		}
		if n := a.Status().Entries; n != 3 {
			t.Errorf("%d entries for three people", n)
		}
	})
}

func TestL4_AllSessionsEndAndTheNextLoginsLive(t *testing.T) {
	eachStorage(t, func(t *testing.T, a, b, _ *node) {
		one, two := a.person("1"), b.person("2")
		for i := range 3 {
			if err := a.EndAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.sync()
			for _, s := range []Subject{one, two} {
				if !a.Ended(s) || !b.Ended(s) {
					t.Errorf("round %d: a session is left", i)
				}
			}
			one, two = a.person("1"), b.person("2")
			for _, s := range []Subject{one, two} {
				if a.Ended(s) || b.Ended(s) {
					t.Errorf("round %d: a new login has ended", i)
				}
			}
		}
		if n := b.Status().Entries; n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestK3_ADeauthorizationEndsWhatBeganBeforeIt(t *testing.T) {
	eachStorage(t, func(t *testing.T, a, b, _ *node) {
		old := a.person("1")
		moment := a.now()
		a.move(10 * time.Minute)
		b.move(10 * time.Minute)
		if err := a.EndUserBefore(t.Context(), old.User, moment); err != nil {
			t.Fatal(err)
		}
		b.sync()
		if !a.Ended(old) || !b.Ended(old) {
			t.Error("the older session has not ended")
		}
		newer := b.person("1")
		for what, n := range map[string]*node{"here": a, "elsewhere": b} {
			// A replay, said on either node and at any time later.
			n.move(time.Hour)
			if err := n.EndUserBefore(t.Context(), old.User, moment); err != nil {
				t.Fatal(err)
			}
			a.sync()
			b.sync()
			if a.Ended(newer) || b.Ended(newer) {
				t.Errorf("a replay %s ends the newer session", what)
			}
		}
		if got := newer.Began; got != moment.Add(10*time.Minute).UnixMilli() {
			t.Errorf("the newer session began at %d", got)
		}
	})
}

func TestK3_AMinuteIsAddedForClocksThatAreAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		moment := a.now()
		user := UserKey("123", "1")
		if err := a.EndUserBefore(t.Context(), user, moment); err != nil {
			t.Fatal(err)
		}
		for seconds, want := range map[int64]bool{-86400: true, 0: true, 59: true, 61: true, 62: false} {
			if got := a.Ended(Subject{User: user, Began: moment.UnixMilli() + 1000*seconds}); got != want {
				t.Errorf("began %d s later: ended = %v", seconds, got)
			}
		}
	})
}

func TestK3_AMomentInTheFutureIsCutToThePresent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		old := a.person("1")
		if err := a.EndUserBefore(t.Context(), old.User, a.now().Add(1000*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if !a.Ended(old) {
			t.Error("the older session has not ended")
		}
		if next := a.person("1"); a.Ended(next) || next.Began > a.now().Add(issuedWithin+clockSkew).UnixMilli() {
			t.Errorf("began at %d, ended = %v", next.Began, a.Ended(next))
		}
		// The first moment there is ends nothing.
		other := a.person("2")
		if err := a.EndUserBefore(t.Context(), other.User, time.Time{}); err != nil || a.Ended(other) {
			t.Errorf("%v, ended = %v", err, a.Ended(other))
		}
	})
}

func TestS7_ClocksAMinuteApartMissNothing(t *testing.T) {
	for _, skew := range []struct{ writer, reader time.Duration }{
		{0, 0}, {0, time.Minute}, {0, -time.Minute}, {time.Minute, 0}, {-time.Minute, 0}, {30 * time.Second, -30 * time.Second}, {-30 * time.Second, 30 * time.Second},
	} {
		t.Run(fmt.Sprintf("%v and %v", skew.writer, skew.reader), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				storage := m.healthy()
				a, b := newNode(t, m.healthy()), lonelyNode(t)
				a.move(skew.writer)
				b.move(skew.reader)
				b.leave = b.join(t, storage)
				synctest.Wait()
				for i := range 100 {
					s := b.person(fmt.Sprint(i))
					key := newKey()
					a.end(t, key)
					if err := a.EndUser(t.Context(), s.User); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second)
					b.sync()
					if !b.knows(key) {
						t.Fatalf("round %d: a session has not ended", i)
					}
					if !b.Ended(s) {
						t.Fatalf("round %d: a session that began on the reader has not ended with its person's", i)
					}
					if next := b.person(fmt.Sprint(i)); b.Ended(next) {
						t.Fatalf("round %d: the next login has ended", i)
					}
				}
				if n := len(intersect(storage.made("list"), b.root)); n != 1 {
					t.Errorf("everything was listed %d times: not the polls found it", n)
				}
			})
		})
	}
}

func TestS7_AWriteThatTakesLongIsNotMissed(t *testing.T) {
	for _, before := range []time.Duration{500 * time.Millisecond, time.Second, time.Minute} {
		t.Run(before.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				slow := m.healthy()
				slow.inTrouble(func(context.Context, string) error { time.Sleep(operationTimeout - time.Millisecond); return nil })
				a, b := newNode(t, slow), newNode(t, m.healthy())
				a.move(-clockSkew)
				time.Sleep(time.Until(b.now().Truncate(time.Minute).Add(2*time.Minute - before))) // just before the next minute
				written := make(chan error)
				key := newKey()
				go func() {
					written <- a.EndSession(context.Background(), Subject{Session: key}, a.now().Add(testLifetime))
				}()
				time.Sleep(operationTimeout - 2*time.Millisecond)
				b.sync() // in the last moment before it is there
				if err := <-written; err != nil || b.knows(key) {
					t.Fatal(err, b.knows(key))
				}
				time.Sleep(9 * time.Minute)
				b.sync()
				if !b.knows(key) {
					t.Error("the entry is missed")
				}
			})
		})
	}
}

func TestS7_ANodeWhoseClockIsDaysAheadIsNotBelievedBeforeItsTime(t *testing.T) {
	for what, end := range map[string]func(*node, Key) error{
		"person":   func(n *node, key Key) error { return n.EndUser(context.Background(), key) },
		"everyone": func(n *node, _ Key) error { return n.EndAll(context.Background()) },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a, b := newNode(t, m.healthy()), newNode(t, m.healthy())
				const ahead = 3 * 24 * time.Hour
				a.move(ahead)
				old := b.person("1")
				if err := end(a, old.User); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					b.move(fullEvery)
					b.sync()
					if next := b.person("1"); b.Ended(old) || b.Ended(next) || next.Began > b.now().UnixMilli() {
						t.Error("believed")
					}
				}
				b.move(ahead - 3*fullEvery)
				b.sync()
				if next := b.person("1"); !b.Ended(old) || b.Ended(next) {
					t.Error("not believed when its time has come, or against new logins")
				}
			})
		})
	}
}

func TestF3_F4_P5_TheStorageSaysNothingOfAnybody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		s := a.person("17841405793187218")
		a.end(t, s.Session)
		if err := a.EndUser(t.Context(), s.User); err != nil {
			t.Fatal(err)
		}
		if err := a.EndAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		sizes := make(map[int]bool)
		for _, name := range slices.Collect(maps.Keys(m.names)) {
			if name == a.markerKey() {
				continue
			}
			sizes[len(name)] = true
			for _, secret := range []string{"17841405793187218", s.Session.String(), s.User.String(), "123"} {
				if strings.Contains(name, "/"+secret) || len(secret) > 3 && strings.Contains(name, secret) {
					t.Errorf("%s shows %s", name, secret)
				}
			}
			// Moved to another minute it is nothing.
			minute, bucket, _, ok := splitKey(a.root, name)
			if !ok || minute != minuteOf(a.now()) {
				t.Errorf("%s stands in a wrong bucket", name)
			}
			m.put(strings.Replace(name, bucket, bucketOf(a.root, minute+1), 1))
		}
		if len(sizes) != 1 {
			t.Error("the length of a name shows its kind")
		}
		b := newNode(t, m.healthy())
		if status := b.Status(); status.Unreadable != 3 || status.Entries != 3 {
			t.Errorf("moved entries: %+v", status)
		}
	})
}

func TestS7_S10_ASessionLivesUntilItsOwnEnd(t *testing.T) {
	for what, test := range map[string]struct {
		s    Subject
		want bool
	}{
		"nothing of it":       {Subject{1, 2, 3, 0, 100}, false},
		"its key":             {Subject{10, 2, 3, 0, 100}, true},
		"its person, before":  {Subject{1, 20, 3, 0, 99}, true},
		"its person, at":      {Subject{1, 20, 3, 0, 100}, false},
		"its person, later":   {Subject{1, 20, 3, 0, 101}, false},
		"its other ID":        {Subject{1, 2, 20, 0, 99}, true},
		"both the same":       {Subject{1, 20, 20, 0, 99}, true},
		"no keys":             {Subject{0, 0, 0, 0, 51}, false},
		"everyone, before":    {Subject{1, 2, 3, 0, 49}, true},
		"everyone, at":        {Subject{1, 2, 3, 0, 50}, false},
		"everyone, same keys": {Subject{1, 2, 2, 0, 49}, true},
	} {
		l := &List{queue: newQueue(), now: (&clock{}).now}
		l.table.Store(newTable(smallestTable))
		l.note(entry{oneSession, 10, always, always})
		l.note(entry{oneUser, 20, 100, always})
		l.note(entry{kind: everyone, before: 50, expires: always})
		l.note(entry{kind: everyone, before: 40, expires: always}) // an older one takes nothing back
		l.note(entry{oneUser, 20, 90, always})
		if got := l.Ended(test.s); got != test.want {
			t.Errorf("%s: ended = %v", what, got)
		}
	}
}

// intersect returns those of the keys that are one of wanted.
func intersect(keys []string, wanted ...string) (found []string) {
	for _, key := range keys {
		for _, w := range wanted {
			if key == w {
				found = append(found, key)
			}
		}
	}
	return found
}
