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

// loginEnd is what came of a login.
type loginEnd struct {
	who     session.Identity
	token   session.Token
	session session.Session // none after a handoff
	Cookie  string          // the Set-Cookie line of session

	Refused *answer.Refusal // why the visitor is not signed in; nil if they are
	used    bool            // the login was finished before, and Instagram was not asked
	Spent   bool            // the code was sent
	silent  bool            // Instagram did not say what was granted
}

// FinishLogin makes the calls of a login, within the limits that keep Instagram and this
// server out of each other's trouble. [D3] It runs in the background of the requests that
// wait for it, and says once for all of them in log, metrics and events what came of it.
func (f *Flow) FinishLogin(ctx context.Context, from telemetry.Requester, back Comeback) (end loginEnd) {
	defer f.catchLogin(from, &back, &end)
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	f.warnOfAddresses(from)
	if end.Refused = f.tryLogin(ctx, from, &back, &end); end.Refused != nil {
		f.Telemetry.LoginRefused(from, &back.who, end.Refused.Code, end.Refused.Cause)
	}
	return end
}

// tryLogin is finishLogin without what is said about it. It returns nil for a login that was used
// before, too.
func (f *Flow) tryLogin(ctx context.Context, from telemetry.Requester, back *Comeback, end *loginEnd) *answer.Refusal {
	client := limit.ClientOf(from.ClientIP)
	// A used login must not take the one trial that the breaker grants.
	if end.used = f.Memory.Nonces.Used(back.login.Nonce); end.used {
		return nil
	}
	// Before the gate, too: who is refused anyway takes nobody's place there. [N15]
	if by := f.Memory.failures.Look(client); by != nil {
		return f.limited(by)
	}
	leave, ok := f.Provider.Gate.Enter(ctx)
	if !ok {
		return answer.RefuseAfter(refusal.ProviderUnreachable, provider.CallQueue, errQueueFull)
	}
	defer leave()
	attempt, by := f.Memory.failures.Ask(client)
	if by != nil {
		return f.limited(by)
	}
	how := notMade
	defer func() { f.settle(attempt, how) }()
	call, wait := f.Provider.Breaker.Ready()
	if call == nil {
		if _, locked := f.Provider.Breaker.Locked(); locked {
			return answer.RefuseAfter(refusal.AppBlocked, wait, provider.ErrAppBlocked)
		}
		return answer.RefuseAfter(refusal.ProviderUnreachable, wait, errBreakerOpen)
	}
	// From here on the code is spent, whatever happens. [C4]
	if end.used = !f.Memory.Nonces.First(back.login.Nonce); end.used {
		call.Withdraw()
		return nil
	}
	end.Spent, how = true, failed
	who, err := f.identify(ctx, back)
	f.Provider.Report(ctx, from, call, err)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) && provider.IsTrouble(err) {
			how = notMade // it was Instagram's fault, and the breaker has counted it
		}
		return &answer.Refusal{Reply: provider.ReplyTo(err), Cause: err}
	}
	if refused := f.welcome(ctx, from, back, end, who); refused != nil {
		return refused
	}
	how = succeeded
	return nil
}

// welcome decides about somebody whom Instagram has named, and begins the session.
func (f *Flow) welcome(ctx context.Context, from telemetry.Requester, back *Comeback, end *loginEnd, who session.Identity) *answer.Refusal {
	back.who, end.who, end.silent = who, who, back.token.Permissions == 0
	if !f.Sessions.Admits(&who) { // [X1]
		f.Sessions.EndHere(ctx, &who)
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.NoAccess}}
	}
	if f.Sessions.Lacking(&who) == 0 || back.token.Permissions == 0 {
		end.token = f.Sessions.TokenToKeep(ctx, from, back.token, &end.who) // which may say what was granted
	}
	if missing := f.Sessions.Lacking(&end.who); missing != 0 {
		if !end.silent {
			f.Sessions.EndHere(ctx, &end.who)
		}
		return &answer.Refusal{Reply: f.Answers.Missing(missing, ""), Cause: ErrNotGranted}
	}
	if err := f.begin(ctx, from, end); err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Cause: err}
	}
	return nil
}

// catchLogin turns a panic of ours into a refusal, as catch does in a request. [A6]
func (f *Flow) catchLogin(from telemetry.Requester, back *Comeback, end *loginEnd) {
	cause := recover()
	if cause == nil {
		return
	}
	*end = loginEnd{Refused: &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}}, Spent: end.Spent}
	// An operator's event handler that has panicked may do so again, and nothing else here
	// stands between it and the end of the process.
	defer func() { _ = recover() }()
	f.Telemetry.NotifyPanic(cause)
	f.Telemetry.LoginRefused(from, &back.who, refusal.Internal, nil)
}

// answerLogin answers one of the requests that have brought a login back.
func (f *Flow) answerLogin(v *request.State, back Comeback, end *loginEnd) error {
	if end.Spent {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(back.State))
	}
	switch {
	case end.used, end.Refused == nil && !f.Handoff && (end.Cookie == "" || f.Sessions.Ended(&end.session)):
		return f.stale(v, back)
	case end.Refused == nil && !f.Sessions.Admits(&end.who):
		// The lists may have changed since, with a reload. [X1]
		return back.refuse(refusal.Reply{Code: refusal.NoAccess}, nil)
	case end.Refused != nil:
		f.heedRefusal(v, end)
		// finishLogin has told the operator, once for all who wait for this login.
		reply := end.Refused.Reply
		reply.LoginURL = f.Answers.LoginURLFor(reply.Code, back.login.ReturnTo)
		return &answer.Refusal{Reply: reply, KeepsLogin: !end.Spent}
	}
	mark, err := f.Cookies.Mark(back.login)
	if err != nil {
		return back.refuse(refusal.Reply{Code: refusal.Internal}, err)
	}
	if f.Handoff {
		v.W.Header().Add("Set-Cookie", mark)
		f.handOff(v, back, &end.who, f.Identity.Forwarded(&end.token, f.Now()))
		return nil
	}
	v.W.Header().Add("Set-Cookie", end.Cookie)
	v.W.Header().Add("Set-Cookie", mark)
	f.replaceSession(v, &end.session)
	return f.arrive(back.login.ReturnTo)
}

// replaceSession ends the session that a visitor had before a new login. [S10]
func (f *Flow) replaceSession(v *request.State, by *session.Session) {
	if old, ok := f.Sessions.Find(&v.Found); ok && old.ID != by.ID {
		f.Sessions.EndLater(&old)
	}
}

// identify makes the two calls of a login.
func (f *Flow) identify(ctx context.Context, back *Comeback) (who session.Identity, err error) {
	if back.token, err = f.Provider.Exchange(ctx, back.redirect.URI, back.Code); err != nil {
		return who, err
	}
	user, err := f.Provider.User(ctx, back.token)
	if err != nil {
		return who, err
	}
	f.Provider.WarnOfField(user.FieldError)
	return lifecycle.IdentityOf(user), nil
}

// heedRefusal ends the session that somebody has brought along to a login which was refused
// for what Instagram says of them now, if their cookie says something else. Where the
// answer was silent about permissions, nothing was said against those that they had.
func (f *Flow) heedRefusal(v *request.State, end *loginEnd) {
	if end.Refused.Code != refusal.NoAccess && end.Refused.Code != refusal.MissingPermission {
		return
	}
	old, ok := f.Cookies.Open(&v.Found, nil) // endHere may have ended it
	if !ok || old.UserID != end.who.UserID {
		return
	}
	newer := old
	newer.Username = end.who.Username
	if !end.silent {
		newer.Permissions = end.who.Permissions
	}
	if said, against := errors.AsType[*lifecycle.SaidAgainst](f.Sessions.Against(&newer, &old)); against {
		f.Sessions.EndAgainst(context.WithoutCancel(v.R.Context()), &old, lifecycle.AboutLogin, said)
		v.W.Header().Add("Set-Cookie", f.Cookies.End())
	}
}

// begin begins the session of somebody whose identity is proven. After a handoff the site
// keeps the sessions.
func (f *Flow) begin(ctx context.Context, from telemetry.Requester, end *loginEnd) (err error) {
	var about []zap.Field
	if !f.Handoff {
		if end.session, end.Cookie, err = f.Sessions.Create(ctx, end.who, end.token); err != nil {
			return err
		}
		about = append(about, lifecycle.SessionField(&end.session))
	}
	f.Telemetry.SignedIn(from, &end.who, about...)
	return nil
}
