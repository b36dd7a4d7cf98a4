package instagramauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// The way back from Instagram: check, exchange, read the user node, make a session.

const (
	// loginTimeout bounds all calls of one login together. [T4]
	loginTimeout = 20 * time.Second

	// exchangeTimeout bounds the one of them that a login can do without.
	exchangeTimeout = 3 * time.Second
)

// A comeback is a visitor who has come back from Instagram and whose login is ours.
type comeback struct {
	callbackQuery
	redirect redirect
	login    session.Login
	who      session.Identity // once it is known
	token    instagram.Token
}

// callback answers the redirect URI. Everything that can be checked here is
// checked before Instagram is asked anything. [C1]
func (h *Handler) callback(v *visit) (bool, error) {
	if ok, err := h.allow(v, http.MethodGet); !ok { // [C7]
		return false, err
	}
	if v.r.TLS != nil && !v.r.TLS.HandshakeComplete {
		// Early data can be replayed by whoever recorded it. [RFC 8470]
		return h.refuse(v, refusal.Reply{Code: refusal.TooEarly})
	}
	redirect, ok := h.settings.redirectFor(v.r.Host)
	if !ok {
		return h.refuseLogin(v, comeback{}, refusal.Reply{Code: refusal.BadHost}, nil)
	}
	query, ok := parseCallback(v.asked.RawQuery)
	if !ok {
		return h.refuseLogin(v, comeback{}, refusal.Reply{Code: refusal.BadRequest}, nil)
	}
	back := comeback{callbackQuery: query, redirect: redirect}
	if back.login, ok = h.settings.cookies.Resume(&v.found, query.state, redirect.uri); !ok {
		return h.stale(v, back)
	}
	if ok, wait := h.limits.rate.Allow(limit.ClientKey(clientIP(v.r))); !ok { // [D2]
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, nil)
	}
	if query.failed {
		return h.denied(v, back)
	}
	if h.outdated(v.r.Context()) {
		// The login stays usable: nothing has been asked of Instagram. [F2]
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval}, errOutdated)
	}
	return h.exchange(v, back)
}

// stale answers a callback whose login is unknown, too old or used. Somebody who
// is signed in already sees no error. [C6]
func (h *Handler) stale(v *visit, back comeback) (bool, error) {
	h.recognize(v)
	if back.state != "" {
		v.w.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.state))
	}
	if v.signedIn {
		return h.arrive(v, back.login.ReturnTo)
	}
	return h.refuseLogin(v, back, refusal.Reply{Code: refusal.LoginExpired}, errStale)
}

// denied answers a visitor who did not sign in. Instagram names the one ordinary
// reason; any other error is a refusal of Instagram's own.
func (h *Handler) denied(v *visit, back comeback) (bool, error) {
	if !h.limits.nonces.First(back.login.Nonce) {
		return h.stale(v, back)
	}
	v.w.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.state))
	code := refusal.ProviderRefused
	if back.cancelled() {
		code = refusal.Cancelled
	}
	return h.refuseLogin(v, back, refusal.Reply{Code: code}, back.providerError())
}

// exchange turns the code into an identity, within the limits that keep Instagram
// and this server out of each other's trouble. [D3]
func (h *Handler) exchange(v *visit, back comeback) (bool, error) {
	ctx, cancel := context.WithTimeout(v.r.Context(), loginTimeout)
	defer cancel()
	leave, ok := h.limits.gate.Enter(ctx)
	if !ok {
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: callQueue}, errQueueFull)
	}
	defer leave()
	// A used login must not take the one trial that the breaker grants.
	if h.limits.nonces.Used(back.login.Nonce) {
		return h.stale(v, back)
	}
	call, wait := h.limits.breaker.Ready()
	if call == nil {
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: wait}, errBreakerOpen)
	}
	// From here on the code is spent, whatever happens. [C4]
	if !h.limits.nonces.First(back.login.Nonce) {
		call.Withdraw()
		return h.stale(v, back)
	}
	v.w.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.state))
	who, err := h.identify(ctx, &back)
	h.report(v, call, err)
	if err != nil {
		return h.refuseLogin(v, back, replyTo(err), err)
	}
	back.who = who
	if !h.settings.admits(&who) { // [X1]
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.NoAccess}, nil)
	}
	var token session.Token
	if h.settings.lacking(&who) == 0 || back.token.Permissions == 0 {
		token = h.tokenToKeep(ctx, &back, &who) // which may say what was granted
	}
	if missing := h.settings.lacking(&who); missing != 0 {
		return h.refuseLogin(v, back, h.lacks(missing, ""), errNotGranted)
	}
	return h.welcome(v, back, who, token)
}

// identify makes the two calls of a login.
func (h *Handler) identify(ctx context.Context, back *comeback) (who session.Identity, err error) {
	if back.token, err = h.calls.Exchange(ctx, back.redirect.uri, back.code); err != nil {
		return who, err
	}
	user, err := h.calls.User(ctx, back.token)
	if err != nil {
		return who, err
	}
	return identityOf(user), nil
}

// tokenToKeep returns the token of a new session, none where it is not kept. A login does
// not fail because the token could not be exchanged for a long-lived one: that is tried
// again later.
func (h *Handler) tokenToKeep(ctx context.Context, back *comeback, who *session.Identity) session.Token {
	if !h.settings.keepToken {
		return session.Token{}
	}
	if h.settings.longLived && !h.limits.tokens.Paused() {
		// No login waits for long for what can be had later.
		ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
		defer cancel()
		long, err := h.calls.LongLived(ctx, back.token)
		if err == nil {
			if long.Permissions != 0 {
				who.Permissions = uint16(long.Permissions)
			}
			return h.sessionToken(long, true)
		}
		if failure, ok := errors.AsType[*instagram.Error](err); ok && !failure.OfOnePerson() {
			h.limits.tokens.Pause(failure.RetryAfter)
		}
		h.logSampled(zapcore.WarnLevel, "getting a long-lived token failed; going on with the short-lived one", "", append(reasons(err), h.settings.privacy.user(who.UserID))...)
	}
	return h.sessionToken(back.token, false)
}

// report tells the breaker whether Instagram is well. A visitor who went away says
// nothing about that, and what is wrong with one person's login nothing about others.
func (h *Handler) report(v *visit, call *limit.Call, err error) {
	if v.r.Context().Err() != nil {
		call.Withdraw()
		return
	}
	failure, ok := errors.AsType[*instagram.Error](err)
	switch call.Report(!ok || failure.OfOnePerson()) {
	case limit.Opened:
		h.metrics.openings.Inc()
		h.logger.Error("breaker opened: calls to instagram have failed in a row; logins are refused until one succeeds", h.about(v.r, append(reasons(err), zap.Int("failures", breakAfter))...)...)
	case limit.Closed:
		h.logger.Info("breaker closed: instagram answers again", h.about(v.r)...)
	}
}

// welcome gives a visitor whose identity is proven their session, or hands them
// over to the site.
func (h *Handler) welcome(v *visit, back comeback, who session.Identity, token session.Token) (bool, error) {
	mark, err := h.settings.cookies.Mark(back.login)
	if err != nil {
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.Internal}, err)
	}
	if h.settings.handoff {
		v.w.Header().Add("Set-Cookie", mark)
		h.signedIn(v, &who)
		return h.handOff(v, back, &who, h.forwarded(&token))
	}
	h.list.CatchUp(v.r.Context())
	created, line, dropped, err := h.settings.cookies.Create(h.newSession(who, token))
	if err != nil {
		return h.refuseLogin(v, back, refusal.Reply{Code: refusal.Internal}, err)
	}
	v.w.Header().Add("Set-Cookie", line)
	v.w.Header().Add("Set-Cookie", mark)
	h.replaceSession(v)
	h.signedIn(v, &who, sessionField(&created))
	h.warnLeftOut(&created, dropped)
	return h.arrive(v, back.login.ReturnTo)
}

// signedIn tells the operator of a login.
func (h *Handler) signedIn(v *visit, who *session.Identity, more ...zap.Field) {
	h.logger.Info("signed in", h.aboutPerson(v.r, who, more...)...)
	h.metrics.login(resultOK).Inc()
	h.emit(v, eventLogin, who, nil)
}

// replaceSession ends the session that a visitor had before a new login. [S10]
func (h *Handler) replaceSession(v *visit) {
	if old, ok := h.settings.cookies.Open(&v.found, h.isEnded); ok {
		h.endQuietly(&old)
	}
}
