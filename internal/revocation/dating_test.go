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
					a, b := newNode(t, m), newNode(t, m.beside())
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
