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
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	MaxConcurrentRefreshes = 8 // of each kind, of the calls at a time, so that logins always find a place
	maxRemembered          = 10_000
	keepResult             = 48 * time.Hour // after the last request whose cookie does not know it
)

// Config is what a block's sessions are made of.
type Config struct {
	App, Name string         // the app's ID, and a name of the block
	Block     revocation.Key // names the block in the list of revoked sessions

	Paths     *address.Paths
	Cookies   *session.Cookies
	Vault     *session.Vault
	Storage   revocation.Storage
	Rotation  *rotation.Rotation
	Telemetry *telemetry.Recorder
	Provider  *provider.Provider
	Identity  *identity.Injector
	Memory    *Memory
	Now       func() time.Time

	Handoff      bool                  // the site keeps the sessions
	Allow, Deny  *AccountList          // nil for no list
	Required     instagram.Permissions // to sign in
	KeepToken    bool
	LongLived    bool
	Revalidate   time.Duration // 0 for never
	Lifetime     time.Duration
	SyncInterval time.Duration
	MaxStaleness time.Duration // 0 for any

	// Forgotten is told of sessions that are to be forgotten everywhere.
	OnForget func(match func(key uint64, s session.Session) bool)
}

// Sessions are those of one block: they begin, are recognized in requests, renewed and ended.
type Sessions struct {
	Config
	List       *revocation.List
	Background *background
	Refreshes  []refreshTask               // of what Instagram has said
	isRevoked  func(*session.Session) bool // ended, made a function once
	leaveList  func()
}

// Memory is what all configurations of an instance know of sessions beside their cookies.
type Memory struct {
	// Tokens and profiles are what Instagram is asked again about sessions. They are kept
	// apart, so that trouble with one of them does not hold up the other.
	Tokens, Profiles *renewal.Group[session.Session]
}

// NewMemory returns an empty memory.
func NewMemory(now func() time.Time) *Memory {
	refreshes := func() *renewal.Group[session.Session] {
		return renewal.New[session.Session](maxRemembered, MaxConcurrentRefreshes, keepResult, now)
	}
	return &Memory{refreshes(), refreshes()}
}

// New joins the list of revoked sessions of the app.
func New(logger *slog.Logger, c Config) (*Sessions, error) {
	l := &Sessions{Config: c, Background: newBackground()}
	if err := l.joinList(logger); err != nil {
		return nil, err
	}
	l.Refreshes = l.refreshTasks()
	l.isRevoked = l.Revoked
	return l, nil
}

// Close ends what runs in the background and leaves the list.
func (l *Sessions) Close() error {
	l.Background.stop()
	return l.releaseList()
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
	hide, forget := list.Privacies.Join(&l.Telemetry.Privacy), list.Blocks.Join(l.Name, l.Rotation)
	leave := l.List.Join(revocation.Member{
		Storage: l.Storage, Sealer: l.Vault, Logger: logger.With(telemetry.LabelApp, app),
		Interval: l.SyncInterval, Lifetime: l.Lifetime, Strict: l.MaxStaleness != 0,
	})
	l.leaveList = func() { leave(); hide(); forget() }
	return nil
}

// releaseList gives the list back. The handler keeps its pointer to it: requests that
// began before a reload may still be on their way.
func (l *Sessions) releaseList() error {
	if l.leaveList == nil {
		return nil
	}
	// The last one to give it back closes it, which still needs a member.
	_, err := Lists.Delete(l.App)
	l.leaveList()
	l.leaveList = nil
	return err
}

// Recognize opens the session, if there is one that has not ended, and decides
// whether it lets its owner in. After a handoff the site keeps the sessions, and an
// older cookie of ours no longer counts.
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
	l.olderThanStorage(&v.Session) // goes on, unless it has been refused already
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

// Find returns the session that a request has brought, unless it has ended.
func (l *Sessions) Find(found *session.Found) (session.Session, bool) {
	return l.Cookies.Open(found, l.isRevoked)
}

// Create creates the session of somebody whose identity is proven, and the Set-Cookie line of it.
func (l *Sessions) Create(ctx context.Context, who session.Identity, token session.Token) (s session.Session, cookie string, err error) {
	l.List.CatchUp(ctx)
	s, cookie, dropped, err := l.Cookies.Create(l.NewSession(who, token))
	if err != nil {
		return s, "", err
	}
	l.warnDropped(&s, dropped)
	return s, cookie, nil
}

// PrepareResponse notes that a session is in use. What is new of it goes out with the site's
// answer.
func (l *Sessions) PrepareResponse(v *request.State, w *identity.ResponseWriter) {
	if v.Found.Marked() {
		// The session cookie came back: the login has arrived. [A7]
		w.Unmark = l.Cookies.Unmark()
	}
	if w.Renewed = l.RenewedCookie(v); w.Renewed != "" {
		keys, began := v.Session.Keys, v.Session.Began
		w.Revoked = func() bool { return l.Revoked(&session.Session{Keys: keys, Began: began}) }
	}
}

// SetRenewedCookie hands a session that is newer than its cookie over with an answer of ours.
func (l *Sessions) SetRenewedCookie(v *request.State) {
	if line := l.RenewedCookie(v); line != "" {
		v.W.Header().Add("Set-Cookie", line)
	}
}

// RenewedCookie returns the Set-Cookie line of a session that has to be handed over again,
// "" if it need not be.
func (l *Sessions) RenewedCookie(v *request.State) string {
	line, _, err := l.Cookies.Renew(&v.Session, v.Renewed)
	if err != nil {
		l.Telemetry.NotifySampled(telemetry.NoticeRenewFailed, "", err)
	}
	return line
}

// RefuseAccess ends the session of a visitor who is no longer let in. [X2]
func (l *Sessions) RefuseAccess(v *request.State) error {
	v.Drain()
	l.RevokeLater(&v.Session)
	v.W.Header().Add("Set-Cookie", l.Cookies.End())
	return &answer.Refusal{
		Reply:  refusal.Reply{Code: refusal.NoAccess, LoginURL: l.Paths.OtherAccountURL(v.ReturnFor(l.Paths))},
		Notice: telemetry.NoticeAccessRefused, Fields: append(l.Telemetry.Privacy.UserFields(&v.Session.Identity), SessionField(&v.Session)),
	}
}
