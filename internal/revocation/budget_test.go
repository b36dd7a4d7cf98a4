package revocation

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// weight returns how many files stand below a folder, and what they and their names weigh.
func weight(t *testing.T, dir string) (files, bytes int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		files++
		bytes += len(strings.TrimPrefix(path, dir)) + int(info.Size())
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files, bytes
}

// quickFiles are files that are not flushed to the disk one by one.
type quickFiles struct{ *certmagic.FileStorage }

func (q quickFiles) Store(_ context.Context, key string, value []byte) error {
	file := q.Filename(key)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, value, 0o600)
}

// The figure: what one person leaves in Caddy's own storage after 10,000 ends of each kind.
func TestN14_TenThousandEndsOfOnePersonLeaveFewNames(t *testing.T) {
	ends := 10_000
	if raceEnabled || testing.Short() {
		ends = 600
	}
	for what, test := range map[string]struct {
		most int // names
		end  func(n *node, s Subject) error
	}{
		"sign out everywhere": {1, func(n *node, s Subject) error { return n.EndUser(context.Background(), s.User) }},
		"remove the app":      {1, func(n *node, s Subject) error { return n.EndUserBefore(context.Background(), s.User, n.now()) }},
		"everybody":           {1, func(n *node, _ Subject) error { return n.EndAll(context.Background()) }},
		"sign out": {budgetBurst + 1, func(n *node, s Subject) error {
			return n.EndSession(context.Background(), s, n.now().Add(testLifetime))
		}},
		"sign in again": {budgetBurst + 1, func(n *node, s Subject) error {
			n.EndSessionLater(s, n.now().Add(testLifetime))
			synctest.Wait()
			return nil
		}},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dir := t.TempDir()
				storage := quickFiles{&certmagic.FileStorage{Path: dir}}
				a := newNode(t, storage)
				ended := filepath.Join(dir, filepath.FromSlash(a.root))
				first := a.person("1")
				last := first
				for i := range ends {
					a.move(time.Second)
					if err := test.end(a, last); err != nil {
						t.Fatal(err)
					}
					if !a.Ended(last) {
						t.Fatalf("end %d: the session goes on", i)
					}
					last = a.person("1")
					if a.Ended(last) {
						t.Fatalf("end %d: the next session has ended, too", i)
					}
				}
				files, bytes := weight(t, ended)
				entries := a.Status().Entries
				t.Logf("after %d ends: %d names, %d bytes, %d entries in memory", ends, files, bytes, entries)
				grown := ends/(int(budgetEvery/time.Second)) + 1 // of the budget meanwhile
				if test.most == 1 {
					grown = 0
				}
				if files > test.most+grown || entries > test.most+grown {
					t.Errorf("%d names, %d entries in memory", files, entries)
				}
				b := lonelyNode(t)
				b.move(time.Duration(a.clock.ahead.Load()))
				b.leave = b.join(t, storage)
				synctest.Wait()
				if !b.Ended(first) || b.Ended(last) {
					t.Errorf("on a node that starts now the first session has ended = %v, the last = %v", b.Ended(first), b.Ended(last))
				}
				time.Sleep(time.Minute) // until the storage no longer renews its lock
			})
		})
	}
}

// Ends of one person on several nodes are swept down to the last one.
func TestN14_OfEndsOnManyNodesTheLastOneIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		nodes := []*node{newNode(t, m.healthy()), newNode(t, m.healthy()), newNode(t, m.healthy())}
		old, other := nodes[0].person("1"), nodes[0].person("2")
		if err := nodes[1].EndUser(t.Context(), other.User); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			n := nodes[i%len(nodes)]
			n.sync()
			if err := n.EndUser(t.Context(), old.User); err != nil {
				t.Fatal(err)
			}
		}
		if n := m.count(nodes[0].root); n > len(nodes)+1 {
			t.Errorf("%d names before a sweep", n)
		}
		for range 3 {
			for _, n := range nodes {
				n.move(fullEvery + time.Minute)
				n.sync()
			}
		}
		if n := m.count(nodes[0].root); n != 2 {
			t.Errorf("%d names of two people are left", n)
		}
		if late := newNode(t, m.healthy()); !late.Ended(old) || !late.Ended(other) {
			t.Error("an end is forgotten")
		}
	})
}

// An older end is needed by whoever cannot read or believe the later one.
func TestN14_AnOlderEndStaysForWhoeverNeedsIt(t *testing.T) {
	other := func(o *Member) { o.Sealer = newVault(t, strings.Repeat("b", 32)) }
	bubble(t, func(t *testing.T) {
		m := newMemory()
		both := newNode(t, m)
		leave := both.join(t, m.healthy(), other)
		person := both.person("1")
		if err := both.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		leave() // a reload takes the second block away; another node still has it
		synctest.Wait()
		both.move(time.Minute)
		if err := both.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		leave = both.join(t, m.healthy(), other)
		defer leave()
		for range 3 {
			both.move(fullEvery + time.Minute)
			both.sync()
		}
		if second := newNode(t, m.healthy(), other); !second.Ended(person) {
			t.Error("who has the other secret alone has lost the end")
		}
	})
	bubble(t, func(t *testing.T) {
		m := newMemory()
		ahead, right := newNode(t, m.healthy()), newNode(t, m.healthy())
		person := right.person("1")
		if err := right.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		ahead.move(3 * 24 * time.Hour)
		if err := ahead.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			right.move(fullEvery + time.Minute)
			right.sync()
		}
		if late := newNode(t, m.healthy()); !late.Ended(person) {
			t.Error("the end that counts went for one that does not count yet")
		}
	})
}

// When the budget is spent, the end of a session takes older sessions of the person along,
// and no newer one, and nobody else's.
func TestN14_AnEndBeyondTheBudgetEndsNoNewerSessionAndNobodyElses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		other := a.person("2")
		end := func(s Subject) {
			t.Helper()
			if err := a.EndSession(t.Context(), s, a.now().Add(testLifetime)); err != nil {
				t.Fatal(err)
			}
		}
		older := a.person("1")
		for range budgetBurst {
			a.move(time.Millisecond)
			end(a.person("1"))
		}
		a.move(time.Millisecond)
		mine := a.person("1")
		a.move(time.Millisecond)
		newer := a.person("1")
		if a.Ended(older) || m.count(a.root) != budgetBurst {
			t.Fatalf("within the budget an older session has ended = %v; %d names", a.Ended(older), m.count(a.root))
		}
		end(mine)
		if !a.Ended(mine) || a.Ended(newer) || a.Ended(other) || !a.Ended(older) {
			t.Errorf("mine %v, newer %v, other %v, older %v", a.Ended(mine), a.Ended(newer), a.Ended(other), a.Ended(older))
		}
		// To end again what has ended writes nothing.
		before := len(m.made("store"))
		for range 100 {
			end(mine)
			end(older)
		}
		if again := len(m.made("store")); before == 0 || again != 0 {
			t.Errorf("written %d times more", again)
		}
		// The budget grows again, and somebody else has their own.
		a.move(budgetEvery + time.Second)
		end(newer)
		end(other)
		if got := m.count(a.root); got != budgetBurst+3 {
			t.Errorf("%d names", got)
		}
		b := newNode(t, m.healthy())
		for what, s := range map[string]Subject{"mine": mine, "older": older, "newer": newer, "other": other} {
			if !b.Ended(s) {
				t.Errorf("%s has not ended on another node", what)
			}
		}
	})
}

func TestN14_D5_BudgetsAreBounded(t *testing.T) {
	var b budget
	now := time.Now()
	for i := range 3 * maxBudgets {
		if !b.take(Key(i+1), now) {
			t.Fatal("a person has no budget at first")
		}
		if len(b.people) > maxBudgets {
			t.Fatalf("%d budgets", len(b.people))
		}
	}
	now = now.Add(budgetEvery)
	b.take(1<<40, now)
	if n := len(b.people); n != 1 {
		t.Errorf("%d budgets are left when all are whole again", n)
	}
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		for i := range maxLast + 100 {
			a.mu.Lock()
			a.remember(entryID{oneUser, Key(i + 1)}, written{})
			a.mu.Unlock()
		}
		if n := len(a.last); n != maxLast {
			t.Errorf("%d last ends", n)
		}
	})
}

// A deletion that fails or hangs costs the person's request little and ends nothing less.
func TestN14_F1_AnOldEndThatCannotBeDeletedGoesLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		person := a.person("1")
		m.inTrouble(func(ctx context.Context, call string) error {
			if strings.HasPrefix(call, "delete ") {
				return errDown
			}
			return nil
		})
		for range 5 {
			if err := a.EndUser(t.Context(), person.User); err != nil {
				t.Fatal(err)
			}
		}
		m.inTrouble(nil)
		for range 3 {
			a.move(fullEvery + time.Minute)
			a.sync()
		}
		if n := m.count(a.root); n != 1 {
			t.Errorf("%d names", n)
		}
		if late := newNode(t, m.healthy()); !late.Ended(person) {
			t.Error(fmt.Sprint("forgotten ", m.count(a.root)))
		}
	})
}
