package endpoint

import (
	"context"
	"errors"
	"net/http"
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

// Logout answers GET with a page that has a button, and POST by signing the visitor out. A link
// must not sign anyone out: any site could contain one. [L2]
func (e *Endpoints) Logout(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if v.R.Method == http.MethodPost {
		return e.signOut(v)
	}
	if !e.Paths.SignsIn(v.R.Host) && v.Audience() == audience.Navigation {
		// The session's cookie belongs to another host: this page would say that there is none.
		return e.RedirectToCanonical(v)
	}
	e.Sessions.Recognize(v)
	return answer.Page(refusal.SignOutPage{
		Look: e.Answers.Look(v), Action: e.Paths.Of(address.Logout), LoginURL: e.Paths.LoginURL("/"),
		Username: v.Session.Username, SignedIn: v.Standing != request.Anonymous,
	})
}

// signOut revokes the visitor's session on every node, or all sessions of the account. It reports
// success only if the storage has the revocation. [L1, L3]
func (e *Endpoints) signOut(v *request.State) error {
	if !e.IsOwnForm(v) {
		return answer.Refuse(refusal.Reply{Code: refusal.CrossSite, LogoutURL: e.Paths.Of(address.Logout)})
	}
	everywhere, problem := e.wantsEverywhere(v)
	// Closing the tab must not stop the sign-out. [T4]
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
	switch {
	case v.Found.Crowded():
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.BadRequest}, Notice: telemetry.NoticeManyCookies}
	case err != nil:
		login := e.Paths.LoginURL(e.Paths.Safe(e.LogoutTarget))
		return answer.Refuse(refusal.Reply{Code: refusal.SignedOutHere, RetryAfter: e.Sessions.SyncInterval, LoginURL: login})
	case problem != "":
		// The session is revoked, but the form did not say whether all others should be.
		return answer.Refuse(refusal.Reply{Code: problem})
	}
	return e.redirectAfterLogout(v)
}

// redirectAfterLogout redirects to the logout target. If the target would ask the visitor to sign
// in again, it answers with a page instead. Chromium and WebKit apply the form-action policy of the
// page with the button to the redirect to Instagram, and show nothing; other browsers would sign
// the visitor in again.
func (e *Endpoints) redirectAfterLogout(v *request.State) error {
	target := e.LogoutTarget
	if !e.asksToSignIn(v, target) {
		return answer.Redirect(http.StatusSeeOther, target)
	}
	return answer.Page(refusal.SignedOutPage{LoginURL: e.Paths.LoginURL(e.Paths.Safe(target)), Look: e.Answers.Look(v)})
}

// asksToSignIn reports whether a path of this host, with or without a query, needs a session.
func (e *Endpoints) asksToSignIn(v *request.State, target string) bool {
	if e.Paths.IsOwn(target) {
		path := returnpath.Path(target)
		return path == e.Paths.Of(address.Login) || path == e.Paths.Of(address.Account)
	}
	target, _, _ = strings.Cut(target, "#")
	return v.At(target, e.Required)
}

// wantsEverywhere reads the form, which may be empty. problem is the code of a refusal for a
// malformed form.
func (e *Endpoints) wantsEverywhere(v *request.State) (everywhere bool, problem refusal.Code) {
	v.R.Body = http.MaxBytesReader(v.W, v.R.Body, request.MaxForm)
	// Call both, because ParseMultipartForm hides an error of ParseForm.
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

// revokeFound revokes each session in the cookies of the request: if there are two, the second must
// not replace the first. A revoked session is revoked again, because the storage may not have it
// yet.
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
		from := telemetry.RequesterOf(v.R)
		e.Telemetry.Notify(telemetry.NoticeSignedOut, nil,
			e.Telemetry.UserFields(from, &s.Identity, lifecycle.SessionField(&s), zap.Bool("everywhere", everywhere))...)
		e.Telemetry.Emit(from, telemetry.EventLogout, &s.Identity, map[string]any{"everywhere": everywhere})
	}
	return errors.Join(errs...)
}

// IsOwnForm reports whether a page of this site sent a form. Sec-Fetch-Site decides, and Origin in
// browsers without it. A service worker of this site passes on a form of another site as
// same-origin; if it keeps the Origin, that decides. A new request of a service worker cannot be
// recognized. [L2]
func (e *Endpoints) IsOwnForm(v *request.State) bool {
	header := v.R.Header
	own, ok := e.Paths.RedirectFor(v.R.Host)
	switch origin := header.Get("Origin"); header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		switch origin {
		case "":
			return true
		case "null":
			// A page of this site without a Referer sends this. So does a service worker, for a
			// page of any site, with Sec-Fetch-Dest empty.
			return header.Get("Sec-Fetch-Dest") != "empty"
		}
		return ok && origin == own.Origin || !ok && audience.FromHost(origin, v.R.Host)
	case "":
		return ok && origin == own.Origin
	}
	return false
}
