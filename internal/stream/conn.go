// Package stream knows the open connections of signed-in visitors on this node: websockets and
// other upgrades, event streams, and requests that take long. It ends those whose session has
// ended.
//
// It does not know when a session ends: a Block says so.
package stream

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// LongAfter is the age from which any request counts as an open connection. A shorter one ends by
// itself: to cut it would only lose the answer to what the visitor did just before signing out.
const LongAfter = time.Minute

// Kind says what a request has become.
type Kind uint32

// The kinds of open connections. Of these, a Request alone is never ended.
const (
	Request     Kind = iota // shorter than LongAfter
	Long                    // longer than that
	EventStream             // answered with one of eventStreams
	Websocket
	Upgrade // to another protocol than websocket
	kinds   = iota
)

// String returns the kind as metrics name it.
func (k Kind) String() string {
	return [kinds]string{"request", "long", "event_stream", "websocket", "upgrade"}[k]
}

// Kinds returns the kinds of open connections.
func Kinds() []Kind { return []Kind{Long, EventStream, Websocket, Upgrade} }

// Reason says why a connection ends, as metrics and log lines name it. "" means that it goes on.
type Reason string

// The reasons.
const (
	Revoked           Reason = "revoked"            // the session was revoked
	Expired           Reason = "expired"            // the session reached its lifetime
	Idle              Reason = "idle"               // the session was not used for too long
	Denied            Reason = "denied"             // allow or deny excludes the account
	MissingPermission Reason = "missing_permission" // the session lacks a required permission
	TooOld            Reason = "too_old"            // max_age asks for a more recent sign-in
	Unverifiable      Reason = "unverifiable"       // the session's cookie can no longer be read
	Unknown           Reason = "unknown"            // the storage cannot say whether it is revoked
	Removed           Reason = "removed"            // no block of the configuration can check it
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{Revoked, Expired, Idle, Denied, MissingPermission, TooOld, Unverifiable, Unknown, Removed}
}

// Visit is the session with which a connection was opened.
type Visit struct {
	// Session and Found must stay unchanged until Leave.
	Session *session.Session
	Found   *session.Found
	// FreshUntil is when the page needs a more recent sign-in, in Unix seconds; 0 for never.
	FreshUntil int64
	// Began is when the request came.
	Began time.Time

	use *use
}

// use is a use of a session, which a renewed cookie reports.
type use struct{ seen, learned time.Time }

// LastUse returns the last use of the session that this node knows of, and when it learned that.
func (v *Visit) LastUse() (seen, learned time.Time) {
	if v.use != nil {
		return v.use.seen, v.use.learned
	}
	return v.Session.Seen, v.Began
}

// Over reports whether a moment has passed that lay ahead at since. It looks at the wall clock and
// at the monotonic one: a clock that is set back lets no connection live longer, and neither does a
// machine that slept.
func Over(end, since, now time.Time) bool {
	return !now.Round(0).Before(end) || now.Sub(since) >= end.Sub(since.Round(0))
}

// Block is a block of the configuration. It says whose connections may go on.
type Block interface {
	// Key names the block. It is the same after a reload.
	Key() uint64
	// Config has the blocks of the same configuration, as Registry.Config returns it.
	Config() *Config
	// Live reports whether the block is part of the running configuration.
	Live() bool
	// Opens reports whether the block can read the cookie of a session.
	Opens(*Visit) bool
	// Verdict says why a connection must end.
	Verdict(v *Visit, now time.Time) Reason
	// Report is told how many connections were ended.
	Report(ended map[Reason]int)
	// Interval is the time between two looks at all connections.
	Interval() time.Duration
}

// Conn is one request of a signed-in visitor while the site answers it. The zero value is no
// request, and all methods accept it. See Registry.Enter.
type Conn struct {
	visit      Visit
	block      Block
	shard      *shard
	next, prev *Conn

	kind atomic.Uint32
	flow atomic.Uint32 // flags, and the number of writes over HTTP/3 that are under way

	mu       sync.Mutex // guards the rest, which ending and leaving share
	writer   http.ResponseWriter
	upgraded *upgraded // nil for most requests
	// lever is what else ends the request: with HTTP/1 the context.Context with the network
	// connection; with HTTP/3, and with extended CONNECT over HTTP/2, the io.ReadCloser with the
	// body of the request.
	lever  any
	cancel context.CancelFunc // of the request's context; nil unless over HTTP/3 without upgrade
}

// The flags in Conn.flow.
const (
	ended uint32 = 1 << 31 // nothing more is to be sent or received
	left  uint32 = 1 << 30 // the site has answered; writer and what follows it belong to others
	http3 uint32 = 1 << 29 // the protocol of the request; set once, by Enter
	flags        = ended | left | http3
)

// upgraded is what a request needs beside that speaks another protocol than HTTP.
type upgraded struct {
	raw       net.Conn // that the site has taken over; nil with extended CONNECT
	early     *[]byte  // what the client sent on raw before; nil for nothing
	closed    bool     // the site has closed raw; guarded by Conn.mu
	detached  bool     // the handler has returned, and somebody else serves raw
	websocket bool
	socket    Socket // of a websocket
}

// raw returns the connection that the site has taken over, nil for none.
func (c *Conn) raw() net.Conn {
	if c.upgraded == nil {
		return nil
	}
	return c.upgraded.raw
}

// socket returns that of a websocket, nil for any other request.
func (c *Conn) socket() *Socket {
	if c.upgraded == nil || !c.upgraded.websocket {
		return nil
	}
	return &c.upgraded.socket
}

// Kind returns what the request has become by now.
func (c *Conn) Kind(now time.Time) Kind {
	kind := Kind(c.kind.Load())
	if kind == Request && now.Sub(c.visit.Began) >= LongAfter {
		return Long
	}
	return kind
}

// Ended reports whether the connection was ended: nothing more may be sent.
func (c *Conn) Ended() bool { return c.flow.Load()&ended != 0 }

// isHTTP3 reports whether the request came over HTTP/3.
func (c *Conn) isHTTP3() bool { return c.flow.Load()&http3 != 0 }

// hasLeft reports whether the site has answered. The caller holds c.mu.
func (c *Conn) hasLeft() bool { return c.flow.Load()&left != 0 }

// AbortIfCut is called when the handler of a request returns. If the response was cut off, it
// panics with http.ErrAbortHandler: half a response must not end like a whole one, and
// handle_errors must not add to it. A websocket has said goodbye, and ends as it is, unless the
// site had not accepted it yet.
func (c *Conn) AbortIfCut() {
	if !c.Ended() || c.raw() != nil {
		return
	}
	if socket := c.socket(); socket == nil || !socket.hasStarted() {
		panic(http.ErrAbortHandler)
	}
}

// TakenOver reports whether the site has taken over the network connection.
func (c *Conn) TakenOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw() != nil
}

// CopiesByWrite reports whether Write must see all of the response, as with HTTP/3, where
// BeginWrite counts what is being sent.
func (c *Conn) CopiesByWrite() bool { return c.isHTTP3() }

// BeginWrite reports whether something may be sent to the client, and EndWrite must follow then.
// Websockets need neither.
func (c *Conn) BeginWrite() bool {
	if flow := c.flow.Load(); flow&http3 == 0 {
		return flow&ended == 0
	}
	if c.flow.Add(1)&ended == 0 {
		return true
	}
	c.EndWrite()
	return false
}

// EndWrite says that a write is over.
func (c *Conn) EndWrite() {
	if c.isHTTP3() {
		c.flow.Add(^uint32(0))
	}
}

// Socket returns the writer of a websocket over HTTP/2 or HTTP/3, nil for any other request.
func (c *Conn) Socket() *Socket {
	if c.raw() != nil {
		return nil // its connection has the socket
	}
	return c.socket()
}

// eventStreams are the media types of responses that usually have no end. With the second one,
// cameras send pictures, each in the place of the one before.
var eventStreams = []string{"text/event-stream", "multipart/x-mixed-replace"}

// NoteHeader looks at the headers of the site's response, which are about to be sent.
func (c *Conn) NoteHeader(header http.Header) {
	if c.shard == nil || len(header["Content-Type"]) == 0 {
		return
	}
	mediaType, _, _ := strings.Cut(header["Content-Type"][0], ";")
	mediaType = strings.TrimSpace(mediaType)
	for _, eventStream := range eventStreams {
		if strings.EqualFold(mediaType, eventStream) {
			c.kind.CompareAndSwap(uint32(Request), uint32(EventStream))
		}
	}
}

// NoteStatus looks at the status of the site's response, which has just been sent.
func (c *Conn) NoteStatus(status int, header http.Header) {
	if c.shard == nil || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	switch {
	case status == http.StatusSwitchingProtocols:
		kind := Upgrade
		if strings.EqualFold(header.Get("Upgrade"), "websocket") {
			kind = Websocket
		}
		c.kind.Store(uint32(kind))
	case c.Socket() == nil:
	case status >= 300:
		// The site refuses the websocket, and a page follows.
		c.mu.Lock()
		c.upgraded.websocket = false
		c.mu.Unlock()
		c.kind.Store(uint32(Request))
	default:
		c.socket().start()
	}
}

type connKey struct{}

// WithConn adds a network connection to the context of its requests. It is for
// caddyhttp.Server.RegisterConnContext.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	if ctx.Value(connKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, connKey{}, conn)
}
