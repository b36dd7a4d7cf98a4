package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// patience is how long anything may take that takes no time when all is well.
const patience = 20 * time.Second

// target is what a load is sent to.
type target struct {
	address string
	request []byte
	status  int // of every answer
}

// crew is a fixed number of connections to one target, each of which sends the next
// request when it has got an answer.
type crew struct {
	target
	clients []*client
}

func hire(ctx context.Context, t target, connections int) (*crew, error) {
	c := &crew{target: t}
	for range connections {
		one, err := dial(ctx, t.address)
		if err != nil {
			c.dismiss()
			return nil, err
		}
		c.clients = append(c.clients, one)
	}
	return c, nil
}

func (c *crew) dismiss() {
	for _, one := range c.clients {
		one.close()
	}
}

// work is what a crew has done.
type work struct {
	latencies histogram
	took      time.Duration
}

// during lets all connections ask until the time is over.
func (c *crew) during(ctx context.Context, slice time.Duration) (*work, error) {
	end := time.Now().Add(slice)
	return c.each(ctx, slice, func(_ int, now time.Time) bool { return now.Before(end) })
}

// times lets the connections share a number of requests.
func (c *crew) times(ctx context.Context, requests int) (*work, error) {
	share := (requests + len(c.clients) - 1) / len(c.clients)
	return c.each(ctx, patience, func(done int, _ time.Time) bool { return done < share })
}

// each runs all connections as long as more says so and waits for them.
func (c *crew) each(ctx context.Context, slice time.Duration, more func(done int, now time.Time) bool) (*work, error) {
	defer context.AfterFunc(ctx, c.dismiss)()
	parts, problems := make([]histogram, len(c.clients)), make([]error, len(c.clients))
	var crew sync.WaitGroup
	began := time.Now()
	for i, one := range c.clients {
		crew.Go(func() {
			if problems[i] = one.conn.SetDeadline(began.Add(slice + patience)); problems[i] == nil {
				problems[i] = c.loop(one, &parts[i], more)
			}
		})
	}
	crew.Wait()
	done := &work{took: time.Since(began)}
	for i := range parts {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if problems[i] != nil {
			return nil, problems[i]
		}
		done.latencies.merge(&parts[i])
	}
	return done, nil
}

func (c *crew) loop(one *client, latencies *histogram, more func(int, time.Time) bool) error {
	for now := time.Now(); more(latencies.total, now); {
		status, err := one.ask(c.request, nil)
		if err != nil {
			return err
		}
		if status != c.status {
			return fmt.Errorf("an answer has the status %d, want %d", status, c.status)
		}
		then := now
		now = time.Now()
		latencies.add(now.Sub(then))
	}
	return nil
}
