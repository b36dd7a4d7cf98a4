// Package limit keeps a flood away from where it would hurt: a rate for each
// client, a bound on calls at a time, a breaker, and a memory of what was used.
// Everything in it is bounded, keeps its own clock and is safe for concurrent use.
package limit

import (
	"container/list"
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
	// full is when the bucket will be full again: all that a token bucket needs to remember.
	full time.Time
}

// NewRate allows perMinute events a minute and burst at once to each of size remembered clients.
func NewRate(perMinute, burst, size int, now func() time.Time) *Rate {
	return &Rate{
		interval: time.Minute / time.Duration(perMinute), burst: burst, size: size, now: now,
		clients: make(map[string]*list.Element), recent: list.New(),
	}
}

// Set changes the rate to n in a time, and n at once. The tokens that are missing stay missing.
func (r *Rate) Set(n int, per time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	interval, now := per/time.Duration(n), r.now()
	if interval != r.interval {
		for _, element := range r.clients {
			b := element.Value.(*bucket)
			b.full = rescale(b.full, now, r.interval, interval)
		}
	}
	r.interval, r.burst = interval, n
}

// rescale returns when a bucket will be full if a token takes another time to come back.
func rescale(full, now time.Time, before, after time.Duration) time.Time {
	if before <= 0 || !full.After(now) {
		return full
	}
	return now.Add(time.Duration(float64(full.Sub(now)) / float64(before) * float64(after)))
}

// Wait returns how long a client has to wait for a token. It takes none, and remembers nobody.
func (r *Rate) Wait(key string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, known := r.clients[key]
	if !known {
		return 0
	}
	left := element.Value.(*bucket).full.Sub(r.now())
	return max(0, left-time.Duration(r.burst-1)*r.interval)
}

// Spend takes a token of a client, whether it has one or not.
func (r *Rate) Spend(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucket(key)
	b.full = spent(b.full, r.now(), r.interval)
}

// spent returns when a bucket will be full from which a token is taken now.
func spent(full, now time.Time, interval time.Duration) time.Time {
	if full.Before(now) {
		full = now
	}
	return full.Add(interval)
}

// GiveBack gives a client that is remembered a token back.
func (r *Rate) GiveBack(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if element, known := r.clients[key]; known {
		b := element.Value.(*bucket)
		b.full = b.full.Add(-r.interval)
	}
}

// Allow reports whether a client may go on, and if not, how long it has to wait.
func (r *Rate) Allow(key string) (ok bool, retryAfter time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, b := r.now(), r.bucket(key)
	full := spent(b.full, now, r.interval)
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

// RememberClients is how many clients a limit remembers. [D5]
const RememberClients = 10_000
