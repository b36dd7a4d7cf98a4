package revocation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// mail is callbacks of one person and moment, on two paths.
type mail struct {
	t        *testing.T
	issuedAt time.Time
	done     int
}

func (m *mail) delivery(path, other string) Delivery {
	of := func(what string) []string { return []string{"new" + what, "old" + what} }
	return Delivery{
		IssuedAt: m.issuedAt, Arrived: of(path), ElsewhereArrived: of(other),
		Outcomes: [][]string{of(path + "0"), of(path + "1")},
	}
}

func (m *mail) work() (int, error) { m.done++; return 1, nil }

func (m *mail) deliver(n *node, path, other string, want Result) {
	m.t.Helper()
	result, outcome, err := n.Deliver(m.t.Context(), m.delivery(path, other), m.work)
	if result != want || err != nil || want <= DeliveredBefore && outcome != 1 {
		m.t.Errorf("%s: result %v, outcome %d, %v; want %v", path, result, outcome, err, want)
	}
}

func TestN11_ACallbackIsDeliveredOnceOnAllNodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		a, b := newNode(t, storage), newNode(t, storage.healthy(), func(m *Member) { m.Sealer = newVault(t, "another secret of another operator") })
		m := &mail{t: t, issuedAt: a.now()}
		m.deliver(a, "x", "y", Delivered)
		for range 7 * 24 {
			m.deliver(a, "x", "y", DeliveredBefore)
			m.deliver(b, "x", "y", DeliveredBefore)
			a.move(time.Hour)
			b.move(time.Hour)
			a.sync()
		}
		if m.done != 1 || storage.isLocked() {
			t.Errorf("done %d times; locked: %v", m.done, storage.isLocked())
		}
		if n := storage.count(a.deliveryRoot() + "/"); n != 2 {
			t.Errorf("%d notes within seven days", n)
		}
		a.move(2 * time.Hour)
		a.sync()
		if n := storage.count(a.deliveryRoot() + "/"); n != 0 {
			t.Errorf("%d notes afterwards", n)
		}
	})
}

func TestN11_TheSecondPathIsTakenWhileItMayBeMetas(t *testing.T) {
	for name, c := range map[string]struct {
		signedAgo, between time.Duration
		want               Result
	}{
		"at once":                  {0, 0, Delivered},
		"an hour later":            {0, time.Hour, Delivered},
		"more than an hour later":  {0, time.Hour + time.Second, Misdirected},
		"both after an outage":     {24 * time.Hour, time.Hour, Delivered},
		"one later than the other": {24 * time.Hour, time.Hour + time.Second, Misdirected},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := newNode(t, newMemory())
				m := &mail{t: t, issuedAt: a.now().Add(-c.signedAgo)}
				m.deliver(a, "x", "y", Delivered)
				a.move(c.between)
				m.deliver(a, "y", "x", c.want)
			})
		})
	}
	// What came in time may be tried again later.
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		m := &mail{t: t, issuedAt: a.now()}
		m.deliver(a, "x", "y", Delivered)
		failed := errors.New("failed")
		if _, _, err := a.Deliver(t.Context(), m.delivery("y", "x"), func() (int, error) { return 0, failed }); err != failed {
			t.Errorf("err = %v", err)
		}
		a.move(24 * time.Hour)
		m.deliver(a, "y", "x", Delivered)
	})
}

func TestN11_WithoutTheStorageNothingIsDelivered(t *testing.T) {
	for name, trouble := range map[string]string{"everything fails": "", "locks fail": "lock ", "notes cannot be read": "load ", "notes cannot be written": "store "} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				storage := newMemory()
				a := newNode(t, storage)
				m := &mail{t: t, issuedAt: a.now()}
				storage.inTrouble(func(_ context.Context, call string) error {
					return map[bool]error{true: errDown}[strings.HasPrefix(call, trouble)]
				})
				if _, _, err := a.Deliver(t.Context(), m.delivery("x", "y"), m.work); !errors.Is(err, ErrNotDelivered) || m.done != 0 {
					t.Errorf("done %d times, %v", m.done, err)
				}
				storage.inTrouble(nil)
				m.deliver(a, "x", "y", Delivered)
			})
		})
	}
	t.Run("no member", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := &mail{t: t, issuedAt: time.Now()}
			if _, _, err := lonelyNode(t).Deliver(t.Context(), m.delivery("x", "y"), m.work); !errors.Is(err, ErrNotDelivered) || m.done != 0 {
				t.Errorf("done %d times, %v", m.done, err)
			}
		})
	})
}

func TestN11_WhatAnotherRequestDeliversIsNotDeliveredMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		m := &mail{t: t, issuedAt: a.now()}
		_, _, err := a.Deliver(t.Context(), m.delivery("x", "y"), func() (int, error) {
			m.deliver(a, "x", "y", UnderWay)
			return m.work()
		})
		if err != nil || m.done != 1 {
			t.Errorf("done %d times, %v", m.done, err)
		}
	})
}

func TestN11_RubbishIsNoNote(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		a := newNode(t, storage)
		m := &mail{t: t, issuedAt: a.now()}
		d := m.delivery("x", "y")
		for _, names := range append([][]string{d.Arrived}, d.Outcomes...) {
			place := a.markName(d, names[0])
			storage.put(place)
			storage.notes[place] = []byte("rubbish")
		}
		m.deliver(a, "x", "y", Delivered)
	})
}

// A secret has been put in front since.
func TestN11_NotesOfAnOlderSecretCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newNode(t, newMemory())
		m := &mail{t: t, issuedAt: a.now()}
		before := m.delivery("x", "y")
		for _, names := range append([][]string{before.Arrived}, before.Outcomes...) {
			names[0] = names[1]
		}
		if _, _, err := a.Deliver(t.Context(), before, m.work); err != nil {
			t.Error(err)
		}
		m.deliver(a, "x", "y", DeliveredBefore)
	})
}

// The storage was emptied, and with it went the notes of what had been delivered.
func TestN11_NothingIsDeliveredIntoAStorageThatWasEmptied(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		a := newNode(t, storage, strict)
		m := &mail{t: t, issuedAt: a.now()}
		m.deliver(a, "x", "y", Delivered)
		a.move(time.Minute)
		marker := storage.notes[a.markerKey()]
		storage.lose("instagram_auth")
		a.look()
		_, _, err := a.Deliver(t.Context(), m.delivery("x", "y"), m.work)
		if !errors.Is(err, ErrNotDelivered) || !errors.Is(err, errEmptied) || m.done != 1 {
			t.Errorf("done %d times, %v", m.done, err)
		}
		// What is done once on all nodes is done, and leaves nothing behind either.
		if ran, err := a.Once(t.Context(), 7, func(context.Context) error { return nil }); !ran || err != nil {
			t.Errorf("ran = %v, %v", ran, err)
		}
		if n := storage.count(""); n != 0 || storage.isLocked() {
			t.Errorf("%d names were written into the emptied storage; locked: %v", n, storage.isLocked())
		}
		// The right storage is back.
		if err := storage.Store(t.Context(), a.markerKey(), marker); err != nil {
			t.Fatal(err)
		}
		a.look()
		m.issuedAt = a.now()
		m.deliver(a, "x", "y", Delivered)
		m.deliver(a, "x", "y", DeliveredBefore)
		if m.done != 2 {
			t.Errorf("done %d times", m.done)
		}
	})
}

// The node notices while the callback is being delivered.
func TestN11_NoNoteIsLeftInAStorageThatIsEmptiedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		a := newNode(t, storage, strict)
		m := &mail{t: t, issuedAt: a.now()}
		_, _, err := a.Deliver(t.Context(), m.delivery("x", "y"), func() (int, error) {
			storage.lose("instagram_auth")
			a.look()
			return m.work()
		})
		if n := storage.count(""); err != nil || n != 0 || a.log.count("it may be delivered again") != 1 {
			t.Errorf("%d names, %v", n, err)
		}
	})
}

// A secret is being changed, and not all nodes have it in front yet.
func TestN11_NodesThatListSecretsInAnotherOrderHoldOneLock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		storage := newMemory()
		a, b := newNode(t, storage), newNode(t, storage.healthy())
		m := &mail{t: t, issuedAt: a.now()}
		turned := m.delivery("x", "y")
		for _, names := range append([][]string{turned.Arrived, turned.ElsewhereArrived}, turned.Outcomes...) {
			names[0], names[1] = names[1], names[0]
		}
		_, _, err := a.Deliver(t.Context(), m.delivery("x", "y"), func() (int, error) {
			if result, _, err := b.Deliver(t.Context(), turned, m.work); result != UnderWay || err != nil {
				t.Errorf("meanwhile: result %v, %v", result, err)
			}
			return m.work()
		})
		if err != nil || m.done != 1 {
			t.Errorf("done %d times, %v", m.done, err)
		}
		if result, _, err := b.Deliver(t.Context(), turned, m.work); result != DeliveredBefore || err != nil || m.done != 1 {
			t.Errorf("afterwards: result %v, %v", result, err)
		}
	})
}
