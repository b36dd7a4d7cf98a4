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

// The callback: check it, then finish the login and answer.

// loginTimeout bounds all calls of one login together. [T4]
const loginTimeout = 20 * time.Second

// CallbackState is a callback from Instagram with the login that it belongs to. The login is empty
// if the callback belongs to none.
type CallbackState struct {
	instagram.Callback
	redirect address.Redirect
	login    session.Login
	who      session.Identity // empty before Instagram has named it
	token    instagram.Token
}

// refuse returns the refusal of a login. cause may be nil.
func (cb *CallbackState) refuse(reply refusal.Reply, cause error) *answer.Refusal {
	return answer.RefuseLogin(&cb.who, cb.login.ReturnTo, reply, cause)
}

// Callback answers the redirect URI. It checks all that can be checked before it calls Instagram.
// [C1] With Handoff, a nil error passes the request to the site.
func (f *Flow) Callback(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet); err != nil { // [C7]
		return err
	}
	if isEarlyData(v.R) {
		// An attacker can replay recorded early data. [RFC 8470, N1]
		return answer.Refuse(refusal.Reply{Code: refusal.TooEarly})
	}
	redirect, ok := f.Paths.RedirectFor(v.R.Host)
	if !ok {
		return new(CallbackState).refuse(refusal.Reply{Code: refusal.BadHost}, ErrCallbackHost)
	}
	query, ok := instagram.ParseCallback(v.OriginalURL.RawQuery, session.StateLength)
	if !ok {
		// Of a login that began before an upgrade: it has expired.
		query, ok = instagram.ParseCallback(v.OriginalURL.RawQuery, session.EarlierStateLength)
	}
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
		// The login stays valid: the code has not been sent. [F2]
		return cb.refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: f.Sessions.SyncInterval}, ErrOutdated)
	}
	return f.exchangeOnce(v, cb)
}

// isEarlyData reports whether a request came in TLS early data, to Caddy or to a proxy in front. A
// malformed or repeated header counts too. [RFC 8470, 5.1]
func isEarlyData(r *http.Request) bool {
	_, atProxy := r.Header["Early-Data"]
	return atProxy || r.TLS != nil && !r.TLS.HandshakeComplete
}

// answerStale answers a callback whose login is unknown, expired or used. A visitor who is signed
// in already sees no error. [C6]
func (f *Flow) answerStale(v *request.State, cb CallbackState) error {
	f.Sessions.Recognize(v)
	if cb.State != "" {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	}
	if v.Standing == request.SignedIn && f.isFresh(v, f.Paths.Safe(cb.login.ReturnTo)) {
		return f.redirectTo(cb.login.ReturnTo)
	}
	if app, ok := f.beganElsewhere(v, &cb); ok {
		f.Telemetry.CountInApp(app)
		return cb.refuse(refusal.Reply{Code: refusal.OtherBrowser}, errOtherBrowser)
	}
	var cause error = ErrStale
	if cb.Failed {
		// Instagram may omit the state. Its error tells more than ErrStale does.
		cause = fmt.Errorf("%w; %w", &instagram.WindowError{Callback: cb.Callback}, cause)
	}
	return cb.refuse(refusal.Reply{Code: refusal.LoginExpired}, cause)
}

// answerDenied answers a callback with an error of the authorization window. In most cases the
// visitor has cancelled.
func (f *Flow) answerDenied(v *request.State, cb CallbackState) error {
	if wait, tooMany := f.tooManyCancels(v.R); tooMany {
		return cb.refuse(refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, errCancelLimit)
	}
	if !f.Memory.Nonces.First(cb.login.Nonce) {
		return f.answerStale(v, cb)
	}
	v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	reply := refusal.Reply{Code: refusal.ProviderRefused}
	switch {
	case cb.Cancelled():
		reply.Code = refusal.Cancelled
		if f.Sessions.Recognize(v); v.Standing != request.Anonymous {
			reply.User = v.Session.Username // the earlier session goes on
		}
	case cb.AsError().AppState() == instagram.AppRestricted:
		reply.Code = refusal.AppBlocked // for this visitor only: anyone can forge such a query
	case cb.Temporary():
		reply.Code = refusal.ProviderError
	}
	return cb.refuse(reply, &instagram.WindowError{Callback: cb.Callback})
}

// exchangeOnce exchanges the code for an identity and answers. A second callback during that time
// (a double click, a reload) gets the same result, so that the visitor is signed in whichever
// answer the browser shows.
func (f *Flow) exchangeOnce(v *request.State, cb CallbackState) error {
	from := telemetry.RequesterOf(v.R)
	res, ok := f.Memory.logins.Do(v.R.Context(), cb.login.Nonce, func(ctx context.Context) (result, bool) {
		res := f.Finish(ctx, from, cb)
		return res, res.Spent // keep no result of a login that can be tried again
	})
	if !ok { // the visitor has gone
		reply := refusal.Reply{
			Code: refusal.ProviderUnreachable, RetryAfter: provider.CallQueue, LoginURL: f.Paths.LoginURL(cb.login.ReturnTo),
		}
		return &answer.Refusal{Reply: reply, KeepsLogin: true}
	}
	return f.answerCallback(v, cb, &res)
}

// MalformedCallback returns the cause for a callback whose query is malformed. It includes the
// error that the query names, if there is one.
func MalformedCallback(raw string) error {
	malformed := telemetry.NewCause("the query of the callback is not one that Instagram sends",
		"nothing to change for one visitor; if it happens to everybody, check that nothing in front of Caddy changes the query")
	values, err := url.ParseQuery(raw)
	hasError := values.Has("error") || values.Has("error_description") || values.Has("error_reason")
	if err != nil || len(raw) > instagram.MaxCallbackQuery || !hasError {
		return malformed
	}
	callback := instagram.Callback{
		State: values.Get("state"), Fault: values.Get("error"),
		Reason: values.Get("error_reason"), Description: values.Get("error_description"),
	}
	return fmt.Errorf("%w; %w", malformed, &instagram.WindowError{Callback: callback})
}
