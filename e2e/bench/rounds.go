package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// round is what was measured of one contestant in one round.
type round struct {
	perSecond     float64
	p50, p99, cpu float64 // in microseconds
}

// allocations are what one request allocates in the server.
type allocations struct {
	known          bool
	objects, bytes float64
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// warm is the share of its time that each contestant first gets unmeasured, to open
// connections and fill pools.
const warm = 0.2

// run measures all contestants in rounds. Each round has every contestant once, in
// another order, so that what changes on the machine meets all of them alike. between is
// what else belongs to a round.
func (b *bench) run(all []*contestant, between func() error) error {
	shuffle := rand.New(rand.NewPCG(b.seed, 0))
	for n := range b.rounds {
		for _, i := range shuffle.Perm(len(all)) {
			c := all[i]
			measured, err := b.measure(c.target, c.server, b.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.rounds = append(c.rounds, measured)
		}
		if between != nil {
			if err := between(); err != nil {
				return err
			}
		}
		b.progress("round %d of %d", n+1, b.rounds)
	}
	return nil
}

// measure sends requests for a while and returns what they took.
func (b *bench) measure(t target, s *server, slice time.Duration) (r round, err error) {
	c, err := hire(b.ctx, t, b.connections)
	if err != nil {
		return r, err
	}
	defer c.dismiss()
	if _, err := c.during(b.ctx, time.Duration(warm*float64(slice))); err != nil {
		return r, err
	}
	before, err := s.cpu()
	if err != nil {
		return r, err
	}
	done, err := c.during(b.ctx, slice)
	if err != nil {
		return r, err
	}
	after, err := s.cpu()
	if err != nil {
		return r, err
	}
	n := float64(done.latencies.total)
	return round{
		perSecond: n / done.took.Seconds(), cpu: microseconds(after-before) / n,
		p50: microseconds(done.latencies.quantile(0.5)), p99: microseconds(done.latencies.quantile(0.99)),
	}, nil
}

// countAllocations counts for all contestants that are Caddys.
func (b *bench) countAllocations(all []*contestant) error {
	for _, c := range all {
		if c.server.admin == "" {
			continue
		}
		var err error
		if c.allocs, err = b.allocations(c.target, c.server); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	b.progress("allocations counted")
	return nil
}

// allocations counts what one request allocates. It uses one connection: what a second
// one would allocate now and then is no property of a request. The least of three
// counts is the one that the server's other work has disturbed least.
func (b *bench) allocations(t target, s *server) (least allocations, err error) {
	c, err := hire(b.ctx, t, 1)
	if err != nil {
		return least, err
	}
	defer c.dismiss()
	for range 3 {
		counted, err := b.countOnce(c, s)
		if err != nil {
			return least, err
		}
		if !least.known || counted.objects < least.objects {
			least = counted
		}
	}
	return least, nil
}

func (b *bench) countOnce(c *crew, s *server) (a allocations, err error) {
	if err := s.collect(b.ctx); err != nil {
		return a, err
	}
	// The collector has emptied the pools.
	if _, err := c.times(b.ctx, b.requests/10); err != nil {
		return a, err
	}
	var seen [3]counters
	for i := range seen {
		if i == 2 {
			if _, err := c.times(b.ctx, b.requests); err != nil {
				return a, err
			}
		}
		if seen[i], err = s.counters(b.ctx); err != nil {
			return a, err
		}
	}
	// What it costs to read the counters has been counted in both intervals.
	per := func(first, second, third uint64) float64 {
		return (float64(third-second) - float64(second-first)) / float64(b.requests)
	}
	return allocations{
		known:   true,
		objects: per(seen[0].Mallocs, seen[1].Mallocs, seen[2].Mallocs),
		bytes:   per(seen[0].TotalAlloc, seen[1].TotalAlloc, seen[2].TotalAlloc),
	}, nil
}
