package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The way back from Instagram: check, exchange, read the user node, make a session.

const (
	// loginTimeout bounds all calls of one login together. [T4]
	loginTimeout = 20 * time.Second
)

// A CallbackState is a visitor who has come back from Instagram and whose login is ours.
type CallbackState struct {
	instagram.Callback
	redirect address.Redirect
	login    session.Login
	who      session.Identity // once it is known
	token    instagram.Token
}

// refuse returns the refusal with which the login ends. cause may be nil.
func (cb *CallbackState) refuse(reply refusal.Reply, cause error) *answer.Refusal {
	return answer.RefuseLogin(&cb.who, cb.login.ReturnTo, reply, cause)
}

// Callback answers the redirect URI. Everything that can be checked here is
// checked before Instagram is asked anything. [C1]
func (f *Flow) Callback(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet); err != nil { // [C7]
		return err
	}
	if isEarlyData(v.R) {
		// Early data can be replayed by whoever recorded it. [RFC 8470, N1]
		return answer.Refuse(refusal.Reply{Code: refusal.TooEarly})
	}
	redirect, ok := f.Paths.RedirectFor(v.R.Host)
	if !ok {
		return new(CallbackState).refuse(refusal.Reply{Code: refusal.BadHost}, ErrCallbackHost)
	}
	query, ok := instagram.ParseCallback(v.OriginalURL.RawQuery, session.StateLength)
	if !ok {
		return new(CallbackState).refuse(refusal.Reply{Code: refusal.BadRequest}, MalformedCallback(v.OriginalURL.RawQuery))
	}
	cb := CallbackState{Callback: query, redirect: redirect}
	if cb.login, ok = f.Cookies.Resume(&v.Found, query.State, redirect.URI); !ok {
		return f.answerStale(v, cb)
	}
	if query.Failed {
		return f.answerDenied(v, cb)
	}
	if f.Sessions.Stale(v.R.Context()) {
		// The login stays usable: nothing has been asked of Instagram. [F2]
		return cb.refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: f.Sessions.SyncInterval}, ErrOutdated)
	}
	return f.exchangeOnce(v, cb)
}

// isEarlyData reports whether a request came in TLS early data, here or at a proxy in front. A header
// that is malformed or repeated counts like a good one. [RFC 8470, 5.1]
func isEarlyData(r *http.Request) bool {
	_, atProxy := r.Header["Early-Data"]
	return atProxy || r.TLS != nil && !r.TLS.HandshakeComplete
}

// answerStale answers a callback whose login is unknown, too old or used. Somebody who
// is signed in already sees no error. [C6]
func (f *Flow) answerStale(v *request.State, cb CallbackState) error {
	f.Sessions.Recognize(v)
	if cb.State != "" {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	}
	if v.Standing == request.SignedIn {
		return f.redirectTo(cb.login.ReturnTo)
	}
	var cause error = ErrStale
	if cb.Failed {
		// Instagram may leave the state out, and what it says is worth more.
		cause = fmt.Errorf("%w; %w", &instagram.WindowError{Callback: cb.Callback}, cause)
	}
	return cb.refuse(refusal.Reply{Code: refusal.LoginExpired}, cause)
}

// answerDenied answers a visitor whom the window sent back with an error: the one ordinary
// reason is that they cancelled.
func (f *Flow) answerDenied(v *request.State, cb CallbackState) error {
	if wait, tooMany := f.tooManyCancels(v.R); tooMany {
		return cb.refuse(refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, errCancelLimit)
	}
	if !f.Memory.Nonces.First(cb.login.Nonce) {
		return f.answerStale(v, cb)
	}
	v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	code := refusal.ProviderRefused
	switch {
	case cb.Cancelled():
		code = refusal.Cancelled
	case cb.AsError().AppState() == instagram.AppRestricted:
		code = refusal.AppBlocked // for this visitor: anybody can write such a query
	case cb.Temporary():
		code = refusal.ProviderError
	}
	return cb.refuse(refusal.Reply{Code: code}, &instagram.WindowError{Callback: cb.Callback})
}

// exchangeOnce turns the code into an identity. A callback that comes again while the first is
// under way (a double click, a reload) gets the same result, so that the visitor is signed
// in whichever answer the browser shows.
func (f *Flow) exchangeOnce(v *request.State, cb CallbackState) error {
	from := telemetry.RequesterOf(v.R)
	res, ok := f.Memory.logins.Do(v.R.Context(), cb.login.Nonce, func(ctx context.Context) (result, bool) {
		res := f.Finish(ctx, from, cb)
		return res, res.Spent // a login that stays usable is tried again
	})
	if !ok { // nobody is there to read this
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: provider.CallQueue, LoginURL: f.Paths.LoginURL(cb.login.ReturnTo)}, KeepsLogin: true}
	}
	return f.answerCallback(v, cb, &res)
}

// MalformedCallback says what is known of a query that is refused as a whole.
func MalformedCallback(raw string) error {
	malformed := telemetry.NewCause("the query of the callback is not one that Instagram sends",
		"nothing to change for one visitor; if it happens to everybody, check that nothing in front of Caddy changes the query")
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > instagram.MaxCallbackQuery || !values.Has("error") && !values.Has("error_description") && !values.Has("error_reason") {
		return malformed
	}
	callback := instagram.Callback{State: values.Get("state"), Fault: values.Get("error"), Reason: values.Get("error_reason"), Description: values.Get("error_description")}
	return fmt.Errorf("%w; %w", malformed, &instagram.WindowError{Callback: callback})
}
