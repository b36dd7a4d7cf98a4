package revocation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

func TestF1_TheNewestMembersStorageIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first, second := newMemory(), newMemory()
		inFirst, inSecond := newKey(), newKey()
		newNode(t, first.healthy()).end(t, inFirst)
		newNode(t, second.healthy()).end(t, inSecond)
		a := newNode(t, first)
		if !a.knows(inFirst) || a.knows(inSecond) {
			t.Fatal("the only storage was not read")
		}
		leave := a.join(t, second)
		synctest.Wait()
		if !a.knows(inFirst) || !a.knows(inSecond) {
			t.Error("the newer storage was not read in full, or the older forgotten")
		}
		first.made("")
		a.end(t, newKey())
		// Nobody knows yet whether the newer one will stay.
		if n := len(first.made("store")); n == 0 || len(second.made("store")) == 0 {
			t.Error("not written to both storages")
		}
		// The reload failed: its member leaves, and what it missed is read.
		missed := newKey()
		newNode(t, first.healthy()).end(t, missed)
		a.move(8 * time.Minute)
		leave()
		leave()
		a.sync()
		if got := first.made("list"); len(intersect(got, a.root)) != 1 {
			t.Errorf("after a failed reload listed %q", got)
		}
		if !a.knows(missed) {
			t.Error("an entry in the older storage is missed after a failed reload")
		}
		synctest.Wait() // until what the older storage lacked has been carried over
		a.sync()
		first.made("")
		a.end(t, newKey())
		if n := len(first.made("store")); n != 1 {
			t.Error("not written to the older storage, which is the only one again")
		}
		second.made("")
		a.sync()
		if got := second.made("list"); got != nil {
			t.Errorf("a storage that is gone is asked for %q", got)
		}
	})
}

func TestF1_OneStorageForManyMembersIsReadInFullOnce(t *testing.T) {
	for what, test := range map[string]struct {
		storage func(m *memory, i int) Storage
		full    int
	}{
		"a pointer":                 {func(m *memory, _ int) Storage { return m }, 1},
		"a struct that has no ==":   {func(m *memory, _ int) Storage { return valueStorage{Storage: m} }, 3},
		"a struct with such inside": {func(m *memory, _ int) Storage { return anyStorage{m, []string{}} }, 3},
		"sometimes with such":       {func(m *memory, i int) Storage { return anyStorage{m, []any{1, []string{}, 2}[i]} }, 3},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a := newNode(t, test.storage(m, 0))
				for i := range 2 {
					defer a.join(t, test.storage(m, i+1))()
					synctest.Wait()
				}
				a.sync()
				a.sync()
				if n := len(intersect(m.made("list"), a.root)); n != test.full {
					t.Errorf("listed everything %d times, want %d", n, test.full)
				}
			})
		})
	}
}

func TestS7_MembersTogetherHaveTheShortestInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := lonelyNode(t)
		check := func(interval time.Duration) {
			t.Helper()
			if got := a.interval(); got != interval {
				t.Errorf("interval = %v, want %v", got, interval)
			}
		}
		with := func(interval time.Duration) func() {
			return a.join(t, newMemory(), func(m *Member) { m.Interval = interval })
		}
		check(DefaultInterval)
		first := with(time.Minute)
		check(time.Minute)
		second := with(2 * time.Minute)
		check(time.Minute)
		third := with(0)
		check(DefaultInterval)
		second()
		check(DefaultInterval)
		third()
		check(time.Minute)
		first()
		check(DefaultInterval)
	})
}

func TestN18_WhatAFormerSecretHasSealedIsMissedForALifetime(t *testing.T) {
	with := func(secret string) func(*Member) {
		return func(m *Member) { m.Sealer, m.Lifetime = newVault(t, strings.Repeat(secret, 32)), testLifetime }
	}
	bubble(t, func(t *testing.T) {
		m := newMemory()
		if err := newNode(t, m.healthy(), with("1")).EndUser(t.Context(), UserKey("123", "17841405793187218")); err != nil {
			t.Fatal(err)
		}
		a := newNode(t, m, with("2"))
		if n := a.Status().Unreadable; n != 1 {
			t.Errorf("%d ends are missed, want 1", n)
		}
		a.move(testLifetime - time.Minute)
		a.sync()
		if n := a.Status().Unreadable; n != 1 {
			t.Errorf("%d ends are missed before the lifetime is over", n)
		}
		a.move(fullEvery)
		a.sync()
		if n := a.Status().Unreadable; n != 0 {
			t.Errorf("%d ends are missed of sessions that are over", n)
		}
		// It is there for nodes that can read it.
		if b := newNode(t, m.healthy(), with("1")); b.Status().Entries != 1 {
			t.Errorf("%d entries are left", b.Status().Entries)
		}
	})
}

func TestS7_TheSecretsOfAllMembersOpen(t *testing.T) {
	secret := func(s ...string) func(*Member) {
		return func(m *Member) { m.Sealer = newVault(t, s...) }
	}
	one, two := strings.Repeat("1", 32), strings.Repeat("2", 32)
	bubble(t, func(t *testing.T) {
		m := newMemory()
		old, now := newKey(), newKey()
		newNode(t, m.healthy(), secret(one)).end(t, old)
		newNode(t, m.healthy(), secret(two)).end(t, now)
		a := newNode(t, m, secret(one))
		if !a.knows(old) || a.knows(now) || a.Status().Unreadable != 1 {
			t.Errorf("with the old secret alone: %+v", a.Status())
		}
		leave := a.join(t, m.healthy(), secret(two))
		synctest.Wait()
		if !a.knows(now) || a.Status().Unreadable != 0 {
			t.Errorf("with both: %+v", a.Status())
		}
		newNode(t, m.healthy(), secret(one)).end(t, newKey())
		a.sync()
		if n := a.Status().Entries; n != 3 {
			t.Errorf("what the older member's secret sealed later is not read: %d entries", n)
		}
		// The newest member seals.
		a.end(t, newKey())
		if b := newNode(t, m.healthy(), secret(two)); b.Status().Entries != 2 {
			t.Errorf("the newest secret opens %d", b.Status().Entries)
		}
		leave()
	})
}

func TestL1_TheListLooksByItselfEveryInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m.healthy())
		b := newNode(t, m.healthy(), func(m *Member) { m.Interval = 0 })
		for range 20 {
			key := newKey()
			a.end(t, key)
			time.Sleep(DefaultInterval)
			synctest.Wait()
			if !b.knows(key) {
				t.Fatal("not known after the interval")
			}
		}
	})
}

func TestF1_WithoutAMemberNothingIsAskedAndNothingLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := lonelyNode(t)
		a.sync()
		key := newKey()
		if err := a.EndSessionByKey(t.Context(), key); err == nil || !a.knows(key) {
			t.Errorf("%v, ended = %v", err, a.knows(key))
		}
		time.Sleep(time.Minute)
		m := newMemory()
		leave := a.join(t, m)
		synctest.Wait()
		if n := m.count(a.root); n != 1 || a.Status().Queued != 0 {
			t.Errorf("%d written, %d queued", n, a.Status().Queued)
		}
		leave()
		a.sync()
	})
}

func TestN12_F1_RequestsWaitForTheFirstLookAndNotForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		quick := lonelyNode(t)
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			quick.leave = quick.join(t, newMemory())
		}()
		known := quick.Await(t.Context())
		if waited := time.Since(start); waited != time.Second || !known {
			t.Errorf("waited %v for a look that was there after a second: known = %v", waited, known)
		}

		m := newMemory()
		release := make(chan struct{})
		m.inTrouble(func(context.Context, string) error { <-release; return nil })
		slow := newNode(t, m)
		start = time.Now()
		known = slow.Await(t.Context())
		if waited := time.Since(start); waited != firstWait || known {
			t.Errorf("waited %v for a storage that hangs: known = %v", waited, known)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		start = time.Now()
		slow.Await(gone)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v for a visitor who is gone", waited)
		}
		time.Sleep(fullTimeout - firstWait - time.Second)
		if slow.Known() {
			t.Error("the list is known before the look has given up")
		}
		time.Sleep(2 * time.Second)
		start = time.Now()
		if !slow.Await(t.Context()) {
			t.Error("a look that has given up keeps everybody waiting")
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v after a first look that failed", waited)
		}
		close(release)
	})
}

func TestF1_AListSaysHowOldItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		down := false
		m.inTrouble(func(context.Context, string) error {
			if down {
				return context.DeadlineExceeded
			}
			return nil
		})
		lonely := lonelyNode(t)
		if !lonely.Stale(1000*time.Hour) || !lonely.Status().Synced.IsZero() {
			t.Error("a list that was never read is not stale")
		}
		a := newNode(t, m)
		synced := a.now()
		down = true
		for after, want := range map[time.Duration]bool{0: false, time.Minute: false, 61 * time.Second: true, time.Hour: true} {
			a.clock.ahead.Store(int64(after))
			a.sync()
			if got := a.Stale(time.Minute); got != want {
				t.Errorf("%v after the last look: stale = %v", after, got)
			}
			if s := a.Status(); !s.Synced.Equal(synced) {
				t.Errorf("read at %v, want %v", s.Synced, synced)
			}
		}
		down = false
		a.sync()
		if a.Stale(0) {
			t.Error("stale right after a look")
		}
	})
}

// valueStorage and anyStorage have no == that does not panic.
type valueStorage struct {
	certmagic.Storage
	_ []string
}

type anyStorage struct {
	certmagic.Storage
	option any
}

func TestL1_WhatANewMembersSecretOpensIsReadAtOnce(t *testing.T) {
	const newSecret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	newer := func(m *Member) { m.Sealer = newVault(t, newSecret, testSecret) }
	for what, before := range map[string]bool{"before this node started": true, "while this node ran": false} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				rotated, gone := newNode(t, m, newer), newKey()
				if before {
					rotated.end(t, gone)
				}
				a := newNode(t, m) // as before the secret was rotated
				if !before {
					rotated.end(t, gone)
				}
				for range 5 {
					a.move(time.Minute)
					a.sync()
				}
				if a.knows(gone) {
					t.Fatal("an entry opens without its secret")
				}
				defer a.join(t, m, newer)() // a reload brings the secret, and the same storage
				synctest.Wait()
				if !a.knows(gone) {
					t.Error("what the new secret opens was not read")
				}
				m.made("list")
				a.sync()
				if n := len(intersect(m.made("list"), a.root)); n != 0 {
					t.Error("reads everything at each look")
				}
			})
		})
	}
}

func TestF5_WhatEndsIsReadableWhereverItsSessionIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		other := func(o *Member) { o.Sealer = newVault(t, strings.Repeat("b", 32)) }
		// One node has two blocks of the app, each with a secret of its own; of two more
		// nodes each has one of them.
		both := newNode(t, m)
		defer both.join(t, m.healthy(), other)()
		one, two := newNode(t, m.healthy()), newNode(t, m.healthy(), other)
		key := newKey()
		both.end(t, key)
		one.sync()
		two.sync()
		if !one.knows(key) || !two.knows(key) {
			t.Errorf("known with the first secret: %v, with the second: %v", one.knows(key), two.knows(key))
		}
	})
}

func TestF5_WhatEndsWhileALoadFailsIsNotLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, wrong := newMemory(), newMemory()
		a, b := newNode(t, m), newNode(t, m.healthy())
		leave := a.join(t, wrong)
		synctest.Wait()
		key := newKey()
		a.end(t, key)
		leave()
		b.sync()
		if !b.knows(key) {
			t.Error("the other node does not know")
		}
	})
}

func TestF5_AnotherStorageTakesOverWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old, fresh := newMemory(), newMemory()
		a := newNode(t, old)
		key := newKey()
		person := a.person("1")
		a.end(t, key)
		if err := a.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		if err := a.EndAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := a.leave
		a.leave = a.join(t, fresh)
		before()
		synctest.Wait()
		a.sync()
		a.sync()
		b := newNode(t, fresh.healthy())
		if stranger := b.person("2"); !b.knows(key) || !b.Ended(person) || b.everyone.Load() == 0 || b.Ended(stranger) {
			t.Errorf("session %v, person %v, everyone %d", b.knows(key), b.Ended(person), b.everyone.Load())
		}
		if n := len(fresh.made("store")); n != 3 {
			t.Errorf("written %d times", n)
		}
	})
}

func TestP5_AnEntryIsKeptAsLongAsItSaysWhateverTheLifetimeIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		key, person := newKey(), a.person("1")
		if err := a.EndSession(t.Context(), Subject{Session: key}, a.now().Add(30*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := a.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		// The lifetime is made shorter for a while.
		short := newNode(t, m.healthy())
		for range 10 {
			short.move(24 * time.Hour)
			short.sync()
		}
		long := newNode(t, m.healthy())
		if !long.knows(key) || !long.Ended(person) {
			t.Errorf("session ended = %v, person ended = %v", long.knows(key), long.Ended(person))
		}
		for range 400 {
			short.move(24 * time.Hour)
			short.sync()
		}
		if n := m.count(short.root); n != 0 {
			t.Errorf("%d entries are left in the end", n)
		}
	})
}

func TestK3_WhatIsSaidAgainIsNotWrittenAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		moment := a.now()
		for range 5 {
			if err := a.EndUserBefore(t.Context(), UserKey("123", "1"), moment); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(m.made("store")); n != 1 {
			t.Errorf("written %d times", n)
		}
		m.inTrouble(func(context.Context, string) error { return errDown })
		key := newKey()
		for range 2 {
			if err := a.EndSession(t.Context(), Subject{Session: key}, a.now().Add(time.Hour)); !errors.Is(err, ErrNotWritten) {
				t.Errorf("while it is not written: %v", err)
			}
		}
	})
}

func TestL1_TheEndOfAPersonsSessionsIsRememberedAsLongAsTheyCouldLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, end := range map[string]func(*node, Key) error{
			"by the operator": func(n *node, k Key) error { return n.EndUser(t.Context(), k) },
			"by Instagram":    func(n *node, k Key) error { return n.EndUserBefore(t.Context(), k, n.now()) },
		} {
			m := newMemory()
			a := newNode(t, m)
			person := a.person("1")
			a.move(time.Second)
			if err := end(a, person.User); err != nil {
				t.Fatal(err)
			}
			late := lonelyNode(t)
			late.move(59 * 24 * time.Hour)
			late.leave = late.join(t, m.healthy())
			synctest.Wait()
			if !late.Ended(person) || late.Status().Entries != 1 {
				t.Errorf("%s: ended = %v, %+v", name, late.Ended(person), late.Status())
			}
		}
	})
}
