package revocation

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lose takes everything away that is stored below a prefix, without a call.
func (f *files) lose(prefix string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.names {
		if strings.HasPrefix(name, prefix) {
			delete(f.names, name)
			delete(f.notes, name)
		}
	}
}

// Entries that a running node knows come back into a storage that was restored from an
// older backup.
func TestN12_ANodeWritesAgainWhatAStorageHasLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		old, lost, person, all := newKey(), newKey(), a.person("1"), a.person("2")
		a.end(t, old)
		backup := m.count(a.root)
		a.end(t, lost)
		if err := a.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		if err := a.EndAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		names := m.count(a.root)
		a.move(time.Second)
		m.lose(a.root)
		a.end(t, newKey()) // and lives on
		a.move(fullEvery)
		a.look()
		a.look()
		if got := m.count(a.root); backup != 1 || got != names+1 || a.log.count("writing them again") != 1 {
			t.Errorf("%d names, want %d; told %d times", got, names+1, a.log.count("writing them again"))
		}
		late := newNode(t, m.healthy())
		if !late.knows(old) || !late.knows(lost) || !late.Ended(person) || !late.Ended(all) {
			t.Error("a node that starts now does not know what had ended")
		}
		// All is there: nothing is written again.
		m.made("store")
		for range 5 {
			a.move(fullEvery)
			a.look()
		}
		if again := m.made("store"); len(again) != 0 {
			t.Errorf("written again: %q", again)
		}
		// A storage that forgets at once is not written full.
		for range 20 {
			m.lose(a.root)
			a.move(fullEvery)
			a.look()
		}
		if n := len(m.made("store")); n > 10 {
			t.Errorf("written %d times into a storage that forgets", n)
		}
	})
}

// What ends while everything is listed is not taken for lost.
func TestN12_WhatEndsDuringAListingIsWrittenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		first := true
		m.listed = func(_ string, keys []string) ([]string, error) {
			if first {
				first = false
				for range 3 {
					a.end(t, newKey())
				}
			}
			return keys, nil
		}
		a.move(fullEvery)
		a.look()
		a.look()
		if n := len(m.made("store")); n != 3 {
			t.Errorf("written %d times, want 3", n)
		}
	})
}

// What was written again may be lost again. The node gives up only on a storage that never shows
// it, or that loses it again and again.
func TestN12_ASecondLossIsMadeGoodToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		key, person := newKey(), a.person("1")
		a.end(t, key)
		if err := a.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			m.lose(a.root)
			for range 3 {
				a.move(fullEvery)
				a.look()
			}
			if n := m.count(a.root + "/"); n != 2 {
				t.Errorf("after loss %d, %d names are there", i+1, n)
			}
		}
		if b := newNode(t, m.healthy()); !b.knows(key) || !b.Ended(person) {
			t.Error("a node that starts now does not know what had ended")
		}
		// One that shows everything and nothing by turns must not be written full.
		m.made("store")
		turns := 0
		m.listed = func(prefix string, keys []string) ([]string, error) {
			if prefix != a.root {
				return keys, nil
			}
			if turns++; turns%2 == 0 {
				return nil, nil
			}
			return keys, nil
		}
		for range 40 {
			a.move(fullEvery)
			a.look()
		}
		if n := len(m.made("store")); n > 2*maxHeals {
			t.Errorf("written %d times into a storage that flaps", n)
		}
	})
}

// The list of what ends during a listing is let go, whatever comes of the listing.
func TestN12_NothingIsRememberedAfterAListing(t *testing.T) {
	for name, c := range map[string]func(*node, *memory){
		"all is well": func(*node, *memory) {},
		"the storage was emptied": func(n *node, m *memory) {
			m.lose("instagram_auth")
			n.look()
		},
		"the listing fails": func(_ *node, m *memory) {
			m.inTrouble(func(_ context.Context, call string) error {
				return map[bool]error{true: errDown}[strings.HasPrefix(call, "list ")]
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				n := newNode(t, m, strict)
				n.end(t, newKey())
				c(n, m)
				n.move(fullEvery)
				n.look()
				for range 3 {
					n.EndSessionLater(n.person("1"), n.now().Add(testLifetime))
				}
				synctest.Wait()
				n.mu.Lock()
				defer n.mu.Unlock()
				if n.meanwhile != nil {
					t.Errorf("%d ends are remembered", len(n.meanwhile))
				}
			})
		})
	}
}
