// Package lifecycle is the life of a session: it creates, recognizes, refreshes and revokes the
// sessions of one block, and decides whether an account may sign in. These belong together
// because revoking a session must drop its refreshed data, and a refresh may revoke it.
//
// The package does not know how a login runs, which paths the handler answers, or how a page
// looks: a refusal leaves it as an *answer.Refusal.
package lifecycle

import (
	"context"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	// MaxConcurrentRefreshes is the number of refreshes of one kind that run at a time. It is
	// below the limit of all calls, so that logins always find a place.
	MaxConcurrentRefreshes = 8

	maxRemembered = 10_000         // sessions per kind
	keepResult    = 48 * time.Hour // after the last request that needed the result
)

// Shared is what the sessions, logins and endpoints of a block have in common. Everything in it is
// required.
type Shared struct {
	App       string // the app ID at Meta
	Handoff   bool   // the site answers the callback and keeps the sessions; no cookie is recognized
	Paths     *address.Paths
	Cookies   *session.Cookies
	Rotation  *rotation.Rotation
	Telemetry *telemetry.Recorder
	Answers   *answer.Writer
	Provider  *provider.Provider
	Identity  *identity.Injector
	Now       func() time.Time
}

// Config holds the settings and collaborators of a block's sessions. All pointers are required
// unless their comment says otherwise.
type Config struct {
	Shared
	Block   revocation.Key // names the block in the list of revoked sessions
	Vault   *session.Vault
	Storage revocation.Storage
	Memory  *Memory
	// Snapshot is the file in which this node keeps the revocation list for a start without the
	// storage; "" for none.
	Snapshot string

	Allow, Deny  *AccountList          // nil for no list
	Required     instagram.Permissions // to sign in; 0 for none
	KeepToken    bool                  // in the session cookie; otherwise the token is dropped
	LongLived    bool                  // exchange the token for a long-lived one, and refresh it
	Revalidate   time.Duration         // age at which a profile is read again; 0 for never
	Lifetime     time.Duration         // of a session, from its login
	Idle         time.Duration         // a session ends after this time without a request; 0 for never
	SyncInterval time.Duration         // between two reads of the revocation list
	MaxStaleness time.Duration         // fail closed with an older revocation list; 0 for never

	// Configuration identifies the configuration of Caddy that the block is a part of.
	Configuration any
	// Live reports whether the block is part of the running configuration. nil means that it is.
	Live func() bool

	// OnForget is called when the data of the matching sessions must be dropped from every cache.
	OnForget func(match func(key uint64, s session.Session) bool)
}

// Sessions creates, recognizes, refreshes and revokes the sessions of one block. Use New. It is
// safe for concurrent use.
type Sessions struct {
	Config
	List       *revocation.List
	Background *background
	Refreshes  []refreshTask               // the configured kinds
	isRevoked  func(*session.Session) bool // Revoked, converted once: no allocation per request
	leaveList  func()

	connections *connections
}

// Memory holds refreshed data that has not reached a cookie yet. It outlives a reload of the
// configuration.
type Memory struct {
	// Tokens and Profiles are the two kinds of refresh. They are separate, so that a failure of
	// one does not delay the other.
	Tokens, Profiles *renewal.Group[session.Session]
	// Open has the open connections, which may live longer than the configuration.
	Open *stream.Registry
}

// NewMemory returns an empty memory.
func NewMemory(now func() time.Time) *Memory {
	refreshes := func() *renewal.Group[session.Session] {
		return renewal.New[session.Session](maxRemembered, MaxConcurrentRefreshes, keepResult, now)
	}
	return &Memory{refreshes(), refreshes(), stream.New(now)}
}

// New returns the sessions of a block and joins the revocation list of its app. The error is that
// of opening the list. The caller must call Close.
func New(logger *slog.Logger, c Config) (*Sessions, error) {
	l := &Sessions{Config: c, Background: newBackground()}
	l.connections = &connections{l, l.Memory.Open.Config(l.Configuration)}
	if err := l.joinList(logger); err != nil {
		return nil, err
	}
	l.Refreshes = l.refreshTasks()
	l.isRevoked = l.Revoked
	return l, nil
}

// Close stops the background refreshes, waits for them, and leaves the revocation list.
//
// Sessions keeps its pointer to the list, because requests that began before a reload may still use
// it. Further calls do nothing.
func (l *Sessions) Close() error {
	l.Background.stop()
	if l.leaveList == nil {
		return nil
	}
	// The last block to release the list closes it, which still needs a member.
	_, err := Lists.Delete(l.App)
	l.leaveList()
	l.leaveList = nil
	return err
}

// joinList makes the block a member of its app's list.
func (l *Sessions) joinList(logger *slog.Logger) error {
	app := l.App
	shared, _, err := Lists.LoadOrNew(app, func() (caddy.Destructor, error) {
		return SharedList{revocation.New(app, l.Now), new(telemetry.Privacies), new(rotation.Running)}, nil
	})
	if err != nil {
		return err
	}
	list := shared.(SharedList)
	l.List = list.List
	hide, forget := list.Privacies.Join(&l.Telemetry.Privacy), list.Blocks.Join(l.Paths.Redirects[0].URI, l.Rotation)
	leave := l.List.Join(revocation.Member{
		Storage: l.Storage, Sealer: l.Vault, Logger: logger.With(telemetry.LabelApp, app),
		Interval: l.SyncInterval, Lifetime: l.Lifetime, Strict: l.MaxStaleness != 0,
		Snapshot: l.Snapshot, OnChange: l.Memory.Open.Wake,
	})
	leaveOpen := l.Memory.Open.Join(l.connections)
	l.leaveList = func() { leave(); leaveOpen(); hide(); forget() }
	return nil
}

// Recognize opens the session cookie of a request and sets the request's session and Standing.
// A revoked session leaves the visitor anonymous. With Handoff the site keeps the sessions, and
// an older session cookie no longer counts.
func (l *Sessions) Recognize(v *request.State) {
	if l.Handoff || !v.Found.Any() {
		return
	}
	if !l.List.Known() && !l.awaitList(v) {
		return
	}
	if !l.Cookies.OpenInto(&v.Session, &v.Found, l.isRevoked) {
		return
	}
	l.olderThanStorage(&v.Session) // for its report: Revoked has refused the session where that matters
	l.renew(v)
	v.Standing = request.SignedIn
	switch v.Missing = l.MissingPermissions(&v.Session.Identity); {
	case l.Stale(v.R.Context()):
		v.Standing = request.RevocationUnknown
	case !l.Allowed(&v.Session.Identity):
		v.Standing = request.NotAllowed
	case v.Missing != 0:
		v.Standing = request.MissingPermission
	}
}

// Find returns the session of a request's cookies; ok is false for none and for a revoked one.
func (l *Sessions) Find(found *session.Found) (s session.Session, ok bool) {
	return l.Cookies.Open(found, l.isRevoked)
}

// Create returns a new session for a verified identity, and its Set-Cookie line. reauthenticated
// says that Instagram was asked to let the person sign in again. The error is that of encrypting
// the cookie.
func (l *Sessions) Create(
	ctx context.Context, who session.Identity, token session.Token, reauthenticated bool,
) (s session.Session, cookie string, err error) {
	l.List.CatchUp(ctx)
	s = l.NewSession(who, token)
	s.Reauthenticated = reauthenticated
	s, cookie, dropped, err := l.Cookies.Create(s)
	if err != nil {
		return s, "", err
	}
	l.warnDropped(&s, dropped)
	return s, cookie, nil
}

// PrepareResponse adds the cookies of a session to the site's response: a renewed session cookie
// where one is due, and the removal of the loop mark after a login.
func (l *Sessions) PrepareResponse(v *request.State, w *identity.ResponseWriter) {
	if v.Found.Marked() {
		// The browser has sent the session cookie, so there is no redirect loop. [A7]
		w.Unmark = l.Cookies.Unmark()
	}
	seen := v.Session.Seen
	if w.Renewed = l.renewedCookie(v); w.Renewed == "" {
		return
	}
	renewed := &session.Session{Keys: v.Session.Keys, Began: v.Session.Began, Seen: v.Session.Seen}
	w.Renew = func(possible bool) bool {
		if !possible || w.Conn.Ended() || w.Conn.TakenOver() || l.Revoked(renewed) {
			w.Conn.Unrenewed(seen)
			return false
		}
		l.noteUse(renewed)
		return true
	}
}

// SetRenewedCookie adds the renewed session cookie to a response of this handler, if one is due,
// and reports whether it is.
func (l *Sessions) SetRenewedCookie(v *request.State) (due bool) {
	line := l.renewedCookie(v)
	if line == "" {
		return false
	}
	v.W.Header().Add("Set-Cookie", line)
	l.noteUse(&v.Session)
	return true
}

// noteUse tells the open connections of a session that the browser gets a renewed cookie. Without
// that cookie, the session would end in the browser, and its connections must not outlive it. [L5]
func (l *Sessions) noteUse(renewed *session.Session) {
	if l.Idle > 0 {
		l.Memory.Open.Touch(renewed)
	}
}

// renewedCookie returns the Set-Cookie line of a session whose cookie is due for renewal, ""
// otherwise. A failure is logged, and the old cookie stays valid.
func (l *Sessions) renewedCookie(v *request.State) string {
	line, _, err := l.Cookies.Renew(&v.Session, v.Renewed)
	if err != nil {
		l.Telemetry.NotifySampled(telemetry.NoticeRenewFailed, "", err)
	}
	return line
}

// RefuseAccess revokes the session of an account that is no longer allowed, and returns the
// refusal. [X2]
func (l *Sessions) RefuseAccess(v *request.State) error {
	v.Drain()
	l.RevokeLater(&v.Session)
	v.W.Header().Add("Set-Cookie", l.Cookies.End())
	reply := l.NoAccess(&v.Session.Identity)
	reply.LoginURL = l.Paths.OtherAccountURL(v.ReturnFor(l.Paths))
	return &answer.Refusal{
		Reply:  reply,
		Notice: telemetry.NoticeAccessRefused,
		Fields: append(l.Telemetry.Privacy.UserFields(&v.Session.Identity), SessionField(&v.Session)),
	}
}
