package revocation

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestL1_APollListsTheRecentBucketsAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		full := []string{a.root, a.onceRoot(), a.deliveryRoot()}
		between := func(from, to time.Duration) (buckets []string) {
			for minute := minuteOf(a.now().Add(from)); minute <= minuteOf(a.now().Add(to)); minute++ {
				buckets = append(buckets, bucketOf(a.root, minute))
			}
			return buckets
		}
		m.made("")
		for _, step := range []struct {
			what  string
			moved time.Duration
			want  func() []string
		}{
			{"at once", 0, func() []string { return between(-62*time.Second, time.Minute) }},
			{"5 s later", 5 * time.Second, func() []string { return between(-67*time.Second, time.Minute) }},
			{"at the end of a minute", 54 * time.Second, func() []string { return between(-(54+62)*time.Second, time.Minute) }},
			{"minutes later", 8 * time.Minute, func() []string { return between(-8*time.Minute-62*time.Second, time.Minute) }},
			{"a second before ten minutes", time.Minute, func() []string { return between(-122*time.Second, time.Minute) }},
			{"ten minutes after the first", time.Second, func() []string { return full }},
			{"right after that", 0, func() []string { return between(-62*time.Second, time.Minute) }},
			{"the clock jumped back", -time.Minute, func() []string { return full }},
			{"after a night", 8 * time.Hour, func() []string { return full }},
			{"the clock jumped back a day", -24 * time.Hour, func() []string { return full }},
			{"5 s after that", 5 * time.Second, func() []string { return between(-67*time.Second, time.Minute) }},
		} {
			a.move(step.moved)
			a.sync()
			if got, want := m.made("list"), step.want(); !slices.Equal(got, want) {
				t.Errorf("%s: listed %q, want %q", step.what, got, want)
			}
		}
	})
}

func TestF1_ALookThatFailedIsMadeAgainFromWhereItWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		storage := m.healthy()
		a, b := newNode(t, m.healthy()), newNode(t, storage)
		missed := newKey()
		a.end(t, missed)
		storage.inTrouble(down)
		for range 8 {
			b.move(time.Minute)
			b.sync()
		}
		storage.inTrouble(nil)
		storage.made("")
		b.sync()
		if got := storage.made("list"); slices.Contains(got, b.root) || len(got) < 9 || !b.knows(missed) {
			t.Errorf("listed %q; ended = %v", got, b.knows(missed))
		}
		// The same where everything is due and fails.
		storage.inTrouble(down)
		b.move(fullEvery)
		b.sync()
		storage.inTrouble(nil)
		storage.made("")
		b.sync()
		if got := storage.made("list"); !slices.Equal(got, []string{b.root, b.onceRoot(), b.deliveryRoot()}) {
			t.Errorf("listed %q, want everything", got)
		}
	})
}

func TestF1_TheEndOfTheProgramWritesWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(down)
		keys := []Key{newKey(), newKey(), newKey()}
		for _, key := range keys {
			a.EndSessionLater(Subject{Session: key}, a.now().Add(testLifetime))
		}
		synctest.Wait()
		m.inTrouble(func(context.Context, string) error { time.Sleep(100 * time.Millisecond); return nil })
		a.Close()
		b := newNode(t, m.healthy())
		for _, key := range keys {
			if !b.knows(key) {
				t.Error("not written in the end")
			}
		}
		if a.log.count("level=ERROR") != 0 || a.Status().Queued != 0 {
			t.Errorf("reported a loss that is none: %+v", a.Status())
		}
	})
}

func TestF1_TheEndOfTheProgramDoesNotWaitForAStorageForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		release := make(chan struct{})
		m.inTrouble(func(context.Context, string) error { <-release; return nil })
		a.EndSessionLater(Subject{Session: newKey()}, a.now().Add(testLifetime))
		time.Sleep(time.Second) // in the middle of a look
		start := time.Now()
		a.Close()
		if took := time.Since(start); took > 2*operationTimeout {
			t.Errorf("took %v", took)
		}
		if n := a.log.count("level=ERROR"); n != 1 || a.log.count("count=1") != 1 {
			t.Errorf("reported the loss %d times", n)
		}
		if n := a.log.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings of a storage, which are no news at the end", n)
		}
		close(release)
	})
}

func TestF1_TheEndOfTheProgramWaitsForOperationsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(func(context.Context, string) error { time.Sleep(time.Second); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_ = a.EndSessionByKey(ctx, newKey()) // is left behind
		m.inTrouble(nil)
		a.Close()
		if n := m.count(a.root); n != 2 {
			t.Errorf("%d written when all is done: the one left behind and its second attempt are two", n)
		}
	})
}

func TestF1_AListIsUsedFromEverywhereAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for range 30 {
					useAll(t, a, m, worker)
				}
			})
		}
		all.Wait()
	})
}

// useAll does one of the things that can be done with a list.
func useAll(t *testing.T, a *node, m *memory, which int) {
	s := a.person("1")
	switch which {
	case 0:
		a.sync()
	case 1:
		a.join(t, m.healthy())()
	case 2:
		_ = a.EndUser(context.Background(), s.User)
	case 3:
		_ = a.EndAll(context.Background())
	case 4:
		a.EndSessionLater(Subject{Session: s.Session}, a.now().Add(time.Hour))
	default:
		_ = a.EndSession(context.Background(), Subject{Session: s.Session}, a.now().Add(time.Hour))
		if !a.Ended(s) {
			t.Error("not ended")
		}
		_, _ = a.Status(), a.Stale(time.Minute)
	}
}

func TestF1_TheEndOfTheProgramWritesMoreThanALookDoes(t *testing.T) {
	const waiting = 2*writesPerSync + 500
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(down)
		for range waiting {
			_ = a.EndSession(t.Context(), Subject{Session: newKey()}, a.now().Add(testLifetime))
		}
		m.inTrouble(nil)
		a.Close()
		if status := a.Status(); status.Queued != 0 || status.Lost != 0 {
			t.Errorf("%d wait, %d are lost", status.Queued, status.Lost)
		}
		if n := m.count(a.root); n != waiting {
			t.Errorf("%d of %d reached the storage", n, waiting)
		}
	})
}

func TestL1_ASlowQueueKeepsNobodyFromReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(down)
		for range writesPerSync {
			_ = a.EndSession(t.Context(), Subject{Session: newKey()}, a.now().Add(testLifetime))
		}
		m.inTrouble(func(context.Context, string) error { time.Sleep(50 * time.Millisecond); return nil })
		began := time.Now()
		a.sync()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a look took %v", took)
		}
		if status := a.Status(); status.Queued != writesPerSync-20 || status.Failing != nil {
			t.Errorf("%d wait, %v", status.Queued, status.Failing)
		}
		m.inTrouble(nil)
	})
}

// A clock that somebody sets says where the clocks of the other nodes are: where it was.
func TestL1_ANodeWhoseClockWasSetHearsOfTheOthers(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -20 * time.Minute, time.Hour, 25 * time.Hour} {
		bubble(t, func(t *testing.T) {
			m := newMemory()
			a, b := newNode(t, m), newNode(t, m)
			b.move(by)
			b.setBy.Store(int64(by)) // as watchClock does by the monotonic clock, which this one lacks
			b.sync()
			one, other := newKey(), b.person("17")
			other.Began = a.now().UnixMilli()
			a.end(t, one)
			if err := a.EndUser(context.Background(), other.User); err != nil {
				t.Fatal(err)
			}
			m.made("")
			b.sync()
			if !b.knows(one) || !b.Ended(other) {
				t.Errorf("set by %s: the session has ended %v, those of the person %v", by, b.knows(one), b.Ended(other))
			}
			if listed := m.made("list"); slices.Contains(listed, b.root) {
				t.Errorf("set by %s: it has listed everything: %q", by, listed)
			}
		})
	}
}
