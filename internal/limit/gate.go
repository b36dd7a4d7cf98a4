package limit

import (
	"context"
	"sync"
	"time"
)

// Gate lets a fixed number in at a time. The next one waits, for a while. [D3]
type Gate struct {
	places chan struct{}
	wait   time.Duration
}

// NewGate returns a gate for n at a time, where others wait at most wait.
func NewGate(n int, wait time.Duration) *Gate {
	return &Gate{places: make(chan struct{}, n), wait: wait}
}

// Enter takes a place, which leave gives back; leave may be called more than once.
// ok is false if none became free in time or ctx ended.
func (g *Gate) Enter(ctx context.Context) (leave func(), ok bool) {
	if leave, ok := g.Try(); ok {
		return leave, true
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return g.leave(), true
	case <-timer.C:
	case <-ctx.Done():
	}
	return func() {}, false
}

// Try is Enter without waiting.
func (g *Gate) Try() (leave func(), ok bool) {
	select {
	case g.places <- struct{}{}:
		return g.leave(), true
	default:
		return func() {}, false
	}
}

func (g *Gate) leave() func() {
	return sync.OnceFunc(func() { <-g.places })
}

// Breaker refuses for a while after failures in a row, then lets one call through as a trial. [D3]
type Breaker struct {
	limit int
	rest  time.Duration
	now   func() time.Time

	mu       sync.Mutex
	failures int
	locked   bool      // by Lock, until a call succeeds
	until    time.Time // no one passes before
}

// NewBreaker returns a breaker that opens after limit failures in a row, for rest.
func NewBreaker(limit int, rest time.Duration, now func() time.Time) *Breaker {
	return &Breaker{limit: limit, rest: rest, now: now}
}

// A Call is one that the breaker let through. It is reported or withdrawn.
type Call struct {
	breaker *Breaker
	trial   bool
}

// Ready returns a call that may be made, or nil and how long to wait. After a rest it
// lets one call through, as a trial, and refuses the others until that one is reported
// or withdrawn; one that never is counts as failed after another rest.
func (b *Breaker) Ready() (call *Call, retryAfter time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.failures < b.limit {
		return &Call{breaker: b}, 0
	}
	if wait := b.until.Sub(now); wait > 0 {
		return nil, wait
	}
	b.until = now.Add(b.rest)
	return &Call{b, true}, 0
}

// Withdraw says that a call was not made or proves nothing. After a trial, another may follow.
func (c *Call) Withdraw() {
	c.breaker.mu.Lock()
	defer c.breaker.mu.Unlock()
	if c.trial {
		c.breaker.until = c.breaker.now()
	}
}

// WithdrawLocked withdraws a call of a locked breaker, and reports whether it was locked: for
// an answer that says nothing about the reason of the lock.
func (c *Call) WithdrawLocked() (locked bool) {
	c.breaker.mu.Lock()
	locked = c.breaker.locked
	c.breaker.mu.Unlock()
	if locked {
		c.Withdraw()
	}
	return locked
}

// Change is what a report has made of a breaker.
type Change int

const (
	Unchanged Change = iota
	Opened           // with this failure; those of trials do not open it again
	Closed           // with this success
)

// Report says how a call went, and returns what that has made of the breaker.
func (c *Call) Report(success bool) (change Change) {
	b := c.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.failures >= b.limit
	if success {
		b.locked = false
		if b.failures = 0; before {
			change = Closed
		}
		return change
	}
	if b.failures++; b.failures >= b.limit {
		b.until = b.now().Add(b.rest)
		if !before {
			change = Opened
		}
	}
	return change
}

// Lock opens the breaker at once, for rest: what has failed fails for everybody. It reports
// whether it was not locked before. A call that succeeds unlocks it.
func (b *Breaker) Lock(rest time.Duration) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first = !b.locked
	b.locked, b.failures, b.until = true, max(b.failures, b.limit), b.now().Add(rest)
	return first
}

// Unlock closes a locked breaker, and reports whether it was locked.
func (b *Breaker) Unlock() (was bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if was = b.locked; was {
		b.locked, b.failures = false, 0
	}
	return was
}

// Locked reports whether the breaker is locked and lets nobody pass, and for how long.
func (b *Breaker) Locked() (wait time.Duration, locked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait = b.until.Sub(b.now())
	return wait, b.locked && wait > 0
}

// Open reports whether calls are refused, but for a trial now and then: from the failure
// that opened the breaker until a call succeeds.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= b.limit
}
