// Package renewal runs work in the background instead of in the way of requests: once for each
// key however many requests ask for it, a fixed number at a time, not again too soon
// after a failure, its result kept for the requests that follow. Everything in it is
// bounded, keeps its own clock and is safe for concurrent use.
package renewal

import (
	"container/list"
	"sync"
	"time"
)

const (
	// shortestPause and longestPause bound the rest after a failure that concerns every
	// key. It doubles with each one in a row.
	shortestPause = time.Second
	longestPause  = 5 * time.Minute
)

// Group is the work of one kind. The zero value is not usable.
type Group[T any] struct {
	size   int
	places int
	keep   time.Duration
	now    func() time.Time

	mu      sync.Mutex
	entries map[uint64]*list.Element
	recent  *list.List // of *entry[T], the most recent in front
	running int

	failures int  // in a row
	rest     rest // nothing starts before
}

// rest is a time to wait from a moment on.
type rest struct {
	from time.Time
	wait time.Duration
}

// lasts reports whether a rest is not over. A rest in the future was begun by a wrong clock.
func (r rest) lasts(now time.Time) bool {
	return now.Before(r.from.Add(r.wait)) && !now.Before(r.from.Add(-time.Minute))
}

// entry is what is known of a key.
type entry[T any] struct {
	key     uint64
	running bool
	rest    rest // nothing starts before

	result  T
	expires time.Time // of the result; zero without one
}

// New returns a group that remembers size keys, runs atATime pieces of work at a time
// and keeps a result for keep after it was last asked for.
func New[T any](size, atATime int, keep time.Duration, now func() time.Time) *Group[T] {
	return &Group[T]{
		size: size, places: atATime, keep: keep, now: now,
		entries: make(map[uint64]*list.Element), recent: list.New(),
	}
}

// Result returns the last result for a key, if the group still has it, and keeps it for the same
// time again: the caller may have an older state, and may come back with it.
func (g *Group[T]) Result(key uint64) (result T, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	element, known := g.entries[key]
	if !known {
		return result, false
	}
	e := element.Value.(*entry[T])
	if !g.now().Before(e.expires) {
		var none T
		e.result = none
		return none, false
	}
	g.recent.MoveToFront(element)
	e.expires = g.now().Add(g.keep)
	return e.result, true
}

// Drop forgets the results that match.
func (g *Group[T]) Drop(match func(key uint64, result T) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var none T
	for key, element := range g.entries {
		if e := element.Value.(*entry[T]); !e.expires.IsZero() && match(key, e.result) {
			e.result, e.expires = none, time.Time{}
		}
	}
}

// Paused reports whether all work rests.
func (g *Group[T]) Paused() bool { return g.PausedFor() > 0 }

// PausedFor returns how long all work still rests, 0 if it does not.
func (g *Group[T]) PausedFor() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !g.rest.lasts(now) {
		return 0
	}
	return g.rest.from.Add(g.rest.wait).Sub(now)
}

// Start reports whether the caller shall do the work for a key now, and end it with End.
// If not, somebody does it already, all places are taken, or it is too soon.
func (g *Group[T]) Start(key uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if g.running == g.places || g.rest.lasts(now) {
		return false
	}
	e := g.entry(key)
	if e.running || e.rest.lasts(now) {
		return false
	}
	e.running = true
	g.running++
	return true
}

// Keep keeps a result for the requests that follow. It belongs between Start and End.
func (g *Group[T]) Keep(key uint64, result T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	e := g.entry(key)
	e.result, e.expires = result, g.now().Add(g.keep)
}

// End ends the work for a key, which is not to be started again before wait has passed.
func (g *Group[T]) End(key uint64, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entry(key)
	e.running, e.rest = false, rest{g.now(), wait}
	g.running--
}

// Pause has all work rest after a failure that concerns every key: for wait, or for
// longer with every failure in a row. Of those that come while it rests, none counts.
func (g *Group[T]) Pause(wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if !g.rest.lasts(now) {
		g.failures++
		g.rest = rest{now, max(wait, min(shortestPause<<min(g.failures-1, 10), longestPause))}
		return
	}
	if now.Add(wait).After(g.rest.from.Add(g.rest.wait)) {
		g.rest = rest{now, wait}
	}
}

// Resume says that work has succeeded.
func (g *Group[T]) Resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = 0
}

// forget drops what is of no use any more, as far as the oldest entries are that.
func (g *Group[T]) forget() {
	now := g.now()
	for oldest := g.recent.Back(); oldest != nil; oldest = g.recent.Back() {
		e := oldest.Value.(*entry[T])
		if e.running || now.Before(e.expires) || e.rest.lasts(now) {
			return
		}
		delete(g.entries, e.key)
		g.recent.Remove(oldest)
	}
}

// entry returns what is known of a key and makes it the most recent one. What is
// forgotten for it is the oldest one whose work does not run.
func (g *Group[T]) entry(key uint64) *entry[T] {
	if element, known := g.entries[key]; known {
		g.recent.MoveToFront(element)
		return element.Value.(*entry[T])
	}
	for oldest := g.recent.Back(); oldest != nil && len(g.entries) >= g.size; {
		previous := oldest.Prev()
		if e := oldest.Value.(*entry[T]); !e.running {
			delete(g.entries, e.key)
			g.recent.Remove(oldest)
		}
		oldest = previous
	}
	e := &entry[T]{key: key}
	g.entries[key] = g.recent.PushFront(e)
	return e
}
