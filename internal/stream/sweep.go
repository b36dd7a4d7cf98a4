package stream

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	// restBetweenSweeps bounds what a flood of sign-outs costs.
	restBetweenSweeps = 100 * time.Millisecond

	defaultInterval = 5 * time.Second

	// untilReplaced is the time that the cookie of a new sign-in has to reach the browser. It is
	// the shortest interval that can be configured.
	untilReplaced = time.Second
)

// Config has the keys of the blocks of one configuration of Caddy. Connections that outlive the
// configuration keep it.
type Config struct {
	id any

	mu   sync.Mutex
	keys []uint64
}

// Config returns what the blocks of one configuration share, which id identifies. Without an id,
// nothing is known of other blocks.
func (g *Registry) Config(id any) *Config {
	if id == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.blocks {
		if c := b.Config(); c != nil && c.id == id {
			return c
		}
	}
	return &Config{id: id}
}

func (c *Config) add(key uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, key)
}

func (c *Config) has(key uint64) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.keys, key)
}

// Join makes a block say whose connections may go on. leave ends that; further calls of it do
// nothing.
func (g *Registry) Join(b Block) (leave func()) {
	g.mu.Lock()
	b.Config().add(b.Key())
	g.blocks = append(g.blocks, b)
	g.mu.Unlock()
	g.starts.Do(func() { g.stopped.Go(g.run) })
	g.Wake() // the interval may be shorter now
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.blocks = slices.DeleteFunc(g.blocks, func(other Block) bool { return other == b })
	}
}

// Wake has all connections looked at now: the list of revoked sessions has changed.
func (g *Registry) Wake() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Replacing puts off the end of the connections of a session that is about to be revoked, because
// its browser gets the cookie of a new one. They end a second after done. No interval is shorter,
// so other nodes may end theirs earlier. An end for any other reason is not put off.
func (g *Registry) Replacing(s *session.Session) (done func()) {
	key := s.Keys.Session
	note := func(until time.Time) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.replaced == nil {
			g.replaced = make(map[uint64]time.Time)
		}
		g.replaced[key] = until
	}
	note(time.Time{})
	return func() {
		note(g.now().Add(untilReplaced))
		time.AfterFunc(untilReplaced, g.Wake)
	}
}

// goingOn returns the sessions whose connections may go on for a moment, although they are revoked.
func (g *Registry) goingOn(now time.Time) map[uint64]time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.replaced, func(_ uint64, until time.Time) bool {
		return !until.IsZero() && !now.Before(until)
	})
	return maps.Clone(g.replaced)
}

// Close ends the looks at connections. With cut, all open connections end first, and so do requests
// that become such after it: no block is left that could say whether their sessions go on. It must
// be called after the last block has left.
func (g *Registry) Close(cut bool) {
	g.ends.Do(func() {
		close(g.stop)
		g.stopped.Wait()
		if cut {
			g.abandoned.Store(true)
			g.drain()
		}
	})
}

// drain ends in the background what becomes an open connection, until no request is left.
func (g *Registry) drain() {
	if g.draining.Swap(true) {
		return
	}
	go func() {
		for {
			for g.Sweep(); !g.isEmpty(); g.Sweep() {
				time.Sleep(restBetweenSweeps)
			}
			g.draining.Store(false)
			if g.isEmpty() || g.draining.Swap(true) { // one may have come in between
				return
			}
		}
	}()
}

func (g *Registry) isEmpty() bool {
	empty := true
	g.each(func(*Conn) { empty = false })
	return empty
}

func (g *Registry) run() {
	for {
		timer := time.NewTimer(g.interval())
		select {
		case <-g.stop:
			timer.Stop()
			return
		case <-g.wake:
		case <-timer.C:
		}
		timer.Stop()
		g.Sweep()
		select {
		case <-g.stop:
			return
		case <-time.After(restBetweenSweeps):
		}
	}
}

func (g *Registry) interval() time.Duration {
	shortest := time.Duration(0)
	for _, b := range g.members() {
		if every := b.Interval(); shortest == 0 || every < shortest {
			shortest = every
		}
	}
	if shortest <= 0 {
		return defaultInterval
	}
	return shortest
}

func (g *Registry) members() []Block {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.blocks)
}

// ending is a connection that is to end.
type ending struct {
	conn   *Conn
	reason Reason
	block  Block
}

// Sweep looks at all open connections, and ends those whose session has ended. Registries call it
// themselves; tests need not wait for that.
func (g *Registry) Sweep() {
	live, starting, ok := g.split()
	if !ok {
		return // a configuration starts or stops at this moment
	}
	now := g.now()
	goingOn := g.goingOn(now)
	var endings []ending
	g.each(func(c *Conn) {
		if c.Kind(now) == Request || c.Ended() || slices.Contains(starting, c.block) {
			return
		}
		reason, block := c.verdict(live, now)
		if _, ok := goingOn[c.visit.Session.Keys.Session]; reason != "" && (reason != Revoked || !ok) {
			endings = append(endings, ending{c, reason, block})
		}
	})
	ended := make(map[Block]map[Reason]int)
	for _, e := range endings {
		if !e.conn.end(e.reason) {
			continue
		}
		if ended[e.block] == nil {
			ended[e.block] = make(map[Reason]int)
		}
		ended[e.block][e.reason]++
	}
	for block, counts := range ended {
		block.Report(counts)
	}
}

// split returns the live blocks, the newest first, and those of a configuration that is about to
// take over: it may answer requests already, which the older blocks know nothing of. ok is false if
// there are blocks and none is live.
func (g *Registry) split() (live, starting []Block, ok bool) {
	members := g.members()
	newest := -1
	for i, b := range members {
		if b.Live() {
			live, newest = append(live, b), i
		}
	}
	slices.Reverse(live)
	return live, members[newest+1:], len(live) > 0 || len(members) == 0
}

// verdict asks the block of a connection, or the one that has taken its place in a reload. live has
// the newest first. A cookie that the new block cannot read is good for nothing there.
func (c *Conn) verdict(live []Block, now time.Time) (Reason, Block) {
	if !slices.Contains(live, c.block) {
		heir, ok := heirOf(c.block, live, &c.visit)
		switch {
		case !ok:
			return Removed, c.block
		case !heir.Opens(&c.visit):
			return Unverifiable, heir
		}
		c.block = heir
	}
	return c.block.Verdict(&c.visit, now), c.block
}

// heirOf returns the live block with the same key. If the key has changed, it is the one new block
// that can read the cookie. A block that was there beside the old one is that of another site,
// which may allow and deny other people. Of several new ones, nobody knows which one speaks for
// the page.
func heirOf(old Block, live []Block, v *Visit) (Block, bool) {
	for _, b := range live {
		if b.Key() == old.Key() {
			return b, true
		}
	}
	var heir Block
	for _, b := range live {
		if old.Config().has(b.Key()) || !b.Opens(v) {
			continue
		}
		if heir != nil && heir.Key() != b.Key() {
			return nil, false
		}
		if heir == nil {
			heir = b // the newest
		}
	}
	return heir, heir != nil
}
