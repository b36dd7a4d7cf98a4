package revocation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// readOnly returns a storage with the same files that cannot be written.
func (m *memory) readOnly() *memory {
	other := m.healthy()
	other.inTrouble(func(_ context.Context, call string) error {
		return map[bool]error{true: errDown}[strings.HasPrefix(call, "store ")]
	})
	return other
}

const unmarkedLine = "writing its marker failed"

// fullListings returns how often everything was listed since the last call.
func (m *memory) fullListings(n *node) (full int) {
	for _, prefix := range m.made("list") {
		if prefix == n.root {
			full++
		}
	}
	return full
}

// An upgrade on a storage that can be read alone. That is one state, with one warning.
func TestN12_AStorageWithEndsThatTakesNoMarkerIsOneState(t *testing.T) {
	for name, change := range map[string]func(*Member){"strict": strict, "not strict": func(*Member) {}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				key := newKey()
				before := newNode(t, m.healthy())
				before.end(t, key)
				m.lose(before.markerKey())
				ro := m.readOnly()
				n := nodeAt(t, time.Hour, ro, change)
				for i := range 8 {
					if s := n.Status(); s.Failing != nil || n.Stale(time.Minute) || !n.knows(key) {
						t.Errorf("look %d: %+v", i, s)
					}
					n.move(5 * time.Second)
					n.look()
				}
				if full := ro.fullListings(n); full != 1 {
					t.Errorf("everything was listed %d times", full)
				}
				for range 3 {
					n.move(fullEvery)
					n.look()
				}
				if warned := n.log.count("level=WARN"); warned != 1 || n.log.count(unmarkedLine) != 1 || n.log.count("works again") != 0 {
					t.Errorf("warned %d times: %s", warned, n.log.lines.String())
				}
				// A reload brings a storage that can be written.
				leave := n.leave
				n.leave = n.join(t, m.healthy(), change)
				leave()
				synctest.Wait()
				n.look()
				if s := n.Status(); s.Failing != nil || m.count(n.markerKey()) != 1 || n.Foreign(0) {
					t.Errorf("written: %+v", s)
				}
			})
		})
	}
}

// What ends there cannot be written. The log reports that, and does not report in
// between that all is well.
func TestN12_AStorageThatTakesNoMarkerAndNoEndsFailsSteadily(t *testing.T) {
	for name, early := range map[string]bool{"before the first look": true, "later": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				before := newNode(t, m.healthy())
				before.end(t, newKey())
				m.lose(before.markerKey())
				ro := m.readOnly()
				n := lonelyNode(t)
				end := func() { n.EndSessionLater(n.person("1"), n.now().Add(testLifetime)) }
				if early {
					end()
				}
				n.leave = n.join(t, ro, strict)
				synctest.Wait()
				if !early {
					end()
					synctest.Wait()
				}
				for i := range 8 {
					if s := n.Status(); !errors.Is(s.Failing, errDown) || errors.Is(s.Failing, errNoMarker) || s.Queued != 1 {
						t.Errorf("look %d: %+v", i, s)
					}
					n.move(5 * time.Second)
					n.look()
				}
				if full := ro.fullListings(n); full != 1 || n.log.count("works again") != 0 || n.log.count(unmarkedLine) != 1 {
					t.Errorf("everything was listed %d times; %s", full, n.log.lines.String())
				}
				ro.inTrouble(nil)
				for range 2 {
					n.move(fullEvery)
					n.look()
				}
				if s := n.Status(); s.Failing != nil || s.Queued != 0 || m.count(n.markerKey()) != 1 {
					t.Errorf("written: %+v", s)
				}
			})
		})
	}
}

// Somebody deletes the marker alone, and then nothing can be written.
func TestN12_AMarkerThatCannotBeWrittenAgainIsOneState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		n := newNode(t, m)
		n.end(t, newKey())
		n.move(time.Minute)
		n.look()
		m.lose(n.markerKey())
		m.inTrouble(func(_ context.Context, call string) error {
			return map[bool]error{true: errDown}[strings.HasPrefix(call, "store ")]
		})
		n.look()
		m.made("list")
		for range 8 {
			n.move(5 * time.Second)
			n.look()
		}
		if full := m.fullListings(n); full != 0 || n.log.count("works again") != 1 || n.log.count(emptiedLine) != 1 || n.log.count(unmarkedLine) != 1 {
			t.Errorf("everything was listed %d times; %s", full, n.log.lines.String())
		}
		// With the ends gone, too, it is no healthy storage.
		m.lose(n.root)
		n.move(fullEvery)
		n.look()
		n.look()
		if s := n.Status(); s.Failing == nil {
			t.Errorf("%+v", s)
		}
	})
}
