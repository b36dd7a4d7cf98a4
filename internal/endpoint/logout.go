package endpoint

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Logout shows a page with a button to whoever follows a link, and signs out whoever
// presses it. A link alone changes nothing: any site could hold one. [L2]
func (e *Endpoints) Logout(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if v.R.Method == http.MethodPost {
		return e.signOut(v)
	}
	e.Sessions.Recognize(v)
	return answer.Page(refusal.SignOutPage{
		Look: e.Answers.Look(v.R), Action: e.Paths.Of(address.Logout), LoginURL: e.Paths.LoginURL("/"),
		Username: v.Session.Username, SignedIn: v.Standing != request.Anonymous,
	})
}

// signOut ends the visitor's session on every node, or all of their sessions. It says
// that it did so only where the storage knows. [L1, L3]
func (e *Endpoints) signOut(v *request.State) error {
	if !e.IsOwnForm(v) {
		return answer.Refuse(refusal.Reply{Code: refusal.CrossSite, LogoutURL: e.Paths.Of(address.Logout)})
	}
	everywhere, problem := e.wantsEverywhere(v)
	// A visitor who closes the tab has signed out all the same. [T4]
	ctx := context.WithoutCancel(v.R.Context())
	err := e.revokeFound(ctx, v, everywhere)

	header := v.W.Header()
	for _, line := range e.Cookies.Clear(&v.Found) {
		header.Add("Set-Cookie", line)
	}
	header.Set("Clear-Site-Data", `"cache"`)
	if err != nil {
		e.Telemetry.NotifySampled(telemetry.NoticeRevokedHereOnly, "", err, e.Telemetry.RequestFields(v.R)...)
	}
	if err != nil && !v.Found.Crowded() {
		return answer.Refuse(refusal.Reply{Code: refusal.SignedOutHere, RetryAfter: e.Sessions.SyncInterval, LoginURL: e.Paths.LoginURL(e.Paths.Safe(e.LogoutTarget))})
	}
	if v.Found.Crowded() {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.BadRequest}, Notice: telemetry.NoticeManyCookies}
	}
	if problem != "" {
		// This session has ended, but nobody knows whether that was all.
		return answer.Refuse(refusal.Reply{Code: problem})
	}
	return e.redirectAfterLogout(v)
}

// redirectAfterLogout leads a visitor who has signed out to the logout target. Where that would ask
// them to sign in again, a page of this handler answers: Chromium and WebKit hold the redirect
// to Instagram against the policy of the page with the button, and show nothing at all, and
// the others would have Instagram sign the visitor in again.
func (e *Endpoints) redirectAfterLogout(v *request.State) error {
	target := e.LogoutTarget
	if !e.asksToSignIn(v, target) {
		return answer.Redirect(http.StatusSeeOther, target)
	}
	return answer.Page(refusal.SignedOutPage{LoginURL: e.Paths.LoginURL(e.Paths.Safe(target)), Look: e.Answers.Look(v.R)})
}

// asksToSignIn reports whether a visitor without a session is asked to sign in at a path of
// this host, with or without a query.
func (e *Endpoints) asksToSignIn(v *request.State, target string) bool {
	if e.Paths.IsOwn(target) {
		return returnpath.Path(target) == e.Paths.Of(address.Login)
	}
	target, _, _ = strings.Cut(target, "#")
	address, err := url.ParseRequestURI(target)
	if err != nil {
		return true
	}
	// In place, as in matchesOtherwise: placeholders are bound to one request.
	live, asked, method, uri := *v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI
	defer func() { *v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI = live, asked, method, uri }()
	*v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI = *address, *address, http.MethodGet, target
	return e.Required(v)
}

// wantsEverywhere reads the form, which may be empty. problem says why it could not be.
func (e *Endpoints) wantsEverywhere(v *request.State) (everywhere bool, problem refusal.Code) {
	v.R.Body = http.MaxBytesReader(v.W, v.R.Body, request.MaxForm)
	// Both, because the second hides an error of the first.
	err := v.R.ParseForm()
	if err == nil {
		err = v.R.ParseMultipartForm(request.MaxForm)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return false, refusal.TooLarge
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return false, refusal.BadRequest
	}
	return v.R.PostForm.Get("everywhere") == "1", ""
}

// revokeFound ends each session that the request carries. There may be more than one
// cookie of the name, and the next one must not take the place of the first. One that
// has ended is ended again: the storage may not know yet.
func (e *Endpoints) revokeFound(ctx context.Context, v *request.State, everywhere bool) error {
	var errs []error
	done := make(map[[session.IDSize]byte]bool)
	for range session.MaxTried {
		s, ok := e.Cookies.Open(&v.Found, func(s *session.Session) bool { return done[s.ID] })
		if !ok {
			break
		}
		done[s.ID] = true
		again := e.Sessions.KnownRevoked(&s)
		errs = append(errs, e.Sessions.Revoke(ctx, &s))
		if again {
			if everywhere && e.Sessions.List.UserUnwritten(revocation.Key(s.Keys.User)) {
				errs = append(errs, revocation.ErrNotWritten)
			}
			continue
		}
		if everywhere {
			errs = append(errs, e.Sessions.RevokeUser(ctx, &s))
		}
		e.Telemetry.Notify(telemetry.NoticeSignedOut, nil, e.Telemetry.UserFields(telemetry.RequesterOf(v.R), &s.Identity, lifecycle.SessionField(&s), zap.Bool("everywhere", everywhere))...)
		e.Telemetry.Emit(telemetry.RequesterOf(v.R), telemetry.EventLogout, &s.Identity, map[string]any{"everywhere": everywhere})
	}
	return errors.Join(errs...)
}

// IsOwnForm reports whether a page of this very site sent a form. Browsers that say
// nothing in Sec-Fetch-Site name the origin. What a service worker of this site passes on
// comes as same-origin whoever began it. Where it keeps the Origin of the page that began
// it, that one counts; a worker that makes a request of its own of it cannot be told. [L2]
func (e *Endpoints) IsOwnForm(v *request.State) bool {
	header := v.R.Header
	own, ok := e.Paths.RedirectFor(v.R.Host)
	switch origin := header.Get("Origin"); header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		switch origin {
		case "":
			return true
		case "null":
			// A page of ours that sends no Referer, unless a worker stands in between, behind
			// which it may be anybody's.
			return header.Get("Sec-Fetch-Dest") != "empty"
		}
		return ok && origin == own.Origin || !ok && audience.FromHost(origin, v.R.Host)
	case "":
		return ok && origin == own.Origin
	}
	return false
}
