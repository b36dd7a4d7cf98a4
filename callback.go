package instagramauth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
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
	redirect address.Redirect
	login    session.Login
	who      session.Identity // once it is known
	token    instagram.Token
}

// refuse returns the refusal with which the login ends. cause may be nil.
func (b *comeback) refuse(reply refusal.Reply, cause error) *answer.Refusal {
	return answer.RefuseLogin(&b.who, b.login.ReturnTo, reply, cause)
}

// callback answers the redirect URI. Everything that can be checked here is
// checked before Instagram is asked anything. [C1]
func (h *Handler) callback(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet); err != nil { // [C7]
		return err
	}
	if early(v.R) {
		// Early data can be replayed by whoever recorded it. [RFC 8470, N1]
		return answer.Refuse(refusal.Reply{Code: refusal.TooEarly})
	}
	redirect, ok := h.settings.paths.RedirectFor(v.R.Host)
	if !ok {
		return new(comeback).refuse(refusal.Reply{Code: refusal.BadHost}, errCallbackHost)
	}
	query, ok := parseCallback(v.Asked.RawQuery)
	if !ok {
		return new(comeback).refuse(refusal.Reply{Code: refusal.BadRequest}, oddCallback(v.Asked.RawQuery))
	}
	back := comeback{callbackQuery: query, redirect: redirect}
	if back.login, ok = h.settings.cookies.Resume(&v.Found, query.state, redirect.URI); !ok {
		return h.stale(v, back)
	}
	if query.failed {
		return h.denied(v, back)
	}
	if h.outdated(v.R.Context()) {
		// The login stays usable: nothing has been asked of Instagram. [F2]
		return back.refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval}, errOutdated)
	}
	return h.exchange(v, back)
}

// early reports whether a request came in TLS early data, here or at a proxy in front. A header
// that is malformed or repeated counts like a good one. [RFC 8470, 5.1]
func early(r *http.Request) bool {
	_, atProxy := r.Header["Early-Data"]
	return atProxy || r.TLS != nil && !r.TLS.HandshakeComplete
}

// stale answers a callback whose login is unknown, too old or used. Somebody who
// is signed in already sees no error. [C6]
func (h *Handler) stale(v *request.State, back comeback) error {
	h.recognize(v)
	if back.state != "" {
		v.W.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.state))
	}
	if v.Standing == request.SignedIn {
		return h.arrive(back.login.ReturnTo)
	}
	var cause error = errStale
	if back.failed {
		// Instagram may leave the state out, and what it says is worth more.
		cause = fmt.Errorf("%w; %w", &windowError{back.callbackQuery}, cause)
	}
	return back.refuse(refusal.Reply{Code: refusal.LoginExpired}, cause)
}

// denied answers a visitor whom the window sent back with an error: the one ordinary
// reason is that they cancelled.
func (h *Handler) denied(v *request.State, back comeback) error {
	if wait, tooMany := h.tooManyCancels(v.R); tooMany {
		return back.refuse(refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, errCancelLimit)
	}
	if !h.limits.nonces.First(back.login.Nonce) {
		return h.stale(v, back)
	}
	v.W.Header().Add("Set-Cookie", h.settings.cookies.Finish(back.state))
	code := refusal.ProviderRefused
	switch {
	case back.cancelled():
		code = refusal.Cancelled
	case back.asError().AppState() == instagram.AppRestricted:
		code = refusal.AppBlocked // for this visitor: anybody can write such a query
	case back.temporary():
		code = refusal.ProviderError
	}
	return back.refuse(refusal.Reply{Code: code}, &windowError{back.callbackQuery})
}

// exchange turns the code into an identity. A callback that comes again while the first is
// under way (a double click, a reload) gets the same result, so that the visitor is signed
// in whichever answer the browser shows.
func (h *Handler) exchange(v *request.State, back comeback) error {
	from := telemetry.RequesterOf(v.R)
	end, ok := h.limits.logins.Do(v.R.Context(), back.login.Nonce, func(ctx context.Context) (loginEnd, bool) {
		end := h.finishLogin(ctx, from, back)
		return end, end.spent // a login that stays usable is tried again
	})
	if !ok { // nobody is there to read this
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: callQueue, LoginURL: h.settings.paths.LoginURL(back.login.ReturnTo)}, KeepsLogin: true}
	}
	return h.answerLogin(v, back, &end)
}
