package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
)

// bound is a bound with a clock, 20 failures a minute for each client.
type bound struct {
	*limit.Failures
	at clock
}

func newBound() *bound {
	b := new(bound)
	b.Failures = limit.NewFailures(20, time.Minute, 10_000, b.at.now)
	return b
}

// fail makes an attempt with a made-up code and reports whether it was let through.
func (b *bound) fail(address string) bool {
	attempt, refused := b.Ask(limit.ClientOf(address))
	if refused != nil {
		return false
	}
	attempt.Failed()
	return true
}

func (b *bound) succeed(address string) bool {
	attempt, refused := b.Ask(limit.ClientOf(address))
	if refused != nil {
		return false
	}
	attempt.Succeeded()
	return true
}

func TestN15_SuccessesCostAnAddressNothing(t *testing.T) {
	b := newBound()
	for i := range 10_000 {
		if !b.succeed("192.0.2.1") {
			t.Fatalf("success %d was refused", i)
		}
	}
	// As many as there can be at once are under way, in a place where somebody has failed.
	b.fail("192.0.2.1")
	var under []*limit.Attempt
	for i := range 32 {
		attempt, refused := b.Ask(limit.ClientOf("192.0.2.1"))
		if refused != nil {
			t.Fatalf("%d at once: %+v", i, refused)
		}
		under = append(under, attempt)
	}
	for _, attempt := range under {
		attempt.Succeeded()
	}
	failed := 0
	for b.fail("192.0.2.1") {
		failed++
	}
	if failed != 20 {
		t.Errorf("after the successes %d more may fail, want 20", failed)
	}
	// And no more than these, however many have succeeded.
	b.at.advance(3 * time.Second)
	if !b.succeed("192.0.2.1") || !b.fail("192.0.2.1") || !b.fail("192.0.2.1") || b.fail("192.0.2.1") {
		t.Error("a success makes up for one failure")
	}
}

func TestD2_FailuresOfAClientAreBounded(t *testing.T) {
	b := newBound()
	c := limit.ClientOf("192.0.2.1")
	for range 20 {
		b.fail("192.0.2.1")
	}
	_, refused := b.Ask(c)
	if looked := b.Look(c); refused == nil || looked == nil || *refused != *looked || refused.By != limit.OfClient || refused.Wait != 3*time.Second {
		t.Fatalf("refused = %+v, looked %+v", refused, looked)
	}
	if !b.fail("192.0.2.2") {
		t.Error("another client is refused")
	}
	b.at.advance(3 * time.Second)
	if !b.fail("192.0.2.1") || b.fail("192.0.2.1") {
		t.Error("a wait has to give one")
	}
	b.Set(1000, time.Minute, false)
	if !b.fail("192.0.2.1") {
		t.Error("a higher limit does not count at once")
	}
	b.Set(1, time.Hour, true)
	for i := range 40 {
		if !b.fail("192.0.2.1") {
			t.Fatalf("without a limit, attempt %d is refused", i)
		}
	}
}

func TestD2_WithdrawnAttemptsCostNothing(t *testing.T) {
	b := newBound()
	for i := range 10_000 {
		attempt, refused := b.Ask(limit.ClientOf("192.0.2.1"))
		if refused != nil {
			t.Fatalf("attempt %d: %+v", i, refused)
		}
		attempt.Withdraw()
	}
}

// Visitors without an address are no client together, and still bounded over all.
func TestN15_ClientsWithoutAnAddressShareNoBudget(t *testing.T) {
	for _, address := range []string{"", "@", "x", "192.0.2.1:80"} {
		for ofOne, ofAll := range map[int]int{20: 64, 100: 300} {
			b := newBound()
			b.Set(ofOne, time.Minute, false)
			failed := 0
			for b.fail(address) {
				failed++
			}
			if failed != ofAll {
				t.Errorf("%q: %d failed at once, want %d", address, failed, ofAll)
			}
			if refused := b.Look(limit.ClientOf(address)); refused == nil || refused.By != limit.OfAll {
				t.Errorf("%q: %+v", address, refused)
			}
		}
		if limit.ClientOf(address).HasAddress() {
			t.Errorf("%q is taken for an address", address)
		}
	}
}

// useUp fails from ever new addresses until the limit over all of them is reached.
func (b *bound) useUp() {
	for i := 0; b.fail(ofManyNetworks(i)); i++ {
	}
}

func TestN9_WhoIsRefusedWaitsForTheShareThatIsFreeFirst(t *testing.T) {
	b := newBound()
	b.succeed("198.51.100.1")
	b.useUp()
	for address, want := range map[string]limit.Refused{
		"":             {By: limit.OfAll, Wait: time.Second},            // of the common share
		"198.51.100.2": {By: limit.OfAll, Wait: 250 * time.Millisecond}, // of the newcomers'
	} {
		if refused := b.Look(limit.ClientOf(address)); refused == nil || *refused != want {
			t.Errorf("%q: %+v, want %+v", address, refused, want)
		}
	}
}

func TestN9_AFailureTakesTheShareOfThoseWhoHaveSucceededAway(t *testing.T) {
	b := newBound()
	b.succeed("198.51.100.1")
	b.succeed("198.51.100.2")
	b.useUp()
	for _, address := range []string{"198.51.100.1", "198.51.100.2"} {
		attempt, refused := b.Ask(limit.ClientOf(address))
		if refused != nil || attempt.Share() != limit.Returning {
			t.Fatalf("%s: %+v, %+v", address, attempt, refused)
		}
		if address == "198.51.100.1" {
			attempt.Failed()
		} else {
			attempt.Succeeded()
		}
	}
	if b.succeed("198.51.100.1") {
		t.Error("who has failed is let through by one success of long ago")
	}
	if !b.succeed("198.51.100.2") {
		t.Error("who has succeeded is refused")
	}
}

// ofOneNetwork returns addresses in 10,000 /64s of one /48.
func ofOneNetwork(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }

// ofManyNetworks returns addresses in 10,000 /48s.
func ofManyNetworks(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }

func TestN9_ANetworkHasGrowingBudgetsAndNoneForEachAddress(t *testing.T) {
	for name, c := range map[string]struct {
		address func(int) string
		most    int
	}{
		"a /64": {func(i int) string { return fmt.Sprintf("2001:db8:1:1::%x", i) }, 20},
		"a /56": {func(i int) string { return fmt.Sprintf("2001:db8:1:1%02x::%x", i%256, i) }, 40},
		"a /48": {ofOneNetwork, 80},
	} {
		b := newBound()
		failed := 0
		for i := range 10_000 {
			if b.fail(c.address(i)) {
				failed++
			}
		}
		if failed != c.most {
			t.Errorf("%s: %d failed at once, want %d", name, failed, c.most)
		}
		b.at.advance(time.Hour)
		failed = 0
		for i := range 10_000 {
			if b.fail(c.address(i)) {
				failed++
			}
			b.at.advance(time.Minute / 1000)
		}
		if failed > 11*c.most {
			t.Errorf("%s: %d failed in ten minutes, want at most %d", name, failed, 11*c.most)
		}
		// Everybody elsewhere signs in.
		if !b.succeed("192.0.2.1") || !b.succeed("2001:db8:2::1") {
			t.Errorf("%s keeps others out", name)
		}
	}
}

func TestN15_OneNeighbourDoesNotUseUpWhatANetworkShares(t *testing.T) {
	b := newBound()
	for i := range 1000 { // of a customer with a /64, of one with a /56
		b.fail(fmt.Sprintf("2001:db8:1:100::%x", i))
		b.fail(fmt.Sprintf("2001:db8:1:2%02x::%x", i%256, i))
	}
	for _, neighbour := range []string{"2001:db8:1:101::1", "2001:db8:1:300::1"} {
		if refused := b.Look(limit.ClientOf(neighbour)); refused != nil {
			t.Errorf("%s: %+v", neighbour, refused)
		}
	}
	// Who has signed in before is not kept out even where all the others fail.
	b = newBound()
	b.succeed("2001:db8:1:ffff::1")
	for i := range 1000 {
		b.fail(ofOneNetwork(i))
	}
	if refused := b.Look(limit.ClientOf("2001:db8:1:fffe::1")); refused == nil || refused.By != limit.OfNetwork {
		t.Errorf("a newcomer: %+v", refused)
	}
	if !b.succeed("2001:db8:1:ffff::1") {
		t.Error("who has signed in before is refused")
	}
}

// A botnet of 10,000 addresses in as many networks tries as fast as it can for six hours.
func TestN9_ABotnetIsBoundedAndKeepsNobodyOutForLong(t *testing.T) {
	b := newBound()
	if !b.succeed("198.51.100.1") {
		t.Fatal("refused before the attack")
	}
	const step = time.Second
	var calls, inOneMinute, most int
	newcomers := 0 // who came through
	var first time.Duration
	next := 0
	for passed := time.Duration(0); passed < 6*time.Hour; passed += step {
		if passed%time.Minute == 0 {
			most, inOneMinute = max(most, inOneMinute), 0
		}
		// All know which of them are refused, so that only those are tried that may pass.
		for range 20_000 {
			if !b.fail(ofManyNetworks(next % 10_000)) {
				break
			}
			calls++
			inOneMinute++
			next++
		}
		if passed%(10*time.Minute) == 0 {
			if !b.succeed("198.51.100.1") {
				t.Fatalf("who has signed in before is refused after %v", passed)
			}
			if b.succeed(fmt.Sprintf("198.51.%d.%d", 101+newcomers/200, newcomers%200)) {
				if newcomers++; first == 0 && passed > 0 {
					first = passed
				}
			}
		}
		b.at.advance(step)
	}
	t.Logf("%d calls in six hours, at most %d in a minute; a newcomer comes through after %v, and %d of 36 times", calls, most, first, newcomers)
	if bound := 6*60*60 + 10_000 + 64 + 240; calls > bound || most > 60+240+64+240 {
		t.Errorf("%d calls, %d in a minute; want at most %d", calls, most, bound)
	}
	if first > time.Hour || newcomers < 30 {
		t.Errorf("newcomers are kept out: the first came through after %v, %d of 36", first, newcomers)
	}
}

func TestD5_WhatIsRememberedOfFailuresIsBounded(t *testing.T) {
	b := newBound()
	b.Set(1_000_000, time.Second, true)
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			if !b.fail(fmt.Sprintf("2001:%x:%x::1", i>>16, i&0xffff)) || !b.succeed(fmt.Sprintf("2002:%x:%x::1", i>>16, i&0xffff)) {
				t.Fatal("refused")
			}
		}
	}
	fill(0, 70_000)
	before := heapNow()
	fill(70_000, 140_000)
	if grown := heapNow() - before; grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func TestD2_TranslatedAddressesAreIPv4(t *testing.T) {
	b := newBound()
	for range 100 {
		b.fail("64:ff9b::c000:201")
	}
	if got := limit.ClientOf("64:ff9b::c000:201").Key(); got != "192.0.2.1/32" {
		t.Errorf("key = %q", got)
	}
	if refused := b.Look(limit.ClientOf("64:ff9b::c000:202")); refused != nil {
		t.Errorf("another address of the translator: %+v", refused)
	}
}
