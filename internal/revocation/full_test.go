package revocation

import (
	"context"
	"testing"
	"testing/synctest"
)

// On a busy node, something ends during each listing. That must not keep the marker from
// being written, nor have everything listed again and again.
func TestN12_EndsDuringListingsDoNotKeepTheMarkerAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		newNode(t, m.healthy()).end(t, newKey())
		n := lonelyNode(t)
		m.lose(n.markerKey())
		listings := 0
		n.leave = n.join(t, m.healthy(), func(member *Member) {
			member.Storage.(*memory).inTrouble(func(_ context.Context, call string) error {
				if call == "list "+n.root {
					if listings++; listings <= 40 {
						n.EndSessionLater(n.person("7"), n.now().Add(testLifetime))
					}
				}
				return nil
			})
		})
		synctest.Wait()
		if s := n.Status(); listings != 1 || s.Failing != nil || s.Queued != 0 || n.log.count("level=WARN") != 0 || m.count(n.markerKey()) != 1 {
			t.Errorf("%d listings, %d markers: %+v", listings, m.count(n.markerKey()), s)
		}
	})
}

// What was unwritten before the listing began does count.
func TestN12_TheMarkerWaitsForWhatWasUnwrittenBeforeTheListing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		n := lonelyNode(t)
		for range writesPerSync + 1 {
			n.EndSessionLater(Subject{Session: newKey()}, n.now().Add(testLifetime))
		}
		m.inTrouble(func(_ context.Context, call string) error {
			if call == "store "+n.markerKey() && n.Status().Queued > 0 {
				t.Error("the marker is written before everything is there")
			}
			return nil
		})
		n.leave = n.join(t, m)
		synctest.Wait()
		for range 2 {
			n.look()
		}
		if s := n.Status(); s.Failing != nil || s.Queued != 0 || m.count(n.markerKey()) != 1 {
			t.Errorf("%+v", s)
		}
	})
}
