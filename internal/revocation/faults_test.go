package revocation

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

func down(context.Context, string) error { return errDown }

func TestF1_AStorageThatFailsEndsNobodysSessionAndForgetsNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		storage := m.healthy()
		a, b := newNode(t, storage), newNode(t, m.healthy())
		stays, gone := a.person("1"), a.person("2")
		a.end(t, gone.Session)
		storage.inTrouble(down)
		for range 10 {
			a.move(time.Hour)
			a.sync()
			if a.Ended(stays) || !a.Ended(gone) {
				t.Fatal("the mirror is no longer used")
			}
		}
		if s := a.Status(); !errors.Is(s.Failing, errDown) || s.Entries != 1 {
			t.Errorf("status %+v", s)
		}
		// L3: it has ended here, and does not claim more.
		later := []Subject{a.person("3"), a.person("4"), a.person("5")}
		a.EndSessionLater(Subject{Session: later[0].Session}, a.now().Add(testLifetime))
		for i, err := range []error{
			a.EndSession(t.Context(), Subject{Session: later[1].Session}, a.now().Add(testLifetime)), a.EndUser(t.Context(), later[2].User),
		} {
			if !errors.Is(err, ErrNotWritten) || !errors.Is(err, errDown) {
				t.Errorf("%d: %v", i, err)
			}
		}
		for range 3 {
			synctest.Wait()
			a.sync()
		}
		if n := a.Status().Queued; n != 3 {
			t.Errorf("%d queued", n)
		}
		storage.inTrouble(nil)
		a.sync()
		b.move(10 * time.Hour)
		b.sync()
		for i, s := range later {
			if !a.Ended(s) || !b.Ended(s) {
				t.Errorf("%d has not ended here and elsewhere after the recovery", i)
			}
		}
		if s := a.Status(); s.Queued != 0 || s.Failing != nil || s.Lost != 0 {
			t.Errorf("status %+v", s)
		}
		if warned, well := a.log.count("level=WARN"), a.log.count("works again"); warned != 10 || well != 1 {
			t.Errorf("%d warnings in ten hours, %d times well again", warned, well)
		}
	})
}

func TestF1_AFailingStorageIsSpokenOfOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		m.inTrouble(down)
		a := newNode(t, m)
		for range 60 {
			a.sync()
			a.move(time.Second)
		}
		if n := a.log.count("level=WARN"); n != 1 {
			t.Errorf("%d warnings in a minute", n)
		}
		if a.log.count("never read") != 1 {
			t.Error("the age of a list that was never read is something")
		}
		a.sync()
		if n := a.log.count("level=WARN"); n != 2 {
			t.Errorf("%d warnings in a minute and a second", n)
		}
		m.inTrouble(nil)
		a.sync()
		a.move(90 * time.Second)
		m.inTrouble(down)
		a.sync()
		if a.log.count("age=1m30s") != 1 {
			t.Error("the age of the list is not told")
		}
	})
}

func TestF1_D5_WhatCannotBeWrittenIsKeptUpToABound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		m.inTrouble(down)
		a := newNode(t, m)
		for i := range maxQueue {
			a.keep(entry{oneSession, Key(i + 1), always, always})
		}
		if s := a.Status(); s.Queued != maxQueue || s.Lost != 0 {
			t.Fatalf("%d queued, %d lost", s.Queued, s.Lost)
		}
		for i := range 5 {
			a.sync() // tries, and changes nothing of the order
			if err := a.EndSessionByKey(t.Context(), Key(maxQueue+i+1)); !errors.Is(err, ErrNotWritten) {
				t.Fatal(err)
			}
		}
		if s := a.Status(); s.Queued != maxQueue || s.Lost != 5 {
			t.Errorf("%d queued, %d lost", s.Queued, s.Lost)
		}
		for i, e := range a.queue.order {
			if e.key != Key(i+6) {
				t.Fatalf("place %d has %s: not the oldest were given up", i, e.key)
			}
		}
		// What comes in while a part is being tried goes behind that part.
		m.inTrouble(func(_ context.Context, call string) error {
			if strings.HasPrefix(call, "store ") {
				a.keep(entry{oneSession, 1 << 40, always, always})
			}
			return errDown
		})
		a.sync()
		if q, s := a.queue.order, a.Status(); q[0].key != 7 || q[maxQueue-1].key != 1<<40 || s.Lost != 6 || s.Queued != maxQueue {
			t.Errorf("first %s, last %s, %d lost, %d queued", q[0].key, q[maxQueue-1].key, s.Lost, s.Queued)
		}
		m.inTrouble(nil)
		a.sync()
		if left := a.Status().Queued; left != maxQueue-writesPerSync || m.count(a.root) != writesPerSync {
			t.Errorf("after one look %d are left, %d written", left, m.count(a.root))
		}
		a.queue = newQueue()
	})
}

func TestF1_D5_AStorageThatHangsHoldsNobodyAndFewGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		known := newKey()
		a.end(t, known)
		release := make(chan struct{})
		var hanging atomic.Int64
		m.inTrouble(func(context.Context, string) error { // files on a disk that hangs know no context
			hanging.Add(1)
			defer hanging.Add(-1)
			<-release
			return nil
		})
		before := runtime.NumGoroutine()
		const calls = operationsAtATime + 20
		const others = 3 // of the runtime's, which come and go
		type outcome struct {
			err    error
			waited time.Duration
		}
		outcomes := make(chan outcome, calls)
		keys := make([]Key, calls)
		for i := range keys {
			keys[i] = newKey()
			go func() {
				start := time.Now()
				err := a.EndSession(context.Background(), Subject{Session: keys[i]}, start.Add(time.Hour))
				outcomes <- outcome{err, time.Since(start)}
			}()
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > calls+operationsAtATime+others {
			t.Errorf("%d goroutines for %d calls", n, calls)
		}
		busy := 0
		for range calls {
			o := <-outcomes
			if !errors.Is(o.err, ErrNotWritten) {
				t.Errorf("returned %v", o.err)
			}
			if errors.Is(o.err, errBusy) {
				busy++
				if o.waited != operationTimeout {
					t.Errorf("waited %v to learn that the storage is busy", o.waited)
				}
			} else if o.waited != operationTimeout || !errors.Is(o.err, context.DeadlineExceeded) {
				t.Errorf("waited %v: %v", o.waited, o.err)
			}
		}
		if n := hanging.Load(); busy != 20 || n != operationsAtATime {
			t.Errorf("%d busy, %d hanging", busy, n)
		}
		for range 10 {
			start := time.Now()
			a.sync()
			if waited := time.Since(start); waited > 2*operationTimeout || !errors.Is(a.Status().Failing, errBusy) {
				t.Errorf("a look took %v: %v", waited, a.Status().Failing)
			}
		}
		for _, key := range append(keys, known) {
			if !a.knows(key) {
				t.Error("a session has not ended here")
			}
		}
		if n := runtime.NumGoroutine() - before; n > operationsAtATime+others {
			t.Errorf("%d goroutines are left", n)
		}
		close(release)
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > others || hanging.Load() != 0 {
			t.Errorf("%d goroutines are left after the storage came back", n)
		}
		a.sync()
		if s := a.Status(); s.Queued != 0 || s.Failing != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestF1_EachOperationThatHangsHasItsTime(t *testing.T) {
	for _, test := range []struct {
		hangs string
		most  time.Duration
	}{
		{"list", operationTimeout}, {"store", operationTimeout + operationTimeout}, {"delete", operationTimeout},
		{"lock", lockTimeout}, {"unlock", operationTimeout},
	} {
		t.Run(test.hangs, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a := newNode(t, m)
				a.keep(entry{oneSession, 1, always, always})
				a.sweeper.expired = []bucketKeys{{bucket: a.root + "/0000000001"}}
				release := make(chan struct{})
				m.inTrouble(func(_ context.Context, call string) error {
					if strings.HasPrefix(call, test.hangs+" ") {
						<-release
					}
					return nil
				})
				start := time.Now()
				a.sync()
				if took := time.Since(start); took < operationTimeout || took > test.most {
					t.Errorf("a look took %v", took)
				}
				close(release)
				synctest.Wait()
				a.sync()
				if s := a.Status(); s.Failing != nil || s.Queued != 0 || len(a.sweeper.expired) != 0 || m.isLocked() {
					t.Errorf("after it came back: %+v, %d expired", s, len(a.sweeper.expired))
				}
			})
		})
	}
}

func TestF1_AVisitorWhoGoesKeepsNothingFromBeingWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		key := newKey()
		if err := a.EndSessionByKey(ctx, key); !errors.Is(err, ErrNotWritten) || !a.knows(key) {
			t.Errorf("%v, ended = %v", err, a.knows(key))
		}
		m.inTrouble(nil)
		a.sync()
		if m.count(a.root) != 1 {
			t.Error("not written later")
		}
	})
}

func TestF1_AStorageThatPanicsIsOneThatFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(func(_ context.Context, call string) error { panic("secret of the storage's: " + call) })
		key := newKey()
		err := a.EndSessionByKey(t.Context(), key)
		if !errors.Is(err, ErrNotWritten) || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
		a.move(fullEvery)
		for range 2 * operationsAtATime {
			a.sync()
		}
		if s := a.Status(); s.Failing == nil || errors.Is(s.Failing, errBusy) || !a.knows(key) {
			t.Errorf("status %+v", s)
		}
		m.inTrouble(nil)
		a.sync()
		if s := a.Status(); s.Failing != nil || s.Queued != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestF5_ASealerThatFailsIsAStorageThatFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory(), func(m *Member) { m.Sealer = noSealer{} })
		key := newKey()
		if err := a.EndSessionByKey(t.Context(), key); !errors.Is(err, ErrNotWritten) || !a.knows(key) {
			t.Errorf("%v, ended = %v", err, a.knows(key))
		}
	})
}
