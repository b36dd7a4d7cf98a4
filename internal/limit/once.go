package limit

import (
	"sync"
	"time"
)

// Once remembers what has been used until it would have expired anyway. It is
// bounded: when it is full, the oldest are forgotten first. [C4]
type Once struct {
	size int
	ttl  time.Duration
	now  func() time.Time

	mu   sync.Mutex
	seen map[[32]byte]struct{}
	// order holds the nonces by age; those before first are forgotten.
	order []used
	first int
}

type used struct {
	nonce   [32]byte
	expires time.Time
}

// NewOnce remembers up to size nonces, each for ttl.
func NewOnce(size int, ttl time.Duration, now func() time.Time) *Once {
	return &Once{size: size, ttl: ttl, now: now, seen: make(map[[32]byte]struct{})}
}

// Used reports whether a nonce has been used, and notes nothing.
func (o *Once) Used(nonce [32]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, used := o.seen[nonce]
	return used
}

// First reports whether a nonce is used for the first time, and notes it.
func (o *Once) First(nonce [32]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for o.first < len(o.order) && !now.Before(o.order[o.first].expires) {
		o.forgetOldest()
	}
	if _, again := o.seen[nonce]; again {
		return false
	}
	if len(o.seen) >= o.size {
		o.forgetOldest()
	}
	o.seen[nonce] = struct{}{}
	o.order = append(o.order, used{nonce, now.Add(o.ttl)})
	return true
}

func (o *Once) forgetOldest() {
	delete(o.seen, o.order[o.first].nonce)
	o.first++
	// The dropped front is given back when it is half of the whole.
	if o.first > len(o.order)/2 {
		o.order = append([]used(nil), o.order[o.first:]...)
		o.first = 0
	}
}
