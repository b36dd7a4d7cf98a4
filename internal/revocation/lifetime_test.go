package revocation

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The end of a person's sessions must outlive every session that it ended, whatever the
// lifetime was where it was written.

func TestN13_TheEndOfAPersonsSessionsOutlivesAnyLifetime(t *testing.T) {
	for what, end := range map[string]func(*node, Key) error{
		"sign out everywhere": func(n *node, k Key) error { return n.EndUser(context.Background(), k) },
		"deauthorized":        func(n *node, k Key) error { return n.EndUserBefore(context.Background(), k, n.now()) },
		"everybody":           func(n *node, _ Key) error { return n.EndAll(context.Background()) },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a := newNode(t, m)
				person := a.person("1")
				if err := end(a, person.User); err != nil {
					t.Fatal(err)
				}
				const days = 24 * time.Hour
				for range 365 / 5 { // a node that runs, and sweeps, all the while
					a.move(5 * days)
					a.sync()
					if !a.Ended(person) {
						t.Fatalf("the node forgot after %v", a.now().Sub(time.UnixMilli(person.Began)))
					}
				}
				late := lonelyNode(t)
				late.move(365 * days)
				late.leave = late.join(t, m.healthy())
				synctest.Wait()
				if !late.Ended(person) {
					t.Error("a node that starts within the longest lifetime does not know")
				}
				a.move(5 * days)
				for range 5 {
					a.move(fullEvery)
					a.sync()
				}
				if n := m.count(a.root); n != 0 {
					t.Errorf("%d entries are left when no session can be alive", n)
				}
			})
		})
	}
}

// Versions before wrote the end of a person's sessions with the lifetime of their node.
func TestN13_AnEndThatWasWrittenWithAShorterLifetimeIsKeptAllTheSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		person, all := a.person("1"), a.person("2")
		before := a.now().UnixMilli() + 1
		for _, e := range []entry{{oneUser, person.User, before, a.now().Add(time.Hour).Unix()}, {everyone, 0, before, a.now().Add(time.Hour).Unix()}} {
			if err := a.store(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 {
			a.move(10 * 24 * time.Hour)
			a.sync()
		}
		late := lonelyNode(t)
		late.move(300 * 24 * time.Hour)
		late.leave = late.join(t, m.healthy())
		synctest.Wait()
		for _, n := range []*node{a, late} {
			if !n.Ended(person) || !n.Ended(all) {
				t.Errorf("person ended = %v, everybody = %v", n.Ended(person), n.Ended(all))
			}
		}
	})
}

// A session ends by its own end, which is in its cookie, and not by the lifetime of the
// node that ends it.
func TestN13_TheEndOfASessionIsKeptUntilTheSessionsOwnEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		own, unknown := newKey(), newKey()
		if err := a.EndSession(t.Context(), Subject{Session: own}, a.now().Add(MaxLifetime)); err != nil {
			t.Fatal(err)
		}
		if err := a.EndSessionByKey(t.Context(), unknown); err != nil {
			t.Fatal(err)
		}
		for range 73 {
			a.move(5 * 24 * time.Hour)
			a.sync()
		}
		late := lonelyNode(t)
		late.move(365 * 24 * time.Hour)
		late.leave = late.join(t, m.healthy())
		synctest.Wait()
		if !late.knows(own) || !late.knows(unknown) || !a.knows(own) || !a.knows(unknown) {
			t.Error("the end of a session was forgotten before the session's own end")
		}
	})
}
