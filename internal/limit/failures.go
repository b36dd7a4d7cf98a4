package limit

import (
	"sync"
	"time"
)

// Failures bounds the attempts that fail: for each client, for the networks around it, and
// over all clients. An attempt that succeeds costs nothing, so that many people behind one
// address do not keep each other out. [D2, N9, N15]
//
// Over all clients, three shares are apart from each other. Every client draws on the common
// one. While that is used up, a client that has not failed lately draws on the share of
// newcomers: with made-up codes, each address can do that once. A client that has succeeded
// lately draws on a share that others cannot use up.
type Failures struct {
	now func() time.Time

	mu                      sync.Mutex
	off                     bool // no limit for each client
	byClient                [levels]*Rate
	shares                  [shareCount]tokens
	hasFailed, hasSucceeded recent
}

// Share is the part of what all clients may do that an attempt draws on.
type Share int

// The shares.
const (
	Common     Share = iota
	Newcomers        // clients without a failed attempt
	Returning        // clients with an attempt that succeeded
	shareCount = iota
)

// String returns the word for a share that metrics use.
func (s Share) String() string { return [...]string{"common", "newcomers", "returning"}[s] }

// Shares returns all of them.
func Shares() []Share { return []Share{Common, Newcomers, Returning} }

// Limit is which limit has refused an attempt.
type Limit int

// The limits.
const (
	OfClient Limit = iota
	OfNetwork
	OfAll
)

// String returns the word for a limit that metrics use.
func (l Limit) String() string { return [...]string{"client", "network", "all"}[l] }

// Limits returns all of them.
func Limits() []Limit { return []Limit{OfClient, OfNetwork, OfAll} }

const (
	rememberFailures = 65_536
	keepFailures     = 24 * time.Hour

	// leastShare is how many attempts of a share may be under way at once at least, so that
	// those which will succeed are never in each other's way.
	leastShare = 64
)

// Multiples of what one client may do. The /48 has four times as much as a /64 and not 65,536
// times, so that one customer with a /48 gains little; and each of the smaller ones has less
// than the larger, so that one neighbour alone cannot use up what others share.
var (
	networkTimes = [levels]int{1, 2, 4}
	shareTimes   = [shareCount]int{Common: 3, Newcomers: 12, Returning: 3}
)

// NewFailures allows n failed attempts in a time to each of size remembered clients.
func NewFailures(n int, per time.Duration, size int, now func() time.Time) *Failures {
	f := &Failures{
		now:          now,
		hasFailed:    newRecent(rememberFailures, keepFailures),
		hasSucceeded: newRecent(rememberFailures, keepFailures),
	}
	for i := range f.byClient {
		f.byClient[i] = NewRate(1, 1, size, now)
	}
	f.Set(n, per, false)
	return f
}

// Set changes the bound. off removes the limits of clients and networks. The limits over all
// clients still follow n.
func (f *Failures) Set(n int, per time.Duration, off bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = off
	for i, rate := range f.byClient {
		rate.Set(n*networkTimes[i], per)
	}
	for i := range f.shares {
		share, interval := &f.shares[i], per/time.Duration(n*shareTimes[i])
		share.full = rescale(share.full, f.now(), share.interval, interval)
		share.burst, share.interval = max(n*shareTimes[i], leastShare), interval
	}
}

// An Attempt is one that the limits have let through. It must be settled.
type Attempt struct {
	failures *Failures
	client   Client
	share    Share
}

// Refused says which limit was in the way, and how long to wait.
type Refused struct {
	By   Limit
	Wait time.Duration
}

// Look reports what Ask would refuse, and takes nothing. [nil: nothing]
func (f *Failures) Look(c Client) *Refused {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, refused := f.find(c)
	return refused
}

// Ask returns an attempt, or what is in its way. Until it is settled it counts as failed over
// all clients, and not for its own client: many people may come from one address at once.
func (f *Failures) Ask(c Client) (*Attempt, *Refused) {
	f.mu.Lock()
	defer f.mu.Unlock()
	share, refused := f.find(c)
	if refused != nil {
		return nil, refused
	}
	s := &f.shares[share]
	s.full = spent(s.full, f.now(), s.interval)
	return &Attempt{f, c, share}, nil
}

// find returns the share that a client may draw on.
func (f *Failures) find(c Client) (share Share, refused *Refused) {
	now, own := f.now(), c.networks[0]
	returning := c.HasAddress() && f.hasSucceeded.has(own, now)
	for i := range c.known {
		// A client that has succeeded is not limited by failures of others in its networks.
		if f.off || returning && i > 0 {
			break
		}
		if wait := f.byClient[i].Wait(c.networks[i].String()); wait > 0 {
			return 0, &Refused{map[bool]Limit{true: OfClient, false: OfNetwork}[i == 0], wait}
		}
	}
	possible := []Share{Common}
	switch {
	case returning:
		possible = append(possible, Returning)
	case c.HasAddress() && !f.hasFailed.has(own, now):
		possible = append(possible, Newcomers)
	}
	refused = &Refused{OfAll, 0}
	for _, share := range possible {
		wait := f.shares[share].wait(now)
		if wait <= 0 {
			return share, nil
		}
		if refused.Wait == 0 || wait < refused.Wait {
			refused.Wait = wait
		}
	}
	return 0, refused
}

// Share returns the share that the attempt draws on.
func (a *Attempt) Share() Share { return a.share }

// Succeeded settles an attempt that cost nobody anything. It makes up for one that has failed:
// where many people sign in behind one address, some do something wrong.
func (a *Attempt) Succeeded() {
	f := a.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shares[a.share].giveBack()
	for i := range a.client.known {
		f.byClient[i].GiveBack(a.client.networks[i].String())
	}
	if a.client.HasAddress() {
		f.hasSucceeded.add(a.client.networks[0], f.now())
	}
}

// Withdraw settles an attempt that was not made, or says nothing about its client.
func (a *Attempt) Withdraw() {
	a.failures.mu.Lock()
	defer a.failures.mu.Unlock()
	a.failures.shares[a.share].giveBack()
}

// Failed settles an attempt that failed.
func (a *Attempt) Failed() {
	f := a.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range a.client.known {
		f.byClient[i].Spend(a.client.networks[i].String())
	}
	if a.client.HasAddress() {
		f.hasFailed.add(a.client.networks[0], f.now())
	}
	if a.share == Returning {
		// One success shall not open this share for ever.
		f.hasSucceeded.remove(a.client.networks[0])
	}
}

// tokens is one token bucket.
type tokens struct {
	interval time.Duration
	burst    int
	full     time.Time // when all tokens will be there again
}

// wait returns how long it takes until there is a token.
func (t *tokens) wait(now time.Time) time.Duration {
	if t.full.Before(now) {
		return 0 // also before the first one, of which the difference would wrap around
	}
	return t.full.Sub(now) - time.Duration(t.burst-1)*t.interval
}

func (t *tokens) giveBack() { t.full = t.full.Add(-t.interval) }
