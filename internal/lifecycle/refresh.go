package lifecycle

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// What becomes of a token and of a profile after the login. All of it runs beside the
// requests: one finds that something is due, and a later one gets the result. No visitor
// waits for Instagram.

// RetryDelay is how long Instagram is left alone about one person whom it will not speak
// of, unless it says another time.
const RetryDelay = time.Hour

// refreshTimeout bounds all calls of one refresh together.
const refreshTimeout = 20 * time.Second

// refreshTask is one thing to ask Instagram about a session.
type refreshTask struct {
	name  string
	group *renewal.Group[session.Session]
	// due reports whether it is time, wait how long it is not, after the errand.
	due  func(*session.Session) bool
	wait func(newer *session.Session, old *session.Token) time.Duration
	run  func(context.Context, session.Session) (session.Session, error) // newer
}

// refreshTasks lists what Instagram is asked again.
func (l *Sessions) refreshTasks() []refreshTask {
	var all []refreshTask
	if l.LongLived {
		all = append(all, refreshTask{telemetry.KindToken, l.Memory.Tokens, l.tokenDue, l.tokenWait, l.refreshToken})
	}
	if l.Revalidate != 0 {
		all = append(all, refreshTask{telemetry.KindProfile, l.Memory.Profiles, l.profileDue, l.profileWait, l.refreshProfile})
	}
	return all
}

// tokenDue reports whether a token can be refreshed and should be, or is a short-lived one
// that could not be exchanged at the login.
func (l *Sessions) tokenDue(s *session.Session) bool {
	now := l.Now()
	return s.Token.Access != "" && now.Before(s.Token.Expires) && (!s.Token.LongLived || l.elapsed(now, s.Token.Issued, instagram.RefreshAge))
}

// tokenWait lets a client that does not keep the renewed cookie ask no more often than one
// that does, unless its token is about to expire.
func (l *Sessions) tokenWait(s *session.Session, old *session.Token) time.Duration {
	now := l.Now()
	return min(s.Token.Issued.Add(instagram.RefreshAge).Sub(now), old.Expires.Sub(now)/4)
}

// profileDue reports whether a profile is to be looked at again. A short-lived token that
// has expired is not asked about: everybody knows the answer, and it would end the session.
func (l *Sessions) profileDue(s *session.Session) bool {
	now := l.Now()
	usable := s.Token.Access != "" && (s.Token.LongLived || now.Before(s.Token.Expires))
	return usable && l.elapsed(now, s.Checked, l.Revalidate)
}

func (l *Sessions) profileWait(s *session.Session, _ *session.Token) time.Duration {
	return s.Checked.Add(l.Revalidate).Sub(l.Now())
}

// elapsed reports whether a time is a duration ago. One that lies in the future was noted by
// a clock that was wrong, and says nothing.
func (l *Sessions) elapsed(now, at time.Time, d time.Duration) bool {
	return now.Sub(at) >= d || at.After(now.Add(clockSkew))
}

// clockSkew is how far the clocks of two nodes may be apart. [S7]
const clockSkew = time.Minute

// renew brings a session up to date with what Instagram has said since its cookie was
// made, and has it asked again where that is due.
func (l *Sessions) renew(v *request.State) {
	for i := range l.Refreshes {
		task := &l.Refreshes[i]
		if !task.due(&v.Session) {
			continue
		}
		if newer, ok := task.group.Result(v.Session.Keys.Session); ok && update(&v.Session, &newer, l.Now()) {
			v.Renewed = true
		}
		if task.due(&v.Session) {
			l.startRefresh(v, task)
		}
	}
}

// update puts what is newer into a session, and reports whether there was anything.
func update(s, by *session.Session, now time.Time) (changed bool) {
	if by.ID != s.ID {
		return false // results are kept by a part of a hash
	}
	isNewer := func(at, old time.Time) bool { return at.After(old) || old.After(now.Add(clockSkew)) }
	if by.Token.Access != s.Token.Access && (isNewer(by.Token.Issued, s.Token.Issued) || by.Token.LongLived && !s.Token.LongLived) {
		s.Token, s.Permissions, changed = by.Token, by.Permissions, true
	}
	if !by.Checked.Equal(s.Checked) && isNewer(by.Checked, s.Checked) {
		s.Username, s.Fields, s.Permissions, s.Checked, changed = by.Username, by.Fields, by.Permissions, by.Checked, true
	}
	return changed
}

// startRefresh asks Instagram about a session beside the request that brought it, unless
// that is under way already, or too much is.
func (l *Sessions) startRefresh(v *request.State, task *refreshTask) {
	s, key, asked := v.Session, v.Session.Keys.Session, trace.SpanFromContext(v.R.Context())
	if !task.group.Start(key) {
		return
	}
	leave, ok := l.Provider.Gate.Try() // [D3]
	if ok {
		ok = l.Background.run(func(ctx context.Context) {
			defer leave()
			ctx, end := traceRefresh(ctx, asked, task.name)
			defer end()
			task.group.End(key, l.Refresh(ctx, s, task))
		})
	}
	if !ok {
		leave()
		task.group.End(key, time.Second)
	}
}

// traceRefresh begins a trace of an errand's own, with a link to the request that found it
// due: a trace should not go on after its request.
func traceRefresh(ctx context.Context, requestSpan trace.Span, name string) (traced context.Context, end func()) {
	if !requestSpan.SpanContext().IsValid() {
		return ctx, func() {}
	}
	ctx, span := requestSpan.TracerProvider().Tracer(telemetry.TracerName).Start(ctx, option.Directive+" refresh "+name,
		trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: requestSpan.SpanContext()}))
	return ctx, func() { span.End() }
}

// refreshResult names what came of an errand.
func refreshResult(err error) string {
	failure, ok := errors.AsType[*instagram.Error](err)
	_, accessLost := errors.AsType[*LostAccessError](err)
	switch {
	case err == nil:
		return telemetry.ResultOK
	case accessLost:
		return telemetry.ResultRevoked
	case errors.Is(err, errOtherNode):
		return telemetry.ResultOtherNode
	case errors.Is(err, context.Canceled):
		return telemetry.ResultCancelled
	case ok && failure.InvalidToken():
		return telemetry.ResultRevoked
	}
	return telemetry.ResultFailed
}

// Refresh runs an errand, keeps what Instagram says, and returns how long to leave it alone
// about this session.
func (l *Sessions) Refresh(ctx context.Context, s session.Session, task *refreshTask) (wait time.Duration) {
	defer func() {
		if cause := recover(); cause != nil {
			l.Telemetry.NotifyPanic(cause)
			wait = RetryDelay
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	newer, err := task.run(ctx, s)
	l.Telemetry.CountRefresh(task.name, refreshResult(err))
	lost, accessLost := errors.AsType[*LostAccessError](err)
	if err != nil && !accessLost {
		return l.handleFailure(ctx, &s, task, err)
	}
	l.Provider.NoteSuccess()
	task.group.Resume()
	if accessLost {
		return l.RevokeLostAccess(ctx, &s, task.name, lost)
	}
	l.fitCookie(&newer, &s.Token)
	task.group.Keep(newer.Keys.Session, newer)
	l.forget(func(_ uint64, s session.Session) bool { return l.Revoked(&s) }) // this one, too
	return task.wait(&newer, &s.Token)
}

// fitCookie takes out of a session what its cookie has no room for. A good token does not give
// way to one that is too long.
func (l *Sessions) fitCookie(s *session.Session, old *session.Token) {
	dropped, err := l.Cookies.Fit(s)
	if slices.Contains(dropped, session.DroppedToken) {
		s.Token = *old
		_, err = l.Cookies.Fit(s)
	}
	if err != nil {
		l.Telemetry.NotifySampled(telemetry.NoticeRenewFailed, "", err, SessionField(s))
	}
	l.warnDropped(s, dropped)
}

// errOtherNode says that another node is just doing the same.
var errOtherNode = errors.New("another node asks")

// InstagramToken returns the token of a session as the client takes it.
func InstagramToken(s *session.Session) instagram.Token {
	return instagram.Token{AccessToken: s.Token.Access, UserID: s.UserID, Permissions: instagram.Permissions(s.Permissions)}
}

// refreshToken refreshes a long-lived token, or exchanges a short-lived one for such a token,
// on one node alone. [T7]
func (l *Sessions) refreshToken(ctx context.Context, s session.Session) (session.Session, error) {
	call := l.Provider.LongLived
	if s.Token.LongLived {
		call = l.Provider.Refresh
	}
	var renewed instagram.Token
	ran, err := l.List.Once(ctx, revocation.Key(s.Keys.Session), func(ctx context.Context) (err error) {
		renewed, err = call(ctx, InstagramToken(&s))
		return err
	})
	if err == nil && !ran {
		err = errOtherNode
	}
	if err != nil {
		return s, err
	}
	old := s
	s.Token, s.Permissions = l.sessionToken(renewed, true), uint16(renewed.Permissions)
	return s, l.CompareAccess(&s, &old)
}

// refreshProfile asks who the owner of a session is. The client makes sure that it is the same
// person. Their IDs stay what they were at the login, because the list of revoked sessions
// knows them by those.
func (l *Sessions) refreshProfile(ctx context.Context, s session.Session) (session.Session, error) {
	user, err := l.Provider.Recheck(ctx, InstagramToken(&s), instagram.User{ID: s.UserID, AppScopedID: s.AppScopedID})
	if err != nil {
		return s, err
	}
	l.Provider.WarnOfField(user.FieldError)
	old, who := s, IdentityOf(user)
	s.Username, s.Permissions, s.Checked = who.Username, who.Permissions, l.Now().Truncate(time.Second)
	if user.FieldError == nil || user.FieldError.LacksPermission() {
		s.Fields = who.Fields
	} else {
		old.Permissions = s.Permissions // nothing was said of fields, nor of what they prove
	}
	return s, l.CompareAccess(&s, &old)
}

// handleFailure does what has to be done where Instagram did not say what it was asked, and
// returns how long to leave it alone about this session. Nobody is signed out for it,
// unless Instagram says that it no longer accepts the token.
func (l *Sessions) handleFailure(ctx context.Context, s *session.Session, task *refreshTask, err error) time.Duration {
	fields := []zap.Field{zap.String("about", task.name), l.Telemetry.Privacy.User(s.UserID), SessionField(s)}
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case errors.Is(err, errOtherNode):
		return revocation.OnceFor
	case errors.Is(err, context.Canceled):
		return 0 // the configuration is being replaced
	case !ok:
		l.Telemetry.NotifySampled(telemetry.NoticeRefreshUnavailable, task.name, err, fields...)
		return RetryDelay
	case failure.InvalidToken():
		l.Telemetry.Notify(telemetry.NoticeTokenNotAccepted, err, fields...)
		if err := l.Revoke(ctx, s); err != nil {
			l.reportNotStored(err, SessionField(s))
		}
		return RetryDelay
	}
	l.Provider.NoteAppState(err)
	l.Telemetry.NotifySampled(telemetry.NoticeRefreshFailed, task.name, err, fields...)
	if failure.OfOnePerson() {
		return max(failure.RetryAfter, RetryDelay)
	}
	task.group.Pause(failure.RetryAfter)
	return 0
}

// background runs work beside requests until it is stopped.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

func newBackground() *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel}
}

// Run starts work, and reports whether it did.
func (b *background) run(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.running.Go(func() { work(b.ctx) })
	return true
}

// stop cancels all work and waits for its end. It may be called more than once.
func (b *background) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
}

// Wait waits until no work runs. Tests use it.
func (b *background) Wait() { b.running.Wait() }
