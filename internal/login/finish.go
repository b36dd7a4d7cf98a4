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

// The end of a login: the calls to Instagram, the decision, and the answer to each callback.

// result is the result of a login. All callbacks of the login share it.
type result struct {
	who     session.Identity
	token   session.Token
	session session.Session // empty with Handoff
	Cookie  string          // the Set-Cookie line of session

	Refused            *answer.Refusal // why the visitor is not signed in; nil if they are
	used               bool            // the login was finished before
	Spent              bool            // the code was sent, and the login cannot be used again
	permissionsUnknown bool            // Instagram did not list the permissions
}

// Finish makes the calls of a login, within the limits that protect Instagram and this server. [D3]
// It runs in the background of the requests that wait for it. It logs and counts the result once
// for all of them. A panic is a refusal.
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

// finish does the work of Finish. It returns why the visitor is not signed in; nil for a login that
// was used before, too.
func (f *Flow) finish(ctx context.Context, from telemetry.Requester, cb *CallbackState, res *result) *answer.Refusal {
	client := limit.ClientOf(from.ClientIP)
	// A used login must not take the one trial of a half-open breaker.
	if res.used = f.Memory.Nonces.Used(cb.login.Nonce); res.used {
		return nil
	}
	// Check the limit before the gate, too: a client over it must not take a place there. [N15]
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
	// From here on the login is used, whatever happens. [C4]
	if res.used = !f.Memory.Nonces.First(cb.login.Nonce); res.used {
		call.Withdraw()
		return nil
	}
	res.Spent, outcome = true, failed
	who, err := f.fetchIdentity(ctx, cb)
	f.Provider.Report(ctx, from, call, err)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) && provider.IsTrouble(err) {
			outcome = notCounted // Instagram failed, and the breaker has counted that
		}
		return &answer.Refusal{Reply: provider.ReplyTo(err), Cause: err}
	}
	if refused := f.authorize(ctx, from, cb, res, who); refused != nil {
		return refused
	}
	outcome = succeeded
	return nil
}

// authorize decides whether a verified identity may sign in, and creates the session.
func (f *Flow) authorize(ctx context.Context, from telemetry.Requester, cb *CallbackState, res *result, who session.Identity) *answer.Refusal {
	cb.who, res.who, res.permissionsUnknown = who, who, cb.token.Permissions == 0
	if !f.Sessions.Allowed(&who) { // [X1]
		f.Sessions.RevokeUserAtBlock(ctx, &who)
		return &answer.Refusal{Reply: f.Sessions.NoAccess(&who)}
	}
	if account := cb.login.Account; account != 0 && !f.Sessions.HasKey(&who, account) {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.OtherAccount, User: who.Username}, Cause: errOtherAccount} // [A9]
	}
	if f.Sessions.MissingPermissions(&who) == 0 || cb.token.Permissions == 0 {
		res.token = f.Sessions.TokenForSession(ctx, from, cb.token, &res.who) // may list the permissions
	}
	if missing := f.Sessions.MissingPermissions(&res.who); missing != 0 {
		if !res.permissionsUnknown {
			f.Sessions.RevokeUserAtBlock(ctx, &res.who)
		}
		return &answer.Refusal{Reply: f.Answers.Missing(missing, ""), Cause: ErrNotGranted}
	}
	if err := f.createSession(ctx, from, cb.login.Reauthenticate, res); err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Cause: err}
	}
	return nil
}

// recoverFinish turns a panic into a refusal: Finish runs outside of requests, where a panic would
// end Caddy. [A6]
func (f *Flow) recoverFinish(from telemetry.Requester, cb *CallbackState, res *result) {
	cause := recover()
	if cause == nil {
		return
	}
	*res = result{Refused: &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}}, Spent: res.Spent}
	// If an event handler has panicked, it may do so again below, and that would end Caddy.
	defer func() { _ = recover() }()
	f.Telemetry.NotifyPanic(cause)
	f.Telemetry.LoginRefused(from, &cb.who, refusal.Internal, nil)
}

// answerCallback answers one of the callbacks of a finished login.
func (f *Flow) answerCallback(v *request.State, cb CallbackState, res *result) error {
	if res.Spent {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	}
	switch {
	case res.used, res.Refused == nil && !f.Handoff && (res.Cookie == "" || f.Sessions.Revoked(&res.session)):
		return f.answerStale(v, cb)
	case res.Refused == nil && !f.Sessions.Allowed(&res.who):
		// A reload may have changed allow and deny since. [X1]
		return cb.refuse(f.Sessions.NoAccess(&res.who), nil)
	case res.Refused != nil:
		f.revokeLostAccess(v, res)
		// Finish has logged the refusal, once for all callbacks of this login.
		reply := res.Refused.Reply
		// If the other account has signed in meanwhile, in another tab, it is named once.
		if old, ok := f.Sessions.Find(&v.Found); ok && reply.Code == refusal.OtherAccount && old.UserID != res.who.UserID {
			reply.Account = old.Username
		}
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
	if old, ok := f.Sessions.Find(&v.Found); ok && old.ID != res.session.ID { // from before the login [S10]
		defer f.Sessions.Replace(&old)()
	}
	return f.redirectTo(cb.login.ReturnTo)
}

// fetchIdentity makes the two calls of a login: it exchanges the code and reads the user node.
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

// revokeLostAccess revokes the session that a refused visitor still has, if the login found a
// permission missing or the account not allowed and the cookie says otherwise. If Instagram did not
// list the permissions, those of the cookie stand.
func (f *Flow) revokeLostAccess(v *request.State, res *result) {
	if res.Refused.Code != refusal.NoAccess && res.Refused.Code != refusal.MissingPermission {
		return
	}
	old, ok := f.Cookies.Open(&v.Found, nil) // also if authorize has revoked it
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

// createSession creates the session of a verified identity. With Handoff there is none: the site
// keeps the sessions.
func (f *Flow) createSession(ctx context.Context, from telemetry.Requester, reauthenticated bool, res *result) (err error) {
	var fields []zap.Field
	if !f.Handoff {
		if res.session, res.Cookie, err = f.Sessions.Create(ctx, res.who, res.token, reauthenticated); err != nil {
			return err
		}
		fields = append(fields, lifecycle.SessionField(&res.session))
	}
	f.Telemetry.SignedIn(from, &res.who, fields...)
	return nil
}
