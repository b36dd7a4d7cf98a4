// Package picture keeps what was found out about people's pictures for a short while, and has
// it found out once for all requests that ask at the same time. Everything in it is bounded
// and safe for concurrent use.
package picture

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Cache holds a value for each key. The zero value is not usable.
type Cache[V any] struct {
	entries int // at most
	bytes   int // of all values together, at most
	now     func() time.Time

	mu     sync.Mutex
	calls  map[string]*Call[V] // under way
	kept   map[string]*list.Element
	recent *list.List // of *entry[V], the most recent in front
	held   int        // bytes of what is kept
}

// Call is the work of finding out one value.
type Call[V any] struct {
	done  chan struct{} // closed when the value is there
	value V
	// The value is kept from a time until another; the zero time if it is not.
	from, until time.Time
}

// lasts reports whether a value is still kept. One from the future was found by a wrong clock.
func (call *Call[V]) lasts(now time.Time) bool {
	return now.Before(call.until) && !now.Before(call.from.Add(-time.Minute))
}

type entry[V any] struct {
	key  string
	call *Call[V]
	size int
}

// New returns a cache that keeps up to entries values of together up to bytes bytes.
func New[V any](entries, bytes int, now func() time.Time) *Cache[V] {
	return &Cache[V]{
		entries: entries, bytes: bytes, now: now,
		calls: make(map[string]*Call[V]), kept: make(map[string]*list.Element), recent: list.New(),
	}
}

// Join returns the call for a key: one that is over if its value is still kept, or the one
// that is under way, or else a new one. A new one is the caller's, who must end it with End.
func (c *Cache[V]) Join(key string) (call *Call[V], mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.fresh(key); e != nil {
		return e.call, false
	}
	if call := c.calls[key]; call != nil {
		return call, false
	}
	call = &Call[V]{done: make(chan struct{})}
	c.calls[key] = call
	return call, true
}

// Wait returns the value of a call and until when it is kept. It waits until the value is
// there or ctx ends. The call goes on for others.
func (call *Call[V]) Wait(ctx context.Context) (value V, until time.Time, err error) {
	select {
	case <-call.done:
		return call.value, call.until, nil
	case <-ctx.Done():
		return value, until, ctx.Err()
	}
}

// End ends the call for a key that Join has handed out. Its value goes to everybody who
// waits for it, and is kept for others for as long as keep says; it takes size bytes.
func (c *Cache[V]) End(key string, value V, size int, keep time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.calls[key]
	delete(c.calls, key)
	c.keep(key, call, value, size, keep)
	close(call.done)
}

// Keep keeps a value that nobody waits for.
func (c *Cache[V]) Keep(key string, value V, size int, keep time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := &Call[V]{done: make(chan struct{})}
	c.keep(key, call, value, size, keep)
	close(call.done)
}

// Kept returns the value for a key and until when it is kept, if it is.
func (c *Cache[V]) Kept(key string) (value V, until time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.fresh(key); e != nil {
		return e.call.value, e.call.until, true
	}
	return value, until, false
}

// Drop forgets the values that match. A call that is under way goes on.
func (c *Cache[V]) Drop(match func(V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, element := range c.kept {
		if match(element.Value.(*entry[V]).call.value) {
			c.forget(element)
		}
	}
}

// fresh returns the entry of a key whose value is still to be kept, nil if there is none.
func (c *Cache[V]) fresh(key string) *entry[V] {
	element := c.kept[key]
	if element == nil {
		return nil
	}
	e := element.Value.(*entry[V])
	if !e.call.lasts(c.now()) {
		c.forget(element)
		return nil
	}
	c.recent.MoveToFront(element)
	return e
}

// keep fills in a call's value and keeps the call. What has to give way is what is over, and then
// what was used the longest time ago. A value that would need more than all the room is not kept.
func (c *Cache[V]) keep(key string, call *Call[V], value V, size int, keep time.Duration) {
	call.value = value
	size += len(key)
	now := c.now()
	for other, element := range c.kept {
		if other == key || !element.Value.(*entry[V]).call.lasts(now) {
			c.forget(element)
		}
	}
	if keep <= 0 || size > c.bytes {
		return
	}
	call.from, call.until = now, now.Add(keep)
	for c.recent.Len() >= c.entries || c.held+size > c.bytes {
		c.forget(c.recent.Back())
	}
	c.kept[key] = c.recent.PushFront(&entry[V]{key, call, size})
	c.held += size
}

func (c *Cache[V]) forget(element *list.Element) {
	e := element.Value.(*entry[V])
	delete(c.kept, e.key)
	c.recent.Remove(element)
	c.held -= e.size
}
