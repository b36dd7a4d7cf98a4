package revocation

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

func strict(m *Member) { m.Strict = true }

const emptiedLine = "was emptied or replaced"

// nodeAt returns a node that starts some time from now.
func nodeAt(t *testing.T, ahead time.Duration, storage Storage, changes ...func(*Member)) *node {
	t.Helper()
	n := &node{clock: &clock{}, log: &logbook{}, leave: func() {}}
	n.move(ahead)
	n.List = New("123", n.clock.now)
	t.Cleanup(func() { n.Close(); n.leave() })
	synctest.Wait()
	n.leave = n.join(t, storage, changes...)
	synctest.Wait()
	return n
}

// look is a look that may cause another one, which is waited for.
func (n *node) look() {
	n.Sync(context.Background())
	synctest.Wait()
}

func TestN12_ASessionThatIsOlderThanTheStorageIsForeign(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		early := time.Now()
		a := nodeAt(t, time.Hour, m.healthy())
		within := a.person("1").Began
		for began, want := range map[int64]bool{
			early.UnixMilli(): true, a.now().Add(-clockSkew - time.Second).UnixMilli(): true,
			a.now().Add(-clockSkew + time.Second).UnixMilli(): false, within: false,
		} {
			if got := a.Foreign(began); got != want {
				t.Errorf("began %v before the storage: foreign = %v", a.now().Sub(time.UnixMilli(began)), got)
			}
		}
		// A node that joins later, and one after all have been stopped, know the same.
		for _, later := range []time.Duration{2 * time.Hour, 100 * 24 * time.Hour} {
			b := nodeAt(t, later, m.healthy(), strict)
			if !b.Foreign(early.UnixMilli()) || b.Foreign(within) || b.Foreign(b.now().UnixMilli()) || b.Status().Failing != nil {
				t.Errorf("after %v: %v, %v, %+v", later, b.Foreign(early.UnixMilli()), b.Foreign(within), b.Status())
			}
		}
		for range 3 {
			a.ReportForeign()
		}
		a.move(foreignEvery)
		a.ReportForeign()
		if n := a.log.count("is older than the storage"); n != 2 || a.log.count("storage_since=") != 2 || a.log.count("remedy=") != 2 {
			t.Errorf("told %d times in an hour", n)
		}
	})
}

// A version before wrote no marker. An upgrade must make nobody foreign.
func TestN12_AnUpgradeOfAStorageWithEndsMakesNobodyForeign(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		key := newKey()
		newNode(t, m.healthy()).end(t, key)
		m.lose(strings.TrimSuffix(root("123"), "ended") + "marker")
		early := time.Now().Add(-300 * 24 * time.Hour).UnixMilli()
		for _, n := range []*node{nodeAt(t, time.Hour, m.healthy(), strict), nodeAt(t, 2*time.Hour, m.healthy())} {
			if n.Foreign(early) || n.Status().Failing != nil || !n.knows(key) {
				t.Errorf("foreign = %v, %+v", n.Foreign(early), n.Status())
			}
		}
		// Also where the marker cannot be written.
		m.lose(strings.TrimSuffix(root("123"), "ended") + "marker")
		readOnly := m.healthy()
		readOnly.inTrouble(func(_ context.Context, call string) error {
			if strings.HasPrefix(call, "store ") {
				return errDown
			}
			return nil
		})
		if n := nodeAt(t, 3*time.Hour, readOnly, strict); n.Foreign(early) || n.Status().Failing != nil {
			t.Errorf("read-only: foreign = %v, %+v", n.Foreign(early), n.Status())
		}
	})
}

func TestN12_AStorageThatWasEmptiedIsFilledAgainWhereThatIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		session, person := a.person("1"), a.person("2")
		for range 1500 {
			a.note(entry{oneSession, newKey(), always, a.now().Add(testLifetime).Unix()})
		}
		a.end(t, session.Session)
		if err := a.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		since := a.since.Load()
		a.move(time.Minute)
		synctest.Wait()
		m.lose("instagram_auth")
		a.look()
		if !errors.Is(a.Status().Failing, errEmptied) || a.log.count(emptiedLine) != 1 || a.log.count("level=ERROR") != 1 {
			t.Fatalf("told %d times: %+v", a.log.count(emptiedLine), a.Status())
		}
		for i := 0; a.Status().Failing != nil; i++ {
			if m.count(a.markerKey()) != 0 && a.Status().Failing != nil {
				t.Fatal("the marker stands before everything is there again")
			}
			if i > 20 {
				t.Fatalf("never filled: %+v", a.Status())
			}
			a.look()
		}
		if n := a.log.count("works again"); n != 1 {
			t.Errorf("told %d times that it works", n)
		}
		b := nodeAt(t, 2*time.Minute, m.healthy(), strict)
		if !b.knows(session.Session) || !b.Ended(person) || b.since.Load() != since || b.Status().Entries != 1502 || b.Status().Failing != nil {
			t.Errorf("a new node: %v, %v, since %d (want %d), %+v", b.knows(session.Session), b.Ended(person), b.since.Load(), since, b.Status())
		}
		// It may happen again.
		m.lose("instagram_auth")
		for range 20 {
			a.look()
		}
		if c := nodeAt(t, 3*time.Minute, m.healthy()); !c.knows(session.Session) || c.since.Load() != since {
			t.Errorf("the second time: %v, since %d", c.knows(session.Session), c.since.Load())
		}
	})
}

func TestN12_AStorageThatWasEmptiedIsAFaultForAStrictNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		shared := m.healthy()
		a, b := newNode(t, shared, strict), newNode(t, m.healthy(), strict)
		known, later := newKey(), newKey()
		a.end(t, known)
		b.look()
		// The folder is not mounted: this node sees another one, which is empty.
		mounted, empty := shared.files, newMemory().files
		synctest.Wait() // until nobody looks
		shared.files = empty
		for range 4 {
			a.move(time.Minute)
			a.look()
		}
		if s := a.Status(); !errors.Is(s.Failing, errEmptied) || !a.Stale(2*time.Minute) || !a.knows(known) {
			t.Errorf("stale = %v, %+v", a.Stale(2*time.Minute), s)
		}
		if n := a.log.count(emptiedLine); n != 4 {
			t.Errorf("told %d times in four minutes", n)
		}
		err := a.EndSession(t.Context(), Subject{Session: later}, a.now().Add(testLifetime))
		if !errors.Is(err, ErrNotWritten) || !errors.Is(err, errEmptied) || !a.knows(later) {
			t.Errorf("%v, ended = %v", err, a.knows(later))
		}
		a.move(fullEvery)
		a.look()
		if n := empty.count(""); n != 0 {
			t.Errorf("%d names were written into the wrong storage", n)
		}
		elsewhere := newKey()
		b.end(t, elsewhere)
		synctest.Wait()
		shared.files = mounted
		a.look()
		a.look()
		if s := a.Status(); s.Failing != nil || s.Queued != 0 || a.Stale(time.Minute) || !a.knows(elsewhere) || a.log.count("works again") != 1 {
			t.Errorf("after it was mounted again: %+v", s)
		}
		b.move(14 * time.Minute)
		b.look()
		if !b.knows(later) {
			t.Error("what ended meanwhile is not known elsewhere")
		}
	})
}

// Nodes with unlike settings on one storage: the one that fills it again helps the other.
func TestN12_AStrictNodeGoesOnWhenAnotherHasFilledTheStorageAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a, b := newNode(t, m.healthy(), strict), newNode(t, m.healthy())
		onlyA, onlyB := newKey(), newKey()
		m.lose("instagram_auth")
		a.look()
		if !errors.Is(a.Status().Failing, errEmptied) {
			t.Fatalf("%+v", a.Status())
		}
		a.note(entry{oneSession, onlyA, always, a.now().Add(time.Hour).Unix()})
		b.note(entry{oneSession, onlyB, always, b.now().Add(time.Hour).Unix()})
		for range 4 {
			b.look()
		}
		for range 3 {
			a.look()
		}
		if s := a.Status(); s.Failing != nil || !a.knows(onlyB) {
			t.Errorf("%+v", s)
		}
		if c := newNode(t, m.healthy()); !c.knows(onlyA) || !c.knows(onlyB) {
			t.Errorf("a new node knows %v, %v", c.knows(onlyA), c.knows(onlyB))
		}
	})
}

func TestN12_NodesThatStartAtOnceOnAFreshStorageAreWell(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			m := newMemory()
			var nodes []*node
			for i := range 4 {
				n := lonelyNode(t)
				n.move(time.Duration(i) * 20 * time.Second) // clocks are apart
				change := func(*Member) {}
				if i%2 == 0 {
					change = strict
				}
				n.leave = n.join(t, m.healthy(), change)
				nodes = append(nodes, n)
			}
			synctest.Wait()
			for range 3 {
				for _, n := range nodes {
					n.look()
					s := n.person("1")
					for i, other := range nodes {
						if other.Status().Failing != nil || other.Foreign(s.Began) {
							t.Fatalf("node %d: foreign = %v, %+v", i, other.Foreign(s.Began), other.Status())
						}
					}
				}
			}
		})
	}
}

func TestN12_AnEmptyStorageThatCannotBeWrittenIsNoHealthyOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		m.inTrouble(func(_ context.Context, call string) error {
			if strings.HasPrefix(call, "store ") {
				return errDown
			}
			return nil
		})
		a := newNode(t, m, strict)
		for range 3 {
			if s := a.Status(); !errors.Is(s.Failing, errNoMarker) || !errors.Is(s.Failing, errDown) && s.Queued == 0 || !a.Stale(time.Minute) {
				t.Errorf("%+v, stale = %v", s, a.Stale(time.Minute))
			}
			a.look()
			a.look()
		}
		s := a.person("1")
		a.move(10 * time.Minute)
		m.inTrouble(nil)
		a.look()
		a.look()
		if a.Status().Failing != nil || a.Stale(time.Minute) || a.Foreign(s.Began) {
			t.Errorf("%+v, foreign = %v", a.Status(), a.Foreign(s.Began))
		}
	})
}

func TestN12_AStorageThatAReloadBringsTakesOverWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old, fresh := newMemory(), newMemory()
		a := newNode(t, old, strict)
		key, living := newKey(), a.person("1")
		a.end(t, key)
		a.move(time.Hour)
		before := a.leave
		a.leave = a.join(t, fresh, strict)
		before()
		for range 3 {
			synctest.Wait()
			a.look()
		}
		if s := a.Status(); s.Failing != nil || a.Foreign(living.Began) {
			t.Errorf("%+v, foreign = %v", s, a.Foreign(living.Began))
		}
		b := nodeAt(t, 2*time.Hour, fresh.healthy(), strict)
		if !b.knows(key) || b.Foreign(living.Began) || b.Status().Failing != nil {
			t.Errorf("a new node: known = %v, foreign = %v, %+v", b.knows(key), b.Foreign(living.Began), b.Status())
		}
	})
}

// With Caddy's own storage, a reload makes a new storage of the same folder.
func TestN12_AReloadDoesNotHideThatTheFolderIsNotMounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mounted")
	bubble(t, func(t *testing.T) {
		a := newNode(t, &certmagic.FileStorage{Path: dir}, strict)
		key := newKey()
		a.end(t, key)
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		reload := func() {
			before := a.leave
			a.leave = a.join(t, &certmagic.FileStorage{Path: dir}, strict)
			before()
			synctest.Wait()
			a.look()
		}
		reload()
		if s := a.Status(); !errors.Is(s.Failing, errEmptied) {
			t.Errorf("after a reload: %+v", s)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Error("something was written")
		}
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		reload()
		if s := a.Status(); s.Failing != nil || !a.knows(key) {
			t.Errorf("mounted again: %+v", s)
		}
		time.Sleep(time.Minute)
	})
}

func TestN12_TheMarkerOfAnotherClockSecretOrAppDoesNoHarm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := nodeAt(t, 48*time.Hour, m.healthy()) // far ahead
		right := newNode(t, m.healthy(), strict)
		other := newNode(t, m.healthy(), strict, func(o *Member) { o.Sealer = newVault(t, strings.Repeat("b", 32)) })
		for range 3 {
			for _, n := range []*node{right, other} {
				n.look()
				if s := n.person("1"); n.Status().Failing != nil || n.Foreign(s.Began) {
					t.Errorf("foreign = %v, %+v", n.Foreign(s.Began), n.Status())
				}
			}
		}
		// Another app on the same storage has a marker of its own.
		second := New("456", right.clock.now)
		if second.markerKey() == a.markerKey() {
			t.Error("two apps have one marker")
		}
		second.Close()
		// Garbage in its place is no marker that went away.
		m.files.mu.Lock()
		m.notes[a.markerKey()] = []byte("garbage")
		m.files.mu.Unlock()
		right.look()
		if s := right.Status(); s.Failing != nil {
			t.Errorf("garbage: %+v", s)
		}
	})
}
