package stream

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// shardCount is a power of two. Requests that end at the same time rarely meet in one shard.
const shardCount = 64

// shardNanoseconds is how long all requests go to the same shard.
const shardNanoseconds = 64

// shard is one part of the open requests. Requests pay for it: two short, hardly contended locks.
type shard struct {
	mu    sync.Mutex
	first *Conn
	_     [48]byte // two shards do not share a cache line
}

// Registry has the requests of signed-in visitors that the site is answering. It outlives a reload
// of the configuration, as connections do. Use New. It is safe for concurrent use.
type Registry struct {
	shards [shardCount]shard
	now    func() time.Time

	mu     sync.Mutex
	blocks []Block // the newest last
	// replaced are the sessions that a new sign-in has replaced a moment ago, by key, with the time
	// until which their connections go on; the zero time if nobody knows yet.
	replaced map[uint64]time.Time

	abandoned atomic.Bool // no block is left, and none comes again
	draining  atomic.Bool // all that is left is being ended

	wake    chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup
	starts  sync.Once
	ends    sync.Once
}

// New returns an empty registry. now is the clock.
func New(now func() time.Time) *Registry {
	return &Registry{now: now, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// Enter adds a request that the site is about to answer. The caller must call c.Leave once the site
// has answered, also after a panic.
func (g *Registry) Enter(c *Conn, w http.ResponseWriter, r *http.Request, block Block, v Visit) {
	v.Began = g.now()
	c.visit, c.block, c.writer = v, block, w
	protocol := extendedConnect(r)
	if protocol != "" {
		c.kind.Store(uint32(Upgrade))
		c.upgraded = new(upgraded)
	}
	if protocol == "websocket" {
		c.kind.Store(uint32(Websocket))
		c.upgraded.websocket, c.upgraded.socket.under = true, w
	}
	switch {
	case r.ProtoMajor == 1:
		c.lever = r.Context()
	case r.ProtoMajor == 3:
		c.flow.Or(http3)
		if protocol == "" {
			c.makeCancellable(r)
		}
		c.watchBody(r)
	case protocol != "":
		c.watchBody(r)
	}
	s := &g.shards[uint64(v.Began.UnixNano())/shardNanoseconds%shardCount]
	s.mu.Lock()
	c.shard, c.next = s, s.first
	if s.first != nil {
		s.first.prev = c
	}
	s.first = c
	s.mu.Unlock()
	if g.abandoned.Load() {
		g.drain()
	}
}

// makeCancellable gives the request a context that ends with the connection. Over HTTP/3, nothing
// else wakes up a handler that waits for its upstream: HTTP/1 has a connection to close, and HTTP/2
// a stream to reset. The request is changed in place, because a copy would stay in memory as long
// as the connection is open. A websocket would pay 140 bytes for its handshake alone, and does
// without.
func (c *Conn) makeCancellable(r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	c.cancel = cancel
	*r = *r.WithContext(ctx)
}

// extendedConnect returns the protocol that an extended CONNECT asks for, "" for any other request.
// [RFC 8441, RFC 9220]
func extendedConnect(r *http.Request) string {
	switch {
	case r.Method != http.MethodConnect || r.ProtoMajor < 2:
		return ""
	case r.ProtoMajor == 2:
		if values := r.Header[":protocol"]; len(values) > 0 {
			return values[0]
		}
		return ""
	case r.Proto != "HTTP/3.0":
		return r.Proto
	}
	return ""
}

// Leave ends the registration of a request: the site has answered it. If the site keeps the network
// connection that it took over, the registration lasts until that is closed.
func (c *Conn) Leave() {
	if c.shard == nil {
		return
	}
	c.mu.Lock()
	if c.raw() != nil && !c.upgraded.closed {
		c.detach()
		c.mu.Unlock()
		return
	}
	if socket := c.Socket(); socket != nil {
		c.mu.Unlock()
		socket.drop() // before left is set: until then, endSocket ends a goodbye that hangs
		c.mu.Lock()
	}
	c.flow.Or(left)
	c.mu.Unlock()
	c.unlink()
}

// detach copies what belongs to the request, which ends now.
func (c *Conn) detach() {
	c.upgraded.detached = true
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	s, found := *c.visit.Session, *c.visit.Found
	c.visit.Session, c.visit.Found = &s, &found
}

func (c *Conn) unlink() {
	s := c.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.prev == nil && s.first != c {
		return // it was unlinked before
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	c.visit.Session, c.visit.Found = nil, nil
}

// each calls f for every request. f must be short, because requests wait for it, and must not call
// the registry.
func (g *Registry) each(f func(*Conn)) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for c := s.first; c != nil; c = c.next {
			f(c)
		}
		s.mu.Unlock()
	}
}

// Touch notes that a session was used just now, as the renewed cookie says that the browser gets.
// That may be an earlier time than before: the clock may have been set back.
func (g *Registry) Touch(s *session.Session) {
	now := g.now()
	g.each(func(c *Conn) {
		if c.visit.Session.Keys.Session == s.Keys.Session {
			c.visit.use = &use{s.Seen, now}
		}
	})
}

// Unrenewed notes that the browser does not get the cookie with which this request renewed its
// session: the last use is the one before, at seen.
func (c *Conn) Unrenewed(seen time.Time) {
	if c.shard == nil {
		return
	}
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if c.visit.use == nil { // otherwise, the answer to another request had a renewed cookie
		c.visit.use = &use{seen, c.visit.Began}
	}
}

// Visit returns the session of a request with its last use.
func (c *Conn) Visit() Visit {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	return c.visit
}

// Counts has a number for each kind.
type Counts [kinds]int

// Add adds the numbers of another one.
func (c *Counts) Add(other Counts) {
	for kind, n := range other {
		c[kind] += n
	}
}

// Count returns the number of open connections by kind.
func (g *Registry) Count() (open Counts) {
	now := g.now()
	g.each(func(c *Conn) { open[c.Kind(now)]++ })
	return open
}
