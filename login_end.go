package instagramauth

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
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
	cookie  string          // the Set-Cookie line of session

	refused *answer.Refusal // why the visitor is not signed in; nil if they are
	used    bool            // the login was finished before, and Instagram was not asked
	spent   bool            // the code was sent
	silent  bool            // Instagram did not say what was granted
}

// finishLogin makes the calls of a login, within the limits that keep Instagram and this
// server out of each other's trouble. [D3] It runs in the background of the requests that
// wait for it, and says once for all of them in log, metrics and events what came of it.
func (h *Handler) finishLogin(ctx context.Context, from telemetry.Requester, back comeback) (end loginEnd) {
	defer h.catchLogin(from, &back, &end)
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	h.warnOfAddresses(from)
	if end.refused = h.tryLogin(ctx, from, &back, &end); end.refused != nil {
		h.telemetry.LoginRefused(from, &back.who, end.refused.Code, end.refused.Cause)
	}
	return end
}

// tryLogin is finishLogin without what is said about it. It returns nil for a login that was used
// before, too.
func (h *Handler) tryLogin(ctx context.Context, from telemetry.Requester, back *comeback, end *loginEnd) *answer.Refusal {
	client := limit.ClientOf(from.ClientIP)
	// A used login must not take the one trial that the breaker grants.
	if end.used = h.limits.nonces.Used(back.login.Nonce); end.used {
		return nil
	}
	// Before the gate, too: who is refused anyway takes nobody's place there. [N15]
	if by := h.limits.failures.Look(client); by != nil {
		return h.limited(by)
	}
	leave, ok := h.provider.Gate.Enter(ctx)
	if !ok {
		return answer.RefuseAfter(refusal.ProviderUnreachable, provider.CallQueue, errQueueFull)
	}
	defer leave()
	attempt, by := h.limits.failures.Ask(client)
	if by != nil {
		return h.limited(by)
	}
	how := notMade
	defer func() { h.settle(attempt, how) }()
	call, wait := h.provider.Breaker.Ready()
	if call == nil {
		if _, locked := h.provider.Breaker.Locked(); locked {
			return answer.RefuseAfter(refusal.AppBlocked, wait, provider.ErrAppBlocked)
		}
		return answer.RefuseAfter(refusal.ProviderUnreachable, wait, errBreakerOpen)
	}
	// From here on the code is spent, whatever happens. [C4]
	if end.used = !h.limits.nonces.First(back.login.Nonce); end.used {
		call.Withdraw()
		return nil
	}
	end.spent, how = true, failed
	who, err := h.identify(ctx, back)
	h.provider.Report(ctx, from, call, err)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) && provider.IsTrouble(err) {
			how = notMade // it was Instagram's fault, and the breaker has counted it
		}
		return &answer.Refusal{Reply: provider.ReplyTo(err), Cause: err}
	}
	if refused := h.welcome(ctx, from, back, end, who); refused != nil {
		return refused
	}
	how = succeeded
	return nil
}

// welcome decides about somebody whom Instagram has named, and begins the session.
func (h *Handler) welcome(ctx context.Context, from telemetry.Requester, back *comeback, end *loginEnd, who session.Identity) *answer.Refusal {
	back.who, end.who, end.silent = who, who, back.token.Permissions == 0
	if !h.settings.admits(&who) { // [X1]
		h.endHere(ctx, &who)
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.NoAccess}}
	}
	if h.settings.lacking(&who) == 0 || back.token.Permissions == 0 {
		end.token = h.tokenToKeep(ctx, from, back, &end.who) // which may say what was granted
	}
	if missing := h.settings.lacking(&end.who); missing != 0 {
		if !end.silent {
			h.endHere(ctx, &end.who)
		}
		return &answer.Refusal{Reply: h.lacks(missing, ""), Cause: errNotGranted}
	}
	if err := h.begin(ctx, from, end); err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Cause: err}
	}
	return nil
}

// catchLogin turns a panic of ours into a refusal, as catch does in a request. [A6]
func (h *Handler) catchLogin(from telemetry.Requester, back *comeback, end *loginEnd) {
	cause := recover()
	if cause == nil {
		return
	}
	*end = loginEnd{refused: &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}}, spent: end.spent}
	// An operator's event handler that has panicked may do so again, and nothing else here
	// stands between it and the end of the process.
	defer func() { _ = recover() }()
	h.telemetry.NotifyPanic(cause)
	h.telemetry.LoginRefused(from, &back.who, refusal.Internal, nil)
}

// begin begins the session of somebody whose identity is proven. After a handoff the site
// keeps the sessions.
func (h *Handler) begin(ctx context.Context, from telemetry.Requester, end *loginEnd) (err error) {
	var about []zap.Field
	if !h.settings.handoff {
		h.list.CatchUp(ctx)
		var dropped []string
		if end.session, end.cookie, dropped, err = h.settings.cookies.Create(h.newSession(end.who, end.token)); err != nil {
			return err
		}
		h.warnLeftOut(&end.session, dropped)
		about = append(about, sessionField(&end.session))
	}
	h.telemetry.SignedIn(from, &end.who, about...)
	return nil
}

// answerLogin answers one of the requests that have brought a login back.
func (h *Handler) answerLogin(v *request.State, back comeback, end *loginEnd) error {
	if end.spent {
		v.W.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.State))
	}
	switch {
	case end.used, end.refused == nil && !h.settings.handoff && (end.cookie == "" || h.ended(&end.session)):
		return h.stale(v, back)
	case end.refused == nil && !h.settings.admits(&end.who):
		// The lists may have changed since, with a reload. [X1]
		return back.refuse(refusal.Reply{Code: refusal.NoAccess}, nil)
	case end.refused != nil:
		h.heedRefusal(v, end)
		// finishLogin has told the operator, once for all who wait for this login.
		reply := end.refused.Reply
		reply.LoginURL = h.answers.LoginURLFor(reply.Code, back.login.ReturnTo)
		return &answer.Refusal{Reply: reply, KeepsLogin: !end.spent}
	}
	mark, err := h.settings.cookies.Mark(back.login)
	if err != nil {
		return back.refuse(refusal.Reply{Code: refusal.Internal}, err)
	}
	if h.settings.handoff {
		v.W.Header().Add("Set-Cookie", mark)
		h.handOff(v, back, &end.who, h.settings.identity.Forwarded(&end.token, h.now()))
		return nil
	}
	v.W.Header().Add("Set-Cookie", end.cookie)
	v.W.Header().Add("Set-Cookie", mark)
	h.replaceSession(v, &end.session)
	return h.arrive(back.login.ReturnTo)
}

// replaceSession ends the session that a visitor had before a new login. [S10]
func (h *Handler) replaceSession(v *request.State, by *session.Session) {
	if old, ok := h.settings.cookies.Open(&v.Found, h.isEnded); ok && old.ID != by.ID {
		h.endQuietly(&old)
	}
}

// identify makes the two calls of a login.
func (h *Handler) identify(ctx context.Context, back *comeback) (who session.Identity, err error) {
	if back.token, err = h.provider.Exchange(ctx, back.redirect.URI, back.Code); err != nil {
		return who, err
	}
	user, err := h.provider.User(ctx, back.token)
	if err != nil {
		return who, err
	}
	h.provider.WarnOfField(user.FieldError)
	return identityOf(user), nil
}

// tokenToKeep returns the token of a new session, none where it is not kept. A login does
// not fail because the token could not be exchanged for a long-lived one: that is tried
// again later.
func (h *Handler) tokenToKeep(ctx context.Context, from telemetry.Requester, back *comeback, who *session.Identity) session.Token {
	if !h.settings.keepToken {
		return session.Token{}
	}
	if h.settings.longLived && !h.limits.tokens.Paused() {
		// No login waits for long for what can be had later.
		ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
		defer cancel()
		long, err := h.provider.LongLived(ctx, back.token)
		if err == nil {
			if long.Permissions != 0 {
				who.Permissions = uint16(long.Permissions)
			}
			return h.sessionToken(long, true)
		}
		h.provider.NoteAppState(err, h.telemetry.AboutRequester(from)...)
		if failure, ok := errors.AsType[*instagram.Error](err); ok && !failure.OfOnePerson() {
			h.limits.tokens.Pause(failure.RetryAfter)
		}
		h.telemetry.NotifySampled(telemetry.NoticeShortToken, "", err, h.telemetry.Privacy.User(who.UserID))
	}
	return h.sessionToken(back.token, false)
}
