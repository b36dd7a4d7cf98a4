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
	done   chan struct{} // closed when value is there
	value  V
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

// Do returns the value of the work for a key, and begins the work unless it is under way
// already. The work gets the values of ctx, and not its end. It must not panic. ok is false
// where ctx ended before the value was there.
func (g *Group[K, V]) Do(ctx context.Context, key K, work func(context.Context) V) (value V, ok bool) {
	c := g.join(ctx, key, work)
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return g.leave(ctx, key, c)
}

// join waits for work that is under way, or whose value nobody has got, and begins it if
// there is none.
func (g *Group[K, V]) join(ctx context.Context, key K, work func(context.Context) V) *call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.calls[key]
	if c == nil {
		working, cancel := context.WithCancel(context.WithoutCancel(ctx))
		c = &call[V]{done: make(chan struct{}), cancel: cancel}
		g.calls[key] = c
		go func() {
			defer cancel()
			g.finish(key, c, work(working))
		}()
	}
	c.waiting++
	if c.end != nil {
		c.end.Stop()
		c.end = nil
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
		if ctx.Err() == nil {
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
