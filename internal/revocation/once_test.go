package revocation

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// worker counts how often its work is done.
type worker struct{ done atomic.Int32 }

func (w *worker) work(context.Context) error { w.done.Add(1); return nil }

// once has a node do the work for a key, and fails the test unless it did it, or not.
func (w *worker) once(t *testing.T, n *node, key Key, want bool) {
	t.Helper()
	if ran, err := n.Once(t.Context(), key, w.work); ran != want || err != nil {
		t.Errorf("ran = %v, %v; want %v", ran, err, want)
	}
}

func TestT7_WorkIsDoneOnOneNodeAlone(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		a, b := newNode(t, &certmagic.FileStorage{Path: dir}), newNode(t, &certmagic.FileStorage{Path: dir})
		var workers [8]worker
		var all sync.WaitGroup
		for i := range workers {
			key := newKey()
			for _, n := range []*node{a, b} {
				all.Go(func() {
					if _, err := n.Once(t.Context(), key, workers[i].work); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		for i := range workers {
			if n := workers[i].done.Load(); n != 1 {
				t.Errorf("done %d times", n)
			}
		}
		time.Sleep(10 * time.Second) // until certmagic sees that its locks are gone
	})
}

func TestT7_ANoteCountsForAWhileAndForItsKeyAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a, b := newNode(t, m), newNode(t, m.healthy())
		key, w := newKey(), new(worker)
		w.once(t, a, key, true)
		w.once(t, b, newKey(), true)
		for range 60 { // at each minute of an hour
			w.once(t, b, key, false)
			for _, n := range []*node{a, b} {
				n.move(OnceFor - time.Second)
			}
			w.once(t, b, key, false)
			for _, n := range []*node{a, b} {
				n.move(time.Second)
			}
			w.once(t, b, key, true)
			w.once(t, a, key, false)
			for _, n := range []*node{a, b} {
				n.move(51 * time.Minute)
			}
			w.once(t, a, key, true)
		}
		// A clock that is a little behind makes no difference, one that is far ahead does.
		b.move(-clockSkew)
		w.once(t, b, key, false)
		b.move(-30 * time.Minute)
		w.once(t, b, key, true)
	})
}

func TestT7_WorkThatFailedIsDoneAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		key, w := newKey(), new(worker)
		failed := errors.New("failed")
		if ran, err := a.Once(t.Context(), key, func(context.Context) error { return failed }); !ran || err != failed {
			t.Errorf("ran = %v, %v", ran, err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = a.Once(t.Context(), key, func(context.Context) error { panic("failed") })
		}()
		if m.isLocked() {
			t.Error("the lock has been kept")
		}
		w.once(t, a, key, true)
	})
}

func TestT7_ALostLockKeepsNobodyFromWorking(t *testing.T) {
	for name, trouble := range map[string]func(context.Context, string) error{
		"everything fails": down,
		"locks fail": func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "lock ")]
		},
		"notes cannot be read": func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "load ")]
		},
		"notes cannot be written": func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "store ")]
		},
		"locks are not given back": func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "unlock ")]
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a := newNode(t, m)
				m.inTrouble(trouble)
				w := new(worker)
				w.once(t, a, newKey(), true)
			})
		})
	}
	t.Run("no member", func(t *testing.T) {
		bubble(t, func(t *testing.T) { new(worker).once(t, lonelyNode(t), newKey(), true) })
	})
	t.Run("the storage hangs, and is known to", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := newMemory()
			a := newNode(t, m)
			m.inTrouble(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
			a.sync()
			new(worker).once(t, a, newKey(), true)
		})
	})
}

// A time-out of the storage's own is no lock of somebody else's.
func TestT7_AStorageThatGivesUpEarlyKeepsNobodyFromWorking(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		m.inTrouble(func(_ context.Context, call string) error {
			return map[bool]error{true: context.DeadlineExceeded}[strings.HasPrefix(call, "lock ")]
		})
		new(worker).once(t, a, newKey(), true)
	})
}

// What ends while the work is done does not make another node do it again.
func TestT7_TheNoteIsLeftWhateverEndsMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a, b := newNode(t, m), newNode(t, m.healthy())
		key := newKey()
		ctx, cancel := context.WithCancel(t.Context())
		if ran, err := a.Once(ctx, key, func(context.Context) error { cancel(); return nil }); !ran || err != nil {
			t.Errorf("ran = %v, %v", ran, err)
		}
		new(worker).once(t, b, key, false)
	})
}

func TestT7_WhoHasTheLockDoesTheWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		key, w := newKey(), new(worker)
		m.lock(lockName(a.onceRoot(), onceName(a.root, key)), true)
		w.once(t, a, key, false)
		// Whoever gives up waiting gets told why, and keeps nothing that comes late.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if ran, err := a.Once(ctx, key, w.work); ran || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ran = %v, %v", ran, err)
		}
		m.lock(lockName(a.onceRoot(), onceName(a.root, key)), false)
		w.once(t, a, key, true)
		if m.isLocked() {
			t.Error("the lock has been kept")
		}
	})
}

func TestF3_NotesAreSealedForTheirPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		one, other, w := newKey(), newKey(), new(worker)
		w.once(t, a, one, true)
		note, place := m.notes[a.noteOf(one, a.now())], a.noteOf(other, a.now())
		if note == nil || strings.Contains(a.noteOf(one, a.now()), one.String()) {
			t.Fatalf("notes = %v", m.notes)
		}
		for _, forged := range [][]byte{note, {}, []byte("x"), make([]byte, 8)} {
			m.put(place)
			m.notes[place] = forged
			w.once(t, a, other, true)
		}
		// Another node that does not know the secret does not believe it either.
		b := newNode(t, m.healthy(), func(m *Member) { m.Sealer = newVault(t, "another secret of another operator") })
		w.once(t, b, one, true)
	})
}

func TestD5_OldNotesAreSwept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		w := new(worker)
		for range 20 {
			w.once(t, a, newKey(), true)
		}
		m.put(a.onceRoot()+"/0000000001/x", a.onceRoot()+"/not-ours/x")
		count := func() int { return m.count(a.onceRoot() + "/") }
		a.move(fullEvery)
		a.sync()
		if n := count(); n != 20+1 {
			t.Errorf("%d notes after ten minutes", n)
		}
		a.move(2 * time.Hour)
		w.once(t, a, newKey(), true)
		a.sync()
		if n := count(); n != 1+1 {
			t.Errorf("%d notes after two hours: %v", n, m.names)
		}
		if s := a.Status(); s.Unreadable != 0 || s.Entries != 0 {
			t.Errorf("status = %+v", s)
		}
	})
}
