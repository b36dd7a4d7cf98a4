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

	waiting int
	joined  int // in all, which tells one time without anybody from the next
}

// New returns a group. Work that nobody has waited for during abandon is cancelled. A value
// that is to be kept is kept for keep: nobody can tell whether the answer with it has arrived.
func New[K comparable, V any](abandon, keep time.Duration) *Group[K, V] {
	return &Group[K, V]{abandon: abandon, keep: keep, calls: make(map[K]*call[V])}
}

// Do returns the value of the work for a key, and begins the work unless it is under way already
// or its value is kept. The work gets the values of ctx, and not its end, and says whether its
// value is to be kept. It must not panic. ok is false where ctx ended before the value was there.
func (g *Group[K, V]) Do(
	ctx context.Context, key K, work func(context.Context) (value V, keep bool),
) (value V, ok bool) {
	c := g.join(ctx, key, work)
	defer g.leave(c)
	select {
	case <-c.done:
		return c.value, ctx.Err() == nil
	case <-ctx.Done():
		return value, false
	}
}

func (g *Group[K, V]) join(ctx context.Context, key K, work func(context.Context) (V, bool)) *call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.calls[key]
	if c == nil {
		working, cancel := context.WithCancel(context.WithoutCancel(ctx))
		c = &call[V]{done: make(chan struct{}), cancel: cancel}
		g.calls[key] = c
		go func() {
			defer cancel()
			value, keep := work(working)
			g.finish(key, c, value, keep && working.Err() == nil)
		}()
	}
	c.waiting++
	c.joined++
	return c
}

// finish hands the value over. The value of cancelled work is of no use to later callers. A value
// that is not kept is gone by the time when the first caller has it: the next one begins again.
func (g *Group[K, V]) finish(key K, c *call[V], value V, keep bool) {
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.calls, key)
	}
	if keep {
		time.AfterFunc(g.keep, forget)
	} else {
		forget()
	}
	c.value = value
	close(c.done)
}

// leave gives the work some time for somebody else to come before it is cancelled.
func (g *Group[K, V]) leave(c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiting--; c.waiting > 0 {
		return
	}
	left := c.joined
	time.AfterFunc(g.abandon, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if c.waiting == 0 && c.joined == left {
			c.cancel()
		}
	})
}
