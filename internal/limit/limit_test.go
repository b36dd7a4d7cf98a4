package limit_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
)

// clock is a time that a test moves.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func TestD2_AClientHasABurstAndARate(t *testing.T) {
	at := new(clock)
	r := limit.NewRate(10, 20, 100, at.now)
	for i := range 20 {
		if ok, _ := r.Allow("a"); !ok {
			t.Fatalf("refused at %d", i)
		}
	}
	ok, wait := r.Allow("a")
	if ok || wait != 6*time.Second {
		t.Errorf("after the burst: %v, wait %v", ok, wait)
	}
	if ok, _ := r.Allow("b"); !ok {
		t.Error("a second client is refused")
	}
	at.advance(6 * time.Second)
	if ok, _ := r.Allow("a"); !ok {
		t.Error("refused after the wait")
	}
	if ok, _ := r.Allow("a"); ok {
		t.Error("one wait gives two")
	}
	allowed := 0
	for range 600 {
		at.advance(100 * time.Millisecond)
		if ok, _ := r.Allow("a"); ok {
			allowed++
		}
	}
	if allowed != 10 {
		t.Errorf("%d in a minute, want 10", allowed)
	}
}

func TestD2_ANewRateScalesWhatIsMissing(t *testing.T) {
	at := new(clock)
	r := limit.NewRate(10, 20, 100, at.now)
	for range 20 {
		r.Spend("a")
	}
	for _, c := range []struct {
		perMinute int
		wait      time.Duration
	}{{20, 3 * time.Second}, {60, 0}, {20, 3 * time.Second}, {10, 66 * time.Second}} { // with a burst of as many
		if r.Set(c.perMinute, time.Minute); r.Wait("a") != c.wait {
			t.Errorf("%d a minute: wait %v, want %v", c.perMinute, r.Wait("a"), c.wait)
		}
	}
}

func TestD5_AsManyClientsAreRememberedAsShallBe(t *testing.T) {
	at := new(clock)
	r := limit.NewRate(10, 1, 3, at.now)
	for _, client := range []string{"a", "b", "c", "d"} {
		r.Allow(client)
	}
	for client, forgotten := range map[string]bool{"a": true, "b": false, "c": false, "d": false} {
		if wait := r.Wait(client); (wait == 0) != forgotten {
			t.Errorf("%s has to wait %v", client, wait)
		}
	}
}

func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestD5_ClientsThatAreRememberedAreBounded(t *testing.T) {
	at := new(clock)
	r := limit.NewRate(10, 1, 1000, at.now)
	for i := range 10_000 {
		r.Allow(fmt.Sprint("warm", i))
	}
	before := heapNow()
	for i := range 1_000_000 {
		r.Allow(limit.ClientOf(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)).Key())
	}
	if grown := heapNow() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	r.Allow("kept")
	if ok, _ := r.Allow("kept"); ok {
		t.Error("the most recent client is forgotten")
	}
}

func TestD2_ClientKeysStandForOneClient(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"": "unknown", "x": "unknown", "192.0.2.1:80": "unknown",
	} {
		if got := limit.ClientOf(ip).Key(); got != want {
			t.Errorf("%q is %q, want %q", ip, got, want)
		}
	}
}

func TestD3_AGateLetsInAFixedNumberAtATime(t *testing.T) {
	g := limit.NewGate(2, 50*time.Millisecond)
	first, ok := g.Enter(t.Context())
	second, ok2 := g.Enter(t.Context())
	if !ok || !ok2 {
		t.Fatal("refused at once")
	}
	if _, ok := g.Enter(t.Context()); ok {
		t.Error("a third is in")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := g.Enter(ctx); ok {
		t.Error("in with a context that has ended")
	}
	first()
	first() // leaving twice frees one place
	third, ok := g.Enter(t.Context())
	if !ok {
		t.Error("no place after one left")
	}
	if _, ok := g.Enter(t.Context()); ok {
		t.Error("two places after one left")
	}
	second()
	third()
}

func TestD3_SomebodyWhoWaitsGetsThePlace(t *testing.T) {
	g := limit.NewGate(1, time.Minute)
	leave, _ := g.Enter(t.Context())
	entered := make(chan bool)
	go func() {
		_, ok := g.Enter(t.Context())
		entered <- ok
	}()
	leave()
	if !<-entered {
		t.Error("refused")
	}
}

func TestD3_ABreakerOpensAfterFailuresInARow(t *testing.T) {
	at := new(clock)
	b := limit.NewBreaker(3, 10*time.Second, at.now)
	ready := func() *limit.Call {
		t.Helper()
		call, _ := b.Ready()
		if call == nil {
			t.Fatal("not ready")
		}
		return call
	}
	refused := func(want time.Duration) {
		t.Helper()
		if call, wait := b.Ready(); call != nil || wait != want {
			t.Fatalf("ready = %v, wait %v, want %v", call != nil, wait, want)
		}
	}
	for _, success := range []bool{false, false, true, false, false} { // not in a row
		ready().Report(success)
	}
	ready().Withdraw() // says nothing
	early := ready()
	ready().Report(false)
	at.advance(4 * time.Second)
	refused(6 * time.Second)
	early.Withdraw() // was no trial, and does not make room for one
	refused(6 * time.Second)
	at.advance(6 * time.Second)
	trial := ready()          // one goes through
	refused(10 * time.Second) // the others wait for what becomes of it
	trial.Withdraw()
	ready().Report(false) // the next one may be the trial
	refused(10 * time.Second)
	at.advance(10 * time.Second)
	ready() // is never reported
	at.advance(10 * time.Second)
	ready().Report(true)
	ready()
	ready()
}

func TestC4_ANonceIsUsedOnce(t *testing.T) {
	at := new(clock)
	o := limit.NewOnce(100, 10*time.Minute, at.now)
	var wins atomic.Int32
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if o.First([32]byte{1}) {
				wins.Add(1)
			}
		})
	}
	wait.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d were first", wins.Load())
	}
	at.advance(10*time.Minute - 1)
	if o.First([32]byte{1}) {
		t.Error("forgotten too early")
	}
	at.advance(1)
	if !o.First([32]byte{1}) {
		t.Error("not forgotten after its time")
	}
}

func TestC4_WhatIsRememberedIsBounded(t *testing.T) {
	at := new(clock)
	o := limit.NewOnce(10, 10*time.Minute, at.now)
	for i := range 1000 {
		o.First([32]byte{byte(i), byte(i >> 8), 1})
	}
	for i := 990; i < 1000; i++ {
		if o.First([32]byte{byte(i), byte(i >> 8), 1}) {
			t.Errorf("%d, one of the last ten, is forgotten", i)
		}
	}
	for _, i := range []int{989, 0} {
		if !o.First([32]byte{byte(i), byte(i >> 8), 1}) {
			t.Errorf("%d, of which there are ten newer ones, is remembered", i)
		}
	}
	// What has been forgotten takes no room, and making room costs little.
	next := uint32(0)
	nonce := func() (n [32]byte) {
		next++
		binary.BigEndian.PutUint32(n[:], next)
		return n
	}
	before := heapNow()
	for range 200_000 {
		o.First(nonce())
	}
	if grown := heapNow() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if n := testing.AllocsPerRun(10_000, func() { o.First(nonce()) }); n >= 1 {
		t.Errorf("%v allocations for each", n)
	}
}

func TestD3_ABreakerTellsWhenItOpensAndCloses(t *testing.T) {
	at := new(clock)
	b := limit.NewBreaker(2, 10*time.Second, at.now)
	for i, step := range []struct {
		success bool
		change  limit.Change
		open    bool
	}{
		{false, limit.Unchanged, false}, {false, limit.Opened, true}, {false, limit.Unchanged, true}, // a trial that fails
		{true, limit.Closed, false}, {true, limit.Unchanged, false}, {false, limit.Unchanged, false}, {false, limit.Opened, true},
	} {
		call, _ := b.Ready()
		if change := call.Report(step.success); change != step.change || b.Open() != step.open {
			t.Errorf("report %d: change %d, open %v", i, change, b.Open())
		}
		at.advance(10 * time.Second)
	}
	if !b.Open() {
		t.Error("closed by time alone")
	}
}

func TestP2_AStormIsSampled(t *testing.T) {
	at := new(clock)
	s := limit.NewSample(3, time.Minute, at.now)
	take := func(kind string, wantOK bool, wantMissed int) {
		t.Helper()
		if ok, missed := s.Take(kind); ok != wantOK || missed != wantMissed {
			t.Errorf("%s: %v, missed %d; want %v, %d", kind, ok, missed, wantOK, wantMissed)
		}
	}
	for range 3 {
		take("a", true, 0)
	}
	at.advance(time.Minute - 1)
	for range 5 {
		take("a", false, 0)
	}
	take("b", true, 0) // another kind is another matter
	at.advance(1)
	take("a", true, 5)
	take("a", true, 0)
	at.advance(-time.Hour) // a clock that is set back stops nothing
	for range 3 {
		take("a", true, 0)
	}
	take("a", false, 0)
}

func TestD3_ALockedBreakerOpensAtOnceAndStaysUntilACallSucceeds(t *testing.T) {
	at := new(clock)
	b := limit.NewBreaker(5, 10*time.Second, at.now)
	want := func(wait time.Duration, locked, open bool) {
		t.Helper()
		if got, is := b.Locked(); is != locked || locked && got != wait || b.Open() != open {
			t.Fatalf("locked %v for %v, open %v; want %v for %v, %v", is, got, b.Open(), locked, wait, open)
		}
	}
	want(0, false, false)
	early, _ := b.Ready()
	if !b.Lock(time.Minute) { // after no failure at all
		t.Error("the first lock is not the first")
	}
	if b.Lock(time.Minute) {
		t.Error("the second lock is a first one")
	}
	want(time.Minute, true, true)
	if call, wait := b.Ready(); call != nil || wait != time.Minute {
		t.Errorf("ready %v, wait %v", call != nil, wait)
	}
	at.advance(45 * time.Second)
	early.Withdraw() // began before, and was no trial
	want(15*time.Second, true, true)
	b.Lock(time.Minute) // what fails again begins the rest again
	want(time.Minute, true, true)

	at.advance(time.Minute)
	want(0, false, true) // one may try; nobody else
	trial, _ := b.Ready()
	if other, wait := b.Ready(); trial == nil || other != nil || wait != 10*time.Second {
		t.Fatalf("trial %v, another one %v after %v", trial != nil, other != nil, wait)
	}
	trial.Withdraw()
	trial, _ = b.Ready()
	if change := trial.Report(false); change != limit.Unchanged || b.Lock(time.Minute) {
		t.Errorf("a trial that fails: change %d, or the lock is a new one", change)
	}
	want(time.Minute, true, true)

	at.advance(time.Minute)
	trial, _ = b.Ready()
	if change := trial.Report(true); change != limit.Closed {
		t.Errorf("a trial that succeeds: change %d", change)
	}
	want(0, false, false)
	if !b.Lock(time.Minute) {
		t.Error("after a success a lock is not the first")
	}
}

func TestD3_UnlockClosesALockedBreakerAlone(t *testing.T) {
	at := new(clock)
	b := limit.NewBreaker(2, 10*time.Second, at.now)
	if b.Unlock() {
		t.Error("it was locked")
	}
	for range 2 {
		call, _ := b.Ready()
		call.Report(false)
	}
	if b.Unlock() || !b.Open() {
		t.Error("what failures have opened is closed by Unlock")
	}
	b.Lock(time.Minute) // an open one may be locked, too
	if _, locked := b.Locked(); !locked {
		t.Error("not locked")
	}
	if !b.Unlock() || b.Unlock() || b.Open() {
		t.Error("Unlock has to close it, once")
	}
	if _, locked := b.Locked(); locked {
		t.Error("still locked")
	}
	call, _ := b.Ready()
	if call == nil {
		t.Fatal("closed, and not ready")
	}
	if change := call.Report(false); change != limit.Unchanged { // failures count anew
		t.Errorf("change %d", change)
	}
}

// Of many calls that fail at once, one is told that it was the first.
func TestD3_ManyLocksAtOnceHaveOneFirst(t *testing.T) {
	at := new(clock)
	b := limit.NewBreaker(5, 10*time.Second, at.now)
	var firsts, unlocks atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if b.Lock(time.Minute) {
				firsts.Add(1)
			}
			b.Locked()
		})
	}
	all.Wait()
	for range 50 {
		all.Go(func() {
			if b.Unlock() {
				unlocks.Add(1)
			}
		})
	}
	all.Wait()
	if firsts.Load() != 1 || unlocks.Load() != 1 {
		t.Errorf("%d were the first, %d unlocked it", firsts.Load(), unlocks.Load())
	}
}
