package revocation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestD5_OneSessionFillsNoQueueHoweverOftenItEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a, b := newNode(t, m), newNode(t, m.healthy())
		m.inTrouble(down)
		victim, mine := newKey(), newKey()
		for _, key := range append([]Key{victim}, repeated(mine, 1000)...) {
			if err := a.EndSession(t.Context(), Subject{Session: key}, a.now().Add(time.Hour)); !errors.Is(err, ErrNotWritten) {
				t.Fatal(err)
			}
		}
		if s := a.Status(); s.Queued != 2 || s.Lost != 0 {
			t.Errorf("%d queued, %d lost", s.Queued, s.Lost)
		}
		m.inTrouble(nil)
		a.sync()
		b.sync()
		if !b.knows(victim) || !b.knows(mine) || a.Status().Queued != 0 {
			t.Errorf("known: %v, %v; %d queued", b.knows(victim), b.knows(mine), a.Status().Queued)
		}
	})
}

func repeated(key Key, n int) (keys []Key) {
	for range n {
		keys = append(keys, key)
	}
	return keys
}

func TestL3_NothingCountsAsWrittenWhileItIsBeingWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(func(ctx context.Context, call string) error {
			if strings.HasPrefix(call, "store ") {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		key, person := newKey(), newKey()
		end := func() error { return a.EndSession(context.Background(), Subject{Session: key}, a.now().Add(time.Hour)) }
		results := make(chan error, 2)
		go func() { results <- end() }()
		go func() { _ = a.EndUser(context.Background(), person) }()
		synctest.Wait()
		if !a.UserUnwritten(person) || a.UserUnwritten(newKey()) {
			t.Error("the end of a person's sessions that is being written counts as written")
		}
		if err := end(); !errors.Is(err, ErrNotWritten) {
			t.Errorf("while the first is being written: %v", err)
		}
		if err := <-results; !errors.Is(err, ErrNotWritten) {
			t.Error(err)
		}
		go a.Sync(context.Background())
		synctest.Wait()
		if err := end(); !errors.Is(err, ErrNotWritten) {
			t.Errorf("while the queue is being written: %v", err)
		}
		m.inTrouble(nil)
		a.sync()
		if err := end(); err != nil || a.UserUnwritten(person) {
			t.Errorf("in the end: %v, %v", err, a.UserUnwritten(person))
		}
	})
}

func TestF5_AStorageThatKnowsLessIsToldMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, y := newMemory(), newMemory()
		a := newNode(t, y)
		move := func(to *memory) {
			leave := a.leave
			a.leave = a.join(t, to)
			leave()
			synctest.Wait()
			a.sync()
		}
		first := a.person("1")
		end := func() {
			if err := errors.Join(a.EndUser(t.Context(), first.User), a.EndAll(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		end()
		move(x)
		a.move(5 * time.Minute)
		second := a.person("1")
		stranger := a.person("2")
		end()
		move(y.healthy())
		a.sync()
		b := newNode(t, y.healthy())
		if !b.Ended(first) || !b.Ended(second) || !b.Ended(stranger) {
			t.Errorf("ended: %v, %v, %v", b.Ended(first), b.Ended(second), b.Ended(stranger))
		}
		// And nothing is written twice, however often the storage is changed to itself.
		y.made("")
		for range 3 {
			move(y.healthy())
		}
		if n := len(y.made("store")); n != 0 {
			t.Errorf("written %d times more", n)
		}
	})
}

func TestF5_MoreThanTheQueueHoldsIsCarriedOverInParts(t *testing.T) {
	const many = maxQueue/2 + 1500
	bubble(t, func(t *testing.T) {
		old, fresh := newMemory(), newMemory()
		a := newNode(t, old)
		for range many {
			a.note(entry{oneSession, newKey(), always, a.now().Add(time.Hour).Unix()})
		}
		leave := a.leave
		a.leave = a.join(t, fresh)
		leave()
		synctest.Wait()
		for range many/writesPerSync + 10 {
			a.sync()
		}
		if s := a.Status(); s.Lost != 0 || s.Queued != 0 || fresh.count(a.root) != many {
			t.Errorf("%+v, %d written", s, fresh.count(a.root))
		}
	})
}
