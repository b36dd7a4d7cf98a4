package lifecycle

import (
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Enter adds a request that goes on to the site to the open connections of the block. w writes the
// site's response, and its Conn must leave once the site has answered. [L5]
func (l *Sessions) Enter(v *request.State, w *identity.ResponseWriter) {
	l.Memory.Open.Enter(&w.Conn, w.ResponseWriter, v.R, l.connections, visitOf(v))
}

// visitOf returns the session of a request as open connections know it.
func visitOf(v *request.State) stream.Visit {
	visit := stream.Visit{Session: &v.Session, Found: &v.Found}
	if v.MaxAge != 0 {
		visit.FreshUntil = v.Session.Fresh(v.MaxAge).Unix() // long ago, not 0, for one that was never fresh
	}
	return visit
}

// connections says which open connections of a block may go on. It is a stream.Block.
type connections struct {
	sessions *Sessions
	config   *stream.Config
}

// Key implements stream.Block.
func (c *connections) Key() uint64 { return uint64(c.sessions.Block) }

// Config implements stream.Block.
func (c *connections) Config() *stream.Config { return c.config }

// Live implements stream.Block.
func (c *connections) Live() bool { return c.sessions.Live == nil || c.sessions.Live() }

// Interval implements stream.Block.
func (c *connections) Interval() time.Duration { return c.sessions.SyncInterval }

// Opens implements stream.Block.
func (c *connections) Opens(v *stream.Visit) bool {
	return c.sessions.Cookies.Reads(v.Found, v.Session.ID)
}

// Verdict implements stream.Block. It comes to the same result as a request would with the same
// session.
func (c *connections) Verdict(v *stream.Visit, now time.Time) stream.Reason {
	l, s := c.sessions, v.Session
	seen, learned := v.LastUse()
	switch {
	case l.Handoff:
		return stream.Unverifiable // the site keeps the sessions, and no cookie counts
	case l.Revoked(s):
		return stream.Revoked
	case stream.Over(s.End(l.Lifetime), v.Began, now):
		return stream.Expired
	case l.Idle > 0 && stream.Over(seen.Add(l.Idle), learned, now):
		return stream.Idle
	case !l.Allowed(&s.Identity):
		return stream.Denied
	case l.MissingPermissions(&s.Identity) != 0:
		return stream.MissingPermission
	case v.FreshUntil != 0 && stream.Over(time.Unix(v.FreshUntil, 0), v.Began, now):
		return stream.TooOld
	case l.MaxStaleness != 0 && l.List.Stale(l.MaxStaleness):
		return stream.Unknown
	}
	return ""
}

// IsFresh reports whether the sign-in of a session is recent enough for a page where that lasts for
// maxAge. As with any lifetime, it no longer is at the very end. [A9]
func (l *Sessions) IsFresh(s *session.Session, maxAge time.Duration) bool {
	now := l.Now()
	return !stream.Over(s.Fresh(maxAge), now, now)
}

// Report implements stream.Block.
func (c *connections) Report(ended map[stream.Reason]int) {
	var fields []zap.Field
	for _, reason := range stream.Reasons() {
		if n := ended[reason]; n > 0 {
			fields = append(fields, zap.Int(string(reason), n))
			if reason != stream.Removed { // the series of a block that is gone are gone, too
				c.sessions.Telemetry.CountCut(string(reason), n)
			}
		}
	}
	c.sessions.Telemetry.Notify(telemetry.NoticeConnectionsEnded, nil, fields...)
}
