package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// round is what was measured of one contestant in one round, in microseconds.
type round struct {
	perSecond     float64
	p50, p99      float64
	cpu, provider float64 // CPU time of the server, and of the simulator
}

// allocations are what one request allocates in the server.
type allocations struct{ objects, bytes float64 }

// warm is the share of its time that each contestant first gets unmeasured, to open
// connections and fill pools.
const warm = 0.2

// run measures all contestants in rounds. Each round has every contestant once, in another
// order, so that what changes on the machine meets all of them alike.
func (b *bench) run(all []*contestant) error {
	shuffle := rand.New(rand.NewPCG(b.seed, 0))
	for n := range b.rounds {
		for _, i := range shuffle.Perm(len(all)) {
			if err := b.measure(all[i]); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
		b.progress("round %d of %d", n+1, b.rounds)
	}
	return nil
}

// measure measures one round of one contestant. What the load takes is not counted: the CPU
// time is that of the server's process.
func (b *bench) measure(c *contestant) error {
	load := c.visits
	if load == nil {
		transport := newTransport(b.connections)
		defer transport.CloseIdleConnections()
		load = c.asking(transport)
	}
	if _, err := load.during(b.ctx, b.connections, time.Duration(warm*float64(b.slice))); err != nil {
		return err
	}
	before, err := b.cpus(c)
	if err != nil {
		return err
	}
	done, err := load.during(b.ctx, b.connections, b.slice)
	if err != nil {
		return err
	}
	after, err := b.cpus(c)
	if err != nil {
		return err
	}
	c.rounds = append(c.rounds, round{
		perSecond: done.done / done.took.Seconds(), cpu: (after[0] - before[0]) / done.done, provider: (after[1] - before[1]) / done.done,
		p50: float64(done.latencies.ValueAtPercentile(50)), p99: float64(done.latencies.ValueAtPercentile(99)),
	})
	return nil
}

// cpus returns the CPU time that a contestant and the simulator have had, in microseconds.
func (b *bench) cpus(c *contestant) (times [2]float64, err error) {
	for i, s := range []*server{c.server, b.instagram} {
		time, err := s.cpu()
		if err != nil {
			return times, err
		}
		times[i] = float64(time.Nanoseconds()) / 1e3
	}
	return times, nil
}

// countAllocations counts for all contestants. It uses one connection: what a second one
// would allocate now and then is no property of a request. The least of three counts is the
// one that the server's other work has disturbed least.
func (b *bench) countAllocations(all []*contestant) error {
	for _, c := range all {
		transport := newTransport(1)
		for i := range 3 {
			counted, err := b.countOnce(c, c.asking(transport))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i == 0 || counted.objects < c.allocs.objects {
				c.allocs = counted
			}
		}
		transport.CloseIdleConnections()
	}
	b.progress("allocations counted")
	return nil
}

func (b *bench) countOnce(c *contestant, load task) (a allocations, err error) {
	if err := c.server.collect(b.ctx); err != nil {
		return a, err
	}
	// The collector has emptied the pools.
	if err := load.times(b.ctx, b.requests/10); err != nil {
		return a, err
	}
	var seen [3]counters
	for i := range seen {
		if i == 2 {
			if err := load.times(b.ctx, b.requests); err != nil {
				return a, err
			}
		}
		if seen[i], err = c.server.counters(b.ctx); err != nil {
			return a, err
		}
	}
	// What it costs to read the counters has been counted in both intervals.
	per := func(first, second, third uint64) float64 {
		return (float64(third-second) - float64(second-first)) / float64(b.requests)
	}
	return allocations{
		objects: per(seen[0].Mallocs, seen[1].Mallocs, seen[2].Mallocs),
		bytes:   per(seen[0].TotalAlloc, seen[1].TotalAlloc, seen[2].TotalAlloc),
	}, nil
}
