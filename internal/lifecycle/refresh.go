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

// Tokens and profiles are refreshed in the background. The first request that finds a refresh due
// starts it, and a later response carries the renewed cookie. No visitor waits for Instagram.

// RetryDelay is the wait before asking about the same account again after a failure that concerns
// only that account, unless Retry-After is longer.
const RetryDelay = time.Hour

// refreshTimeout bounds all calls of one refresh together.
const refreshTimeout = 20 * time.Second

// refreshTask is one kind of refresh: of tokens or of profiles.
type refreshTask struct {
	name  string
	group *renewal.Group[session.Session]
	// due reports whether a session needs the refresh, and wait how long it will not after one.
	due  func(*session.Session) bool
	wait func(newer *session.Session, old *session.Token) time.Duration
	run  func(context.Context, session.Session) (session.Session, error) // newer
}

// refreshTasks lists the refreshes that the configuration asks for.
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

// tokenDue reports whether a token is due for a refresh. A short-lived token is due at once: its
// exchange failed at the login.
func (l *Sessions) tokenDue(s *session.Session) bool {
	now := l.Now()
	usable := s.Token.Access != "" && now.Before(s.Token.Expires)
	return usable && (!s.Token.LongLived || l.elapsed(now, s.Token.Issued, instagram.RefreshAge))
}

// tokenWait returns the wait until the new token is due. It is shorter if the old token expires
// soon, because a client that does not store the renewed cookie still depends on that.
func (l *Sessions) tokenWait(s *session.Session, old *session.Token) time.Duration {
	now := l.Now()
	return min(s.Token.Issued.Add(instagram.RefreshAge).Sub(now), old.Expires.Sub(now)/4)
}

// profileDue reports whether a profile must be read again. An expired short-lived token is not
// used: Instagram would reject it, and that would revoke the session.
func (l *Sessions) profileDue(s *session.Session) bool {
	now := l.Now()
	usable := s.Token.Access != "" && (s.Token.LongLived || now.Before(s.Token.Expires))
	return usable && l.elapsed(now, s.Checked, l.Revalidate)
}

func (l *Sessions) profileWait(s *session.Session, _ *session.Token) time.Duration {
	return s.Checked.Add(l.Revalidate).Sub(l.Now())
}

// elapsed reports whether d has passed since at. A time in the future was written by a wrong clock,
// and counts as elapsed.
func (l *Sessions) elapsed(now, at time.Time, d time.Duration) bool {
	return now.Sub(at) >= d || at.After(now.Add(clockSkew))
}

// clockSkew is the tolerated difference between the clocks of two nodes. [S7]
const clockSkew = time.Minute

// renew applies finished refreshes to the session of a request, and starts those that are due.
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

// update copies the newer parts of by to s, and reports whether there were any.
func update(s, by *session.Session, now time.Time) (changed bool) {
	if by.ID != s.ID {
		return false // the keys of results are short hashes, which may collide
	}
	isNewer := func(at, old time.Time) bool { return at.After(old) || old.After(now.Add(clockSkew)) }
	upgraded := by.Token.LongLived && !s.Token.LongLived
	if by.Token.Access != s.Token.Access && (upgraded || isNewer(by.Token.Issued, s.Token.Issued)) {
		s.Token, s.Permissions, changed = by.Token, by.Permissions, true
	}
	if !by.Checked.Equal(s.Checked) && isNewer(by.Checked, s.Checked) {
		s.Username, s.Fields, s.Permissions, s.Checked, changed = by.Username, by.Fields, by.Permissions, by.Checked, true
	}
	return changed
}

// startRefresh refreshes a session in the background, unless that refresh is running already or too
// many are.
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

// traceRefresh starts a trace for a refresh, linked to the span of the request that found it due. A
// trace must not outlive its request.
func traceRefresh(ctx context.Context, requestSpan trace.Span, name string) (traced context.Context, end func()) {
	if !requestSpan.SpanContext().IsValid() {
		return ctx, func() {}
	}
	ctx, span := requestSpan.TracerProvider().Tracer(telemetry.TracerName).Start(ctx, option.Directive+" refresh "+name,
		trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: requestSpan.SpanContext()}))
	return ctx, func() { span.End() }
}

// refreshResult returns the value of the metric label for the error of a refresh.
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

// Refresh runs a refresh, stores its result for later requests, and returns the wait before the
// next refresh of this session. A panic is logged and counts as a failure.
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
	// This session may have been revoked during the call.
	l.forget(func(_ uint64, s session.Session) bool { return l.Revoked(&s) })
	return task.wait(&newer, &s.Token)
}

// fitCookie drops the parts of a session that do not fit its cookie. If the new token does not fit,
// the old one stays.
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

// errOtherNode says that another node is running the same refresh.
var errOtherNode = errors.New("another node asks")

// InstagramToken returns the token of a session in the form that the client takes.
func InstagramToken(s *session.Session) instagram.Token {
	return instagram.Token{
		AccessToken: s.Token.Access, UserID: s.UserID, Permissions: instagram.Permissions(s.Permissions),
	}
}

// refreshToken refreshes a long-lived token, or exchanges a short-lived one for it. Only one node
// at a time does so for a session. [T7]
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

// refreshProfile reads the profile of a session again. The client checks that it belongs to the
// same account. The IDs stay as they were at the login, because the revocation list has the session
// under those.
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
		old.Permissions = s.Permissions // without the fields, the permissions behind them are unknown
	}
	return s, l.CompareAccess(&s, &old)
}

// handleFailure logs a failed refresh and returns the back-off. The session stays valid, unless
// Instagram rejects its token.
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

// background runs work outside of requests until it is stopped.
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

// run starts work in a goroutine, and reports whether it did. It does not after stop.
func (b *background) run(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.running.Go(func() { work(b.ctx) })
	return true
}

// stop cancels all work and waits for it. Further calls have no effect.
func (b *background) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
}

// Wait waits for the work that is running. Tests use it.
func (b *background) Wait() { b.running.Wait() }
