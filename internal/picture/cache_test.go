package picture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.passed.Load()) }
func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// find ends a new call for a key with a value.
func find(t *testing.T, c *Cache[string], key, value string, size int, keep time.Duration) {
	t.Helper()
	if _, mine := c.Join(key); !mine {
		t.Fatalf("%s: a call is there already", key)
	}
	c.End(key, value, size, keep)
}

// keptOf returns which of the keys have a value.
func keptOf(c *Cache[string], keys ...string) (kept string) {
	for _, key := range keys {
		if _, _, ok := c.Kept(key); ok {
			kept += key
		}
	}
	return kept
}

func TestOneCallIsForAllThatAskAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New[string](10, 1000, time.Now)
		var calls atomic.Int32
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				call, mine := c.Join("a")
				if mine {
					calls.Add(1)
					time.Sleep(time.Second)
					c.End("a", "value", 5, time.Minute)
				}
				value, until, err := call.Wait(t.Context())
				if value != "value" || err != nil || !until.Equal(time.Now().Add(time.Minute)) {
					t.Errorf("got %q until %v, %v", value, until, err)
				}
			})
		}
		all.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

func TestWhoLeavesDoesNotEndTheCallForOthers(t *testing.T) {
	c := New[string](10, 1000, new(clock).now)
	call, _ := c.Join("a")
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := call.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	other, mine := c.Join("a")
	if mine {
		t.Error("there is a second call")
	}
	c.End("a", "value", 5, 0)
	if value, until, err := other.Wait(t.Context()); value != "value" || err != nil || !until.IsZero() {
		t.Errorf("who stayed got %q until %v, %v", value, until, err)
	}
	if _, mine := c.Join("a"); !mine {
		t.Error("what is not to be kept was kept")
	}
}

func TestAValueIsKeptForItsTime(t *testing.T) {
	at := new(clock)
	c := New[string](10, 1000, at.now)
	find(t, c, "a", "old", 5, time.Minute)
	at.advance(time.Minute - 1)
	if call, mine := c.Join("a"); mine {
		t.Error("it is not kept")
	} else if value, _, _ := call.Wait(t.Context()); value != "old" {
		t.Errorf("got %q", value)
	}
	at.advance(1)
	if keptOf(c, "a") != "" || c.held != 0 {
		t.Errorf("it is kept for longer; %d bytes are held", c.held)
	}
	find(t, c, "a", "new", 5, time.Minute)
	if value, _, _ := c.Kept("a"); value != "new" {
		t.Errorf("got %q", value)
	}
}

func TestAClockThatJumpsBackKeepsNothingForLong(t *testing.T) {
	at := new(clock)
	c := New[string](10, 1000, at.now)
	at.advance(1000 * time.Hour)
	find(t, c, "a", "a", 5, time.Minute)
	at.advance(-time.Second)
	if keptOf(c, "a") != "a" {
		t.Error("a second is too much")
	}
	at.advance(-999 * time.Hour)
	if keptOf(c, "a") != "" {
		t.Error("it is kept for a thousand hours")
	}
}

func TestWhatIsOverGoesWithTheNextOne(t *testing.T) {
	at := new(clock)
	c := New[string](10, 1000, at.now)
	find(t, c, "short", "", 100, time.Second)
	find(t, c, "long", "", 100, time.Minute)
	at.advance(time.Second)
	c.Keep("other", "", 100, time.Minute)
	if len(c.kept) != 2 || c.recent.Len() != 2 || c.held != 2*100+len("long")+len("other") {
		t.Errorf("%d entries, %d in order, %d bytes", len(c.kept), c.recent.Len(), c.held)
	}
}

func TestD5_EntriesAndBytesAreBounded(t *testing.T) {
	c := New[string](3, 100, new(clock).now)
	for _, key := range []string{"a", "b", "c"} {
		find(t, c, key, key, 10, time.Hour)
	}
	keptOf(c, "a")
	find(t, c, "d", "d", 10, time.Hour)
	if got := keptOf(c, "a", "b", "c", "d"); got != "acd" {
		t.Errorf("of four, %q are kept; the one that was used the longest time ago is b", got)
	}
	find(t, c, "e", "e", 99, time.Hour)
	if got := keptOf(c, "a", "c", "d", "e"); got != "e" || c.held != 100 {
		t.Errorf("beside what needs all the room %q are kept, and %d bytes held", got, c.held)
	}
	find(t, c, "f", "f", 100, time.Hour)
	if got := keptOf(c, "e", "f"); got != "e" {
		t.Errorf("%q are kept; f needs more than there is", got)
	}
	for i := range 1000 {
		find(t, c, fmt.Sprint(i), "", i%150, time.Hour)
		if c.held > 100 || len(c.kept) > 3 || len(c.kept) != c.recent.Len() || len(c.calls) != 0 {
			t.Fatalf("%d: %d bytes, %d entries, %d in order, %d calls", i, c.held, len(c.kept), c.recent.Len(), len(c.calls))
		}
	}
}

func TestAValueOfTheSameKeyTakesThePlaceOfTheOld(t *testing.T) {
	c := New[string](10, 1000, new(clock).now)
	c.Keep("a", "old", 5, time.Hour)
	c.Keep("a", "new", 7, time.Hour)
	if value, _, _ := c.Kept("a"); value != "new" || c.held != 8 || c.recent.Len() != 1 {
		t.Errorf("%q, %d bytes, %d entries", value, c.held, c.recent.Len())
	}
	c.Keep("a", "", 0, 0)
	if keptOf(c, "a") != "" || c.held != 0 {
		t.Error("what is not to be kept left the old one")
	}
}

func TestWhatIsDroppedIsGone(t *testing.T) {
	c := New[string](10, 1000, new(clock).now)
	for _, key := range []string{"a", "b", "c"} {
		c.Keep(key, key, 5, time.Hour)
	}
	c.Drop(func(value string) bool { return value != "b" })
	if got := keptOf(c, "a", "b", "c"); got != "b" || c.held != 6 {
		t.Errorf("%q are kept, %d bytes", got, c.held)
	}
}
