package revocation

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Meta cuts issued_at to whole seconds, and what ended the older sessions of a person
// dates the next one up to a minute later.
func TestN13_K3_WithinOneSecondARemovalEndsWhatBeganBeforeItAlone(t *testing.T) {
	for _, at := range []time.Duration{0, 500 * time.Millisecond, 999 * time.Millisecond} {
		for _, ends := range []int{0, 1, 5} {
			t.Run(fmt.Sprintf("%v after %d ends", at, ends), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					m := newMemory()
					a, b := newNode(t, m), newNode(t, m.healthy())
					for _, n := range []*node{a, b} {
						n.move(n.now().Truncate(time.Second).Add(time.Second + at).Sub(n.now()))
					}
					issued := a.now().Truncate(time.Second)
					user := a.person("1").User
					for range ends {
						if err := a.EndUser(context.Background(), user); err != nil {
							t.Fatal(err)
						}
					}
					before := a.person("1")
					if err := a.EndUserBefore(context.Background(), user, issued); err != nil {
						t.Fatal(err)
					}
					after := a.person("1")
					b.sync()
					for range 2 { // the second time it is a replay
						for what, n := range map[string]*node{"here": a, "elsewhere": b} {
							if !n.Ended(before) {
								t.Errorf("%s, a session from before the removal lives", what)
							}
							if n.Ended(after) {
								t.Errorf("%s, a session from after the removal has ended", what)
							}
							if err := n.EndUserBefore(context.Background(), user, issued); err != nil {
								t.Fatal(err)
							}
						}
						a.sync()
						b.sync()
					}
					// Signing out everywhere later on still ends it.
					if err := b.EndUser(context.Background(), user); err != nil || !b.Ended(after) {
						t.Errorf("ended = %v, %v", b.Ended(after), err)
					}
				})
			})
		}
	}
}

// A callback dates the next login up to a second later than a sign-out would, by a key of its
// own, and maybe on another node. Signing out everywhere right after that login ends it all the
// same.
func TestN13_SigningOutEverywhereEndsWhatACallbackHasDated(t *testing.T) {
	for _, at := range []time.Duration{0, 500 * time.Millisecond, 999 * time.Millisecond} {
		t.Run(at.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a, b := newNode(t, m), newNode(t, m.healthy())
				for _, n := range []*node{a, b} {
					n.move(n.now().Truncate(time.Second).Add(time.Second + at).Sub(n.now()))
				}
				s := Subject{Session: newKey(), User: newKey(), AppScoped: newKey(), AtBlock: newKey()}
				if err := a.EndUserBefore(t.Context(), s.AppScoped, a.now().Truncate(time.Second)); err != nil {
					t.Fatal(err)
				}
				s.Began = a.Begin(s.User, s.AppScoped, s.AtBlock)
				if a.Ended(s) {
					t.Fatal("the login has ended already")
				}
				if err := b.EndUser(t.Context(), s.User, s.AppScoped, s.AtBlock); err != nil {
					t.Fatal(err)
				}
				a.sync()
				if !a.Ended(s) || !b.Ended(s) {
					t.Errorf("ended = %v, %v", a.Ended(s), b.Ended(s))
				}
				s.Began = a.Begin(s.User, s.AppScoped, s.AtBlock)
				if a.Ended(s) || b.Ended(s) {
					t.Error("a login after it has ended")
				}
				if err := b.EndAll(t.Context()); err != nil || !b.Ended(s) {
					t.Errorf("everybody: ended = %v, %v", b.Ended(s), err)
				}
			})
		})
	}
}
