package login

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The end of a login: what Instagram says, what becomes of it, and the answer to each
// request that has brought the login back.

// result is what came of a login.
type result struct {
	who     session.Identity
	token   session.Token
	session session.Session // none after a handoff
	Cookie  string          // the Set-Cookie line of session

	Refused            *answer.Refusal // why the visitor is not signed in; nil if they are
	used               bool            // the login was finished before, and Instagram was not asked
	Spent              bool            // the code was sent
	permissionsUnknown bool            // Instagram did not say what was granted
}

// Finish makes the calls of a login, within the limits that keep Instagram and this
// server out of each other's trouble. [D3] It runs in the background of the requests that
// wait for it, and says once for all of them in log, metrics and events what came of it.
func (f *Flow) Finish(ctx context.Context, from telemetry.Requester, cb CallbackState) (res result) {
	defer f.recoverFinish(from, &cb, &res)
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	f.warnNoAddress(from)
	if res.Refused = f.finish(ctx, from, &cb, &res); res.Refused != nil {
		f.Telemetry.LoginRefused(from, &cb.who, res.Refused.Code, res.Refused.Cause)
	}
	return res
}

// finish is finishLogin without what is said about it. It returns nil for a login that was used
// before, too.
func (f *Flow) finish(ctx context.Context, from telemetry.Requester, cb *CallbackState, res *result) *answer.Refusal {
	client := limit.ClientOf(from.ClientIP)
	// A used login must not take the one trial that the breaker grants.
	if res.used = f.Memory.Nonces.Used(cb.login.Nonce); res.used {
		return nil
	}
	// Before the gate, too: who is refused anyway takes nobody's place there. [N15]
	if refused := f.Memory.failures.Look(client); refused != nil {
		return f.refuseLimited(refused)
	}
	leave, ok := f.Provider.Gate.Enter(ctx)
	if !ok {
		return answer.RefuseAfter(refusal.ProviderUnreachable, provider.CallQueue, errQueueFull)
	}
	defer leave()
	attempt, refused := f.Memory.failures.Ask(client)
	if refused != nil {
		return f.refuseLimited(refused)
	}
	outcome := notCounted
	defer func() { f.settle(attempt, outcome) }()
	call, wait := f.Provider.Breaker.Ready()
	if call == nil {
		if _, locked := f.Provider.Breaker.Locked(); locked {
			return answer.RefuseAfter(refusal.AppBlocked, wait, provider.ErrAppBlocked)
		}
		return answer.RefuseAfter(refusal.ProviderUnreachable, wait, errBreakerOpen)
	}
	// From here on the code is spent, whatever happens. [C4]
	if res.used = !f.Memory.Nonces.First(cb.login.Nonce); res.used {
		call.Withdraw()
		return nil
	}
	res.Spent, outcome = true, failed
	who, err := f.fetchIdentity(ctx, cb)
	f.Provider.Report(ctx, from, call, err)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) && provider.IsTrouble(err) {
			outcome = notCounted // it was Instagram's fault, and the breaker has counted it
		}
		return &answer.Refusal{Reply: provider.ReplyTo(err), Cause: err}
	}
	if refused := f.authorize(ctx, from, cb, res, who); refused != nil {
		return refused
	}
	outcome = succeeded
	return nil
}

// authorize decides about somebody whom Instagram has named, and begins the session.
func (f *Flow) authorize(ctx context.Context, from telemetry.Requester, cb *CallbackState, res *result, who session.Identity) *answer.Refusal {
	cb.who, res.who, res.permissionsUnknown = who, who, cb.token.Permissions == 0
	if !f.Sessions.Allowed(&who) { // [X1]
		f.Sessions.RevokeUserAtBlock(ctx, &who)
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.NoAccess}}
	}
	if f.Sessions.MissingPermissions(&who) == 0 || cb.token.Permissions == 0 {
		res.token = f.Sessions.TokenForSession(ctx, from, cb.token, &res.who) // which may say what was granted
	}
	if missing := f.Sessions.MissingPermissions(&res.who); missing != 0 {
		if !res.permissionsUnknown {
			f.Sessions.RevokeUserAtBlock(ctx, &res.who)
		}
		return &answer.Refusal{Reply: f.Answers.Missing(missing, ""), Cause: ErrNotGranted}
	}
	if err := f.createSession(ctx, from, res); err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Cause: err}
	}
	return nil
}

// recoverFinish turns a panic of ours into a refusal, as catch does in a request. [A6]
func (f *Flow) recoverFinish(from telemetry.Requester, cb *CallbackState, res *result) {
	cause := recover()
	if cause == nil {
		return
	}
	*res = result{Refused: &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}}, Spent: res.Spent}
	// An operator's event handler that has panicked may do so again, and nothing else here
	// stands between it and the end of the process.
	defer func() { _ = recover() }()
	f.Telemetry.NotifyPanic(cause)
	f.Telemetry.LoginRefused(from, &cb.who, refusal.Internal, nil)
}

// answerCallback answers one of the requests that have brought a login back.
func (f *Flow) answerCallback(v *request.State, cb CallbackState, res *result) error {
	if res.Spent {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	}
	switch {
	case res.used, res.Refused == nil && !f.Handoff && (res.Cookie == "" || f.Sessions.Revoked(&res.session)):
		return f.answerStale(v, cb)
	case res.Refused == nil && !f.Sessions.Allowed(&res.who):
		// The lists may have changed since, with a reload. [X1]
		return cb.refuse(refusal.Reply{Code: refusal.NoAccess}, nil)
	case res.Refused != nil:
		f.revokeLostAccess(v, res)
		// finishLogin has told the operator, once for all who wait for this login.
		reply := res.Refused.Reply
		reply.LoginURL = f.Answers.LoginURLFor(reply.Code, cb.login.ReturnTo)
		return &answer.Refusal{Reply: reply, KeepsLogin: !res.Spent}
	}
	mark, err := f.Cookies.Mark(cb.login)
	if err != nil {
		return cb.refuse(refusal.Reply{Code: refusal.Internal}, err)
	}
	if f.Handoff {
		v.W.Header().Add("Set-Cookie", mark)
		f.handOff(v, cb, &res.who, f.Identity.Forwarded(&res.token, f.Now()))
		return nil
	}
	v.W.Header().Add("Set-Cookie", res.Cookie)
	v.W.Header().Add("Set-Cookie", mark)
	f.revokePrevious(v, &res.session)
	return f.redirectTo(cb.login.ReturnTo)
}

// revokePrevious ends the session that a visitor had before a new login. [S10]
func (f *Flow) revokePrevious(v *request.State, by *session.Session) {
	if old, ok := f.Sessions.Find(&v.Found); ok && old.ID != by.ID {
		f.Sessions.RevokeLater(&old)
	}
}

// fetchIdentity makes the two calls of a login.
func (f *Flow) fetchIdentity(ctx context.Context, cb *CallbackState) (who session.Identity, err error) {
	if cb.token, err = f.Provider.Exchange(ctx, cb.redirect.URI, cb.Code); err != nil {
		return who, err
	}
	user, err := f.Provider.User(ctx, cb.token)
	if err != nil {
		return who, err
	}
	f.Provider.WarnOfField(user.FieldError)
	return lifecycle.IdentityOf(user), nil
}

// revokeLostAccess ends the session that somebody has brought along to a login which was refused
// for what Instagram says of them now, if their cookie says something else. Where the
// answer was silent about permissions, nothing was said against those that they had.
func (f *Flow) revokeLostAccess(v *request.State, res *result) {
	if res.Refused.Code != refusal.NoAccess && res.Refused.Code != refusal.MissingPermission {
		return
	}
	old, ok := f.Cookies.Open(&v.Found, nil) // endHere may have ended it
	if !ok || old.UserID != res.who.UserID {
		return
	}
	newer := old
	newer.Username = res.who.Username
	if !res.permissionsUnknown {
		newer.Permissions = res.who.Permissions
	}
	if lost, accessLost := errors.AsType[*lifecycle.LostAccessError](f.Sessions.CompareAccess(&newer, &old)); accessLost {
		f.Sessions.RevokeLostAccess(context.WithoutCancel(v.R.Context()), &old, lifecycle.KindLogin, lost)
		v.W.Header().Add("Set-Cookie", f.Cookies.End())
	}
}

// createSession begins the session of somebody whose identity is proven. After a handoff the site
// keeps the sessions.
func (f *Flow) createSession(ctx context.Context, from telemetry.Requester, res *result) (err error) {
	var fields []zap.Field
	if !f.Handoff {
		if res.session, res.Cookie, err = f.Sessions.Create(ctx, res.who, res.token); err != nil {
			return err
		}
		fields = append(fields, lifecycle.SessionField(&res.session))
	}
	f.Telemetry.SignedIn(from, &res.who, fields...)
	return nil
}
