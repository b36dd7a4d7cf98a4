// Package limit keeps a flood away from where it would hurt: a rate for each
// client, a bound on calls at a time, a breaker, and a memory of what was used.
// Everything in it is bounded, keeps its own clock and is safe for concurrent use.
package limit

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Rate is a token bucket for each client. It remembers a fixed number of clients,
// the most recent ones: a forgotten client starts with a full bucket. [D2, D5]
type Rate struct {
	interval time.Duration // in which one token comes back
	burst    int
	size     int
	now      func() time.Time

	mu      sync.Mutex
	clients map[string]*list.Element
	recent  *list.List // of *bucket, the most recent in front
}

type bucket struct {
	key string
	// full is when the bucket will be full again. One number is all that a token
	// bucket needs to remember.
	full time.Time
}

// NewRate allows perMinute events a minute to each client and burst at once, and
// remembers size clients.
func NewRate(perMinute, burst, size int, now func() time.Time) *Rate {
	return &Rate{
		interval: time.Minute / time.Duration(perMinute), burst: burst, size: size, now: now,
		clients: make(map[string]*list.Element), recent: list.New(),
	}
}

// Allow reports whether a client may go on, and if not, how long it has to wait.
func (r *Rate) Allow(key string) (ok bool, retryAfter time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, b := r.now(), r.bucket(key)
	full := b.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(r.interval)
	if wait := full.Sub(now) - time.Duration(r.burst)*r.interval; wait > 0 {
		return false, wait
	}
	b.full = full
	return true, 0
}

// bucket returns a client's bucket and makes it the most recent one.
func (r *Rate) bucket(key string) *bucket {
	if element, known := r.clients[key]; known {
		r.recent.MoveToFront(element)
		return element.Value.(*bucket)
	}
	for r.recent.Len() >= r.size {
		oldest := r.recent.Back()
		delete(r.clients, oldest.Value.(*bucket).key)
		r.recent.Remove(oldest)
	}
	b := &bucket{key: key}
	r.clients[key] = r.recent.PushFront(b)
	return b
}

// ClientKey returns what stands for a client: its IPv4 address, or the /64 that one
// IPv6 customer has for themselves. What is no address shares one key. [D2]
func ClientKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // cannot fail: every IPv6 address has 64 bits
	return prefix.String()
}
