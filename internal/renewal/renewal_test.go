package renewal_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
)

// clock is a time that a test moves.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func newGroup(size, places int) (*renewal.Group[string], *clock) {
	at := new(clock)
	return renewal.New[string](size, places, 10*time.Minute, at.now), at
}

// wantStart fails the test unless work for a key starts, or does not.
func wantStart(t *testing.T, g *renewal.Group[string], key uint64, want bool) {
	t.Helper()
	if got := g.Start(key); got != want {
		t.Errorf("starting %d = %v", key, got)
	}
}

func wantResult(t *testing.T, g *renewal.Group[string], key uint64, want string) {
	t.Helper()
	if got, ok := g.Result(key); got != want || ok != (want != "") {
		t.Errorf("result of %d = %q, %v; want %q", key, got, ok, want)
	}
}

func TestWorkForAKeyRunsOnceHoweverManyAsk(t *testing.T) {
	g, _ := newGroup(100, 8)
	var started atomic.Int32
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if g.Start(1) {
				started.Add(1)
			}
		})
	}
	all.Wait()
	if started.Load() != 1 {
		t.Errorf("started %d times", started.Load())
	}
	wantResult(t, g, 1, "")
	g.Keep(1, "done")
	g.End(1, 0)
	wantResult(t, g, 1, "done")
	wantResult(t, g, 2, "")
	wantStart(t, g, 1, true)
}

func TestAResultIsKeptForAWhile(t *testing.T) {
	g, at := newGroup(100, 8)
	g.Start(1)
	g.Keep(1, "done")
	g.End(1, 0)
	at.advance(10 * time.Minute)
	wantResult(t, g, 1, "")
	// Who has fetched it and does not take it along finds it again.
	g.Keep(1, "again")
	for range 100 {
		at.advance(10*time.Minute - 1)
		wantResult(t, g, 1, "again")
	}
	at.advance(10 * time.Minute)
	wantResult(t, g, 1, "")
}

func TestP5_ResultsAreDroppedWithWhatTheyBelongTo(t *testing.T) {
	g, _ := newGroup(100, 8)
	for key, result := range []string{"jay", "maria", "jay"} {
		g.Start(uint64(key))
		g.Keep(uint64(key), result)
		g.End(uint64(key), time.Hour)
	}
	g.Drop(func(key uint64, result string) bool { return result == "jay" && key == 2 })
	wantResult(t, g, 0, "jay")
	wantResult(t, g, 1, "maria")
	wantResult(t, g, 2, "")
	wantStart(t, g, 2, false) // what is known of it besides stays
}

func TestAClockThatJumpsBackStopsNothing(t *testing.T) {
	g, at := newGroup(100, 8)
	at.advance(1000 * time.Hour)
	wantStart(t, g, 1, true)
	g.End(1, 24*time.Hour)
	g.Pause(time.Hour)
	at.advance(-1000 * time.Hour)
	wantStart(t, g, 1, true)
}

func TestAPauseIsKnown(t *testing.T) {
	g, at := newGroup(100, 8)
	if g.Paused() {
		t.Error("paused from the beginning")
	}
	g.Pause(time.Hour)
	at.advance(20 * time.Minute)
	if !g.Paused() || g.PausedFor() != 40*time.Minute {
		t.Errorf("paused for %v", g.PausedFor())
	}
	at.advance(40 * time.Minute)
	if g.Paused() || g.PausedFor() != 0 {
		t.Errorf("paused for ever, or %v", g.PausedFor())
	}
}

func TestP5_ResultsThatNobodyFetchesAreForgotten(t *testing.T) {
	at := new(clock)
	g := renewal.New[*[1 << 20]byte](100, 8, 10*time.Minute, at.now)
	defer runtime.KeepAlive(g) // so that the result is not collected with the whole group
	collected := make(chan bool, 1)
	big := new([1 << 20]byte)
	runtime.SetFinalizer(big, func(*[1 << 20]byte) { collected <- true })
	g.Start(1)
	g.Keep(1, big)
	g.End(1, time.Minute)
	at.advance(time.Hour)
	g.Start(2)
	g.Keep(2, nil)
	for range 100 {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the result of an hour ago is still there")
}

func TestAFixedNumberRunsAtATime(t *testing.T) {
	g, _ := newGroup(100, 2)
	wantStart(t, g, 1, true)
	wantStart(t, g, 2, true)
	wantStart(t, g, 3, false)
	g.End(1, 0)
	wantStart(t, g, 3, true)
	wantStart(t, g, 1, false)
}

func TestWorkIsNotStartedAgainTooSoon(t *testing.T) {
	g, at := newGroup(100, 8)
	wantStart(t, g, 1, true)
	g.End(1, time.Hour)
	wantStart(t, g, 1, false)
	wantStart(t, g, 2, true)
	at.advance(time.Hour - 1)
	wantStart(t, g, 1, false)
	at.advance(1)
	wantStart(t, g, 1, true)
}

func TestFailuresOfAllPauseAllForLongerEachTime(t *testing.T) {
	g, at := newGroup(100, 8)
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		wantStart(t, g, 1, true)
		g.End(1, 0)
		g.Pause(0)
		g.Pause(0) // another one that had begun before: the same trouble
		at.advance(pause*time.Second - 1)
		wantStart(t, g, 1, false)
		wantStart(t, g, 2, false)
		at.advance(1)
	}
	g.Resume()
	g.Pause(0)
	at.advance(time.Second)
	wantStart(t, g, 1, true)
}

func TestInstagramSaysHowLongAPauseIs(t *testing.T) {
	g, at := newGroup(100, 8)
	g.Pause(time.Hour)
	g.Pause(time.Minute) // makes it no shorter
	at.advance(time.Hour - 1)
	wantStart(t, g, 1, false)
	at.advance(1)
	wantStart(t, g, 1, true)
	g.Pause(time.Minute)
	g.Pause(time.Hour) // but longer
	at.advance(time.Hour - 1)
	wantStart(t, g, 2, false)
}

func TestD5_WhatIsRememberedIsBounded(t *testing.T) {
	g, _ := newGroup(10, 8)
	wantStart(t, g, 1, true)
	for key := range uint64(1000) {
		if key++; key > 1 {
			wantStart(t, g, key, true)
			g.Keep(key, "done")
			g.End(key, 0)
		}
	}
	wantStart(t, g, 1, false) // it runs, and that is not forgotten
	wantResult(t, g, 2, "")
	for key := uint64(992); key <= 1000; key++ {
		wantResult(t, g, key, "done")
	}
	wantResult(t, g, 991, "")
	// Looking at a result makes it recent.
	wantResult(t, g, 992, "done")
	wantStart(t, g, 2000, true)
	wantResult(t, g, 992, "done")
	wantResult(t, g, 993, "")
}
