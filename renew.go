package instagramauth

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// What becomes of a token and of a profile after the login. All of it runs beside the
// requests: one finds that something is due, and a later one gets the result. No visitor
// waits for Instagram.

// patience is how long Instagram is left alone about one person whom it will not speak
// of, unless it says another time.
const patience = time.Hour

// renewed is what Instagram said when it was asked again.
type renewed struct {
	identity session.Identity
	token    session.Token
	checked  time.Time
}

// due is what of a session Instagram is to be asked about.
type due struct{ token, profile bool }

// due looks at the times in a session.
func (h *Handler) due(s *session.Session) due {
	if !h.settings.longLived || s.Token.Access == "" {
		return due{}
	}
	now := h.now()
	return due{
		// An expired token cannot be refreshed; a short-lived one that is still there
		// could not be exchanged at the login.
		token:   now.Before(s.Token.Expires) && (!s.Token.LongLived || now.Sub(s.Token.Issued) >= instagram.RefreshAge),
		profile: h.settings.revalidate != 0 && now.Sub(s.Checked) >= h.settings.revalidate,
	}
}

// wait returns how long nothing is due. A client that does not keep the renewed cookie
// asks no more often than one that does, unless its token is about to expire.
func (h *Handler) wait(s *session.Session, old *session.Token) time.Duration {
	now := h.now()
	wait := min(s.Token.Issued.Add(instagram.RefreshAge).Sub(now), old.Expires.Sub(now)/4)
	if h.settings.revalidate != 0 {
		wait = min(wait, s.Checked.Add(h.settings.revalidate).Sub(now))
	}
	return wait
}

// renew brings a session up to date with what Instagram has said since its cookie was
// made, and has it asked again where that is due.
func (h *Handler) renew(v *visit) {
	what := h.due(&v.session)
	if what == (due{}) {
		return
	}
	if r, ok := h.limits.renewals.Result(v.session.Keys.Session); ok && r.apply(&v.session) {
		v.renewed = true
		if what = h.due(&v.session); what == (due{}) {
			return
		}
	}
	h.renewBeside(v.session, what)
}

// apply puts what is newer into a session, and reports whether there was anything.
func (r *renewed) apply(s *session.Session) (changed bool) {
	if r.token.Issued.After(s.Token.Issued) || r.token.LongLived && !s.Token.LongLived {
		s.Token, s.Permissions, changed = r.token, r.identity.Permissions, true
	}
	if r.checked.After(s.Checked) {
		s.Username, s.Fields, s.Permissions, s.Checked, changed = r.identity.Username, r.identity.Fields, r.identity.Permissions, r.checked, true
	}
	return changed
}

// renewBeside asks Instagram about a session beside the request that brought it, unless
// that is under way already, or too much is.
func (h *Handler) renewBeside(s session.Session, what due) {
	key := s.Keys.Session
	if !h.limits.renewals.Start(key) {
		return
	}
	leave, ok := h.limits.gate.Try() // [D3]
	if ok {
		ok = h.beside.run(func(ctx context.Context) {
			defer leave()
			h.limits.renewals.End(key, h.ask(ctx, s, what))
		})
	}
	if !ok {
		leave()
		h.limits.renewals.End(key, time.Second)
	}
}

// ask asks Instagram what is due, keeps what it says, and returns how long to leave it
// alone about this session.
func (h *Handler) ask(ctx context.Context, s session.Session, what due) (wait time.Duration) {
	defer func() {
		if cause := recover(); cause != nil {
			h.logger.Error("recovered from a panic", zap.String("type", fmt.Sprintf("%T", cause)), zap.ByteString("stack", debug.Stack()))
			wait = patience
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	old := s.Token
	result, err := h.askAgain(ctx, &s, what)
	if result.apply(&s) {
		h.limits.renewals.Keep(s.Keys.Session, result)
	}
	if err != nil {
		return h.notRenewed(ctx, &s, err)
	}
	h.limits.renewals.Resume()
	return h.wait(&s, &old)
}

// errElsewhere says that another node is just doing the same.
var errElsewhere = errors.New("another node asks")

// askAgain makes the calls that are due. What it returns beside an error is good.
func (h *Handler) askAgain(ctx context.Context, s *session.Session, what due) (renewed, error) {
	result := renewed{s.Identity, s.Token, s.Checked}
	token := instagram.Token{AccessToken: s.Token.Access, UserID: s.UserID, Permissions: instagram.Permissions(s.Permissions)}
	var tokenErr error
	if what.token {
		var longer instagram.Token
		if longer, tokenErr = h.lengthen(ctx, s, token); tokenErr == nil {
			token = longer
			result.token, result.identity.Permissions = h.sessionToken(longer, true), uint16(longer.Permissions)
		} else if failure, ok := errors.AsType[*instagram.Error](tokenErr); !ok || !failure.OfOnePerson() || failure.InvalidToken() {
			return result, tokenErr
		}
	}
	if !what.profile {
		return result, tokenErr
	}
	user, err := h.settings.client.User(ctx, token)
	if err != nil {
		return result, err
	}
	// The client has made sure that it is the same person. Their IDs stay what they were
	// at the login, because the list of ended sessions knows them by those.
	who := identityOf(user)
	who.UserID, who.AppScopedID = s.UserID, s.AppScopedID
	result.identity, result.checked = who, h.now().Truncate(time.Second)
	return result, tokenErr
}

// lengthen refreshes a long-lived token, or exchanges a short-lived one for such a token,
// on one node alone. [T7]
func (h *Handler) lengthen(ctx context.Context, s *session.Session, old instagram.Token) (longer instagram.Token, err error) {
	call := h.settings.client.LongLived
	if s.Token.LongLived {
		call = h.settings.client.Refresh
	}
	ran, err := h.list.Once(ctx, revocation.Key(s.Keys.Session), func(ctx context.Context) (err error) {
		longer, err = call(ctx, old)
		return err
	})
	if err == nil && !ran {
		err = errElsewhere
	}
	return longer, err
}

// notRenewed does what has to be done where Instagram did not say what it was asked, and
// returns how long to leave it alone about this session. Nobody is signed out for it,
// unless Instagram says that it no longer accepts the token.
func (h *Handler) notRenewed(ctx context.Context, s *session.Session, err error) time.Duration {
	about := append(reasons(err), zap.String("user_id", s.UserID), sessionField(s))
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case errors.Is(err, errElsewhere):
		return revocation.OnceFor
	case errors.Is(err, context.Canceled):
		return 0 // the configuration is being replaced
	case !ok:
		h.logger.Warn("asking instagram again failed", about...)
		return patience
	case failure.InvalidToken():
		h.logger.Info("session ended: instagram no longer accepts its token", about...)
		if err := h.end(ctx, s); err != nil {
			h.logger.Error("a session has ended on this node alone; other nodes learn of it when the storage works again", sessionField(s), zap.Error(err))
		}
		return patience
	}
	h.logger.Warn("asking instagram again failed; the session stays as it is", about...)
	if failure.OfOnePerson() {
		return max(failure.RetryAfter, patience)
	}
	h.limits.renewals.Pause(failure.RetryAfter)
	return 0
}

// beside runs work beside requests until it is stopped.
type beside struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	all     sync.WaitGroup
}

func newBeside() *beside {
	ctx, cancel := context.WithCancel(context.Background())
	return &beside{ctx: ctx, cancel: cancel}
}

// run starts work, and reports whether it did.
func (b *beside) run(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.all.Go(func() { work(b.ctx) })
	return true
}

// stop cancels all work and waits for its end. It may be called more than once.
func (b *beside) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	b.all.Wait()
}
