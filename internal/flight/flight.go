// Package flight lets requests that want the same thing share one piece of work. The work
// outlives the request that began it for a moment, so that a browser which asks again gets
// its result. Everything in it is bounded by the work itself, and safe for concurrent use.
package flight

import (
	"context"
	"sync"
	"time"
)

// Group is the work of one kind. The zero value is not usable.
type Group[K comparable, V any] struct {
	abandon time.Duration
	keep    time.Duration

	mu    sync.Mutex
	calls map[K]*call[V]
}

// call is one piece of work and those who wait for it.
type call[V any] struct {
	done   chan struct{} // closed when value is there, or the work could not begin
	value  V
	failed bool // it could not begin
	cancel context.CancelFunc

	waiting   int
	delivered bool        // somebody has got the value
	end       *time.Timer // of work that nobody waits for, and then of a value that nobody got
}

// New returns a group. Work that nobody waits for is cancelled after abandon. A value that
// nobody was there to get is kept for keep.
func New[K comparable, V any](abandon, keep time.Duration) *Group[K, V] {
	return &Group[K, V]{abandon: abandon, keep: keep, calls: make(map[K]*call[V])}
}

// Do returns the value of the work for a key. It begins the work with start, unless it is
// under way already; start reports false if it can begin nothing any more. ok is false then,
// and where ctx ended before the value was there. The work must not panic.
func (g *Group[K, V]) Do(ctx context.Context, key K, start func(func(context.Context)) bool, work func(context.Context) V) (value V, ok bool) {
	c := g.join(key)
	if c == nil {
		c = g.begin(key, start, work)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return g.leave(ctx, key, c)
}

// join waits for work that is under way, or whose value nobody has got; nil if there is none.
func (g *Group[K, V]) join(key K) *call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.calls[key]
	if c != nil {
		g.admit(c)
	}
	return c
}

func (g *Group[K, V]) admit(c *call[V]) {
	c.waiting++
	if c.end != nil {
		c.end.Stop()
		c.end = nil
	}
}

// begin begins the work, or joins the one that has begun in the meantime.
func (g *Group[K, V]) begin(key K, start func(func(context.Context)) bool, work func(context.Context) V) *call[V] {
	g.mu.Lock()
	if c := g.calls[key]; c != nil {
		g.admit(c)
		g.mu.Unlock()
		return c
	}
	abandoned, abandon := context.WithCancel(context.Background())
	c := &call[V]{done: make(chan struct{}), waiting: 1, cancel: abandon}
	g.calls[key] = c
	g.mu.Unlock()
	started := start(func(ctx context.Context) {
		defer abandon()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(abandoned, stop)()
		g.finish(key, c, work(ctx))
	})
	if !started {
		abandon()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.forget(key, c)
		c.failed = true
		close(c.done)
	}
	return c
}

// finish hands the value over.
func (g *Group[K, V]) finish(key K, c *call[V], value V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.value = value
	close(c.done)
	if c.waiting == 0 {
		g.forgetLater(key, c)
	}
}

// leave takes the value, if it is there and ctx has not ended.
func (g *Group[K, V]) leave(ctx context.Context, key K, c *call[V]) (value V, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.waiting--
	done := false
	select {
	case <-c.done:
		done = true
		if ctx.Err() == nil && !c.failed {
			value, ok, c.delivered = c.value, true, true
		}
	default:
	}
	switch {
	case c.waiting > 0:
	case done && c.delivered:
		g.forget(key, c)
	case done:
		g.forgetLater(key, c)
	default:
		c.end = time.AfterFunc(g.abandon, func() { g.giveUp(c) })
	}
	return value, ok
}

// giveUp cancels work that still nobody waits for.
func (g *Group[K, V]) giveUp(c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiting == 0 {
		c.cancel()
	}
}

// forgetLater keeps a value for a while that nobody has got.
func (g *Group[K, V]) forgetLater(key K, c *call[V]) {
	if c.end != nil {
		c.end.Stop()
	}
	c.end = time.AfterFunc(g.keep, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if c.waiting == 0 {
			g.forget(key, c)
		}
	})
}

func (g *Group[K, V]) forget(key K, c *call[V]) {
	if g.calls[key] == c {
		delete(g.calls, key)
	}
}
