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

// A Comeback is a visitor who has come back from Instagram and whose login is ours.
type Comeback struct {
	instagram.Callback
	redirect address.Redirect
	login    session.Login
	who      session.Identity // once it is known
	token    instagram.Token
}

// refuse returns the refusal with which the login ends. cause may be nil.
func (b *Comeback) refuse(reply refusal.Reply, cause error) *answer.Refusal {
	return answer.RefuseLogin(&b.who, b.login.ReturnTo, reply, cause)
}

// Callback answers the redirect URI. Everything that can be checked here is
// checked before Instagram is asked anything. [C1]
func (f *Flow) Callback(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet); err != nil { // [C7]
		return err
	}
	if early(v.R) {
		// Early data can be replayed by whoever recorded it. [RFC 8470, N1]
		return answer.Refuse(refusal.Reply{Code: refusal.TooEarly})
	}
	redirect, ok := f.Paths.RedirectFor(v.R.Host)
	if !ok {
		return new(Comeback).refuse(refusal.Reply{Code: refusal.BadHost}, ErrCallbackHost)
	}
	query, ok := instagram.ParseCallback(v.OriginalURL.RawQuery, session.StateLength)
	if !ok {
		return new(Comeback).refuse(refusal.Reply{Code: refusal.BadRequest}, OddCallback(v.OriginalURL.RawQuery))
	}
	back := Comeback{Callback: query, redirect: redirect}
	if back.login, ok = f.Cookies.Resume(&v.Found, query.State, redirect.URI); !ok {
		return f.stale(v, back)
	}
	if query.Failed {
		return f.denied(v, back)
	}
	if f.Sessions.Outdated(v.R.Context()) {
		// The login stays usable: nothing has been asked of Instagram. [F2]
		return back.refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: f.Sessions.SyncInterval}, ErrOutdated)
	}
	return f.exchange(v, back)
}

// early reports whether a request came in TLS early data, here or at a proxy in front. A header
// that is malformed or repeated counts like a good one. [RFC 8470, 5.1]
func early(r *http.Request) bool {
	_, atProxy := r.Header["Early-Data"]
	return atProxy || r.TLS != nil && !r.TLS.HandshakeComplete
}

// stale answers a callback whose login is unknown, too old or used. Somebody who
// is signed in already sees no error. [C6]
func (f *Flow) stale(v *request.State, back Comeback) error {
	f.Sessions.Recognize(v)
	if back.State != "" {
		v.W.Header().Add("Set-Cookie", f.Cookies.Finish(back.State))
	}
	if v.Standing == request.SignedIn {
		return f.arrive(back.login.ReturnTo)
	}
	var cause error = ErrStale
	if back.Failed {
		// Instagram may leave the state out, and what it says is worth more.
		cause = fmt.Errorf("%w; %w", &instagram.WindowError{Callback: back.Callback}, cause)
	}
	return back.refuse(refusal.Reply{Code: refusal.LoginExpired}, cause)
}

// denied answers a visitor whom the window sent back with an error: the one ordinary
// reason is that they cancelled.
func (f *Flow) denied(v *request.State, back Comeback) error {
	if wait, tooMany := f.tooManyCancels(v.R); tooMany {
		return back.refuse(refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, errCancelLimit)
	}
	if !f.Memory.Nonces.First(back.login.Nonce) {
		return f.stale(v, back)
	}
	v.W.Header().Add("Set-Cookie", f.Cookies.Finish(back.State))
	code := refusal.ProviderRefused
	switch {
	case back.Cancelled():
		code = refusal.Cancelled
	case back.AsError().AppState() == instagram.AppRestricted:
		code = refusal.AppBlocked // for this visitor: anybody can write such a query
	case back.Temporary():
		code = refusal.ProviderError
	}
	return back.refuse(refusal.Reply{Code: code}, &instagram.WindowError{Callback: back.Callback})
}

// exchange turns the code into an identity. A callback that comes again while the first is
// under way (a double click, a reload) gets the same result, so that the visitor is signed
// in whichever answer the browser shows.
func (f *Flow) exchange(v *request.State, back Comeback) error {
	from := telemetry.RequesterOf(v.R)
	end, ok := f.Memory.logins.Do(v.R.Context(), back.login.Nonce, func(ctx context.Context) (loginEnd, bool) {
		end := f.FinishLogin(ctx, from, back)
		return end, end.Spent // a login that stays usable is tried again
	})
	if !ok { // nobody is there to read this
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: provider.CallQueue, LoginURL: f.Paths.LoginURL(back.login.ReturnTo)}, KeepsLogin: true}
	}
	return f.answerLogin(v, back, &end)
}

// OddCallback says what is known of a query that is refused as a whole.
func OddCallback(raw string) error {
	odd := telemetry.NewCause("the query of the callback is not one that Instagram sends",
		"nothing to change for one visitor; if it happens to everybody, check that nothing in front of Caddy changes the query")
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > instagram.MaxCallbackQuery || !values.Has("error") && !values.Has("error_description") && !values.Has("error_reason") {
		return odd
	}
	said := instagram.Callback{State: values.Get("state"), Fault: values.Get("error"), Reason: values.Get("error_reason"), Description: values.Get("error_description")}
	return fmt.Errorf("%w; %w", odd, &instagram.WindowError{Callback: said})
}
