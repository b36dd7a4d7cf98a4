package endpoint

import (
	"net/http"
	"slices"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// Account answers with a page about the visitor's own session: who they are, how long it lasts,
// what they have granted, and the ways out. A visitor without a session is asked to sign in,
// whatever `protect` says. [P7]
func (e *Endpoints) Account(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if e.Handoff {
		// The site keeps the sessions. A sign-in here would lead back to this page without end.
		return answer.Refuse(refusal.Reply{Code: refusal.NoAccountPage})
	}
	e.Sessions.Recognize(v)
	if err := e.PassSignedIn(v); err != nil {
		return err
	}
	e.Sessions.SetRenewedCookie(v)
	header := v.W.Header()
	if v.Found.Marked() {
		// The browser has sent the session cookie, so there is no redirect loop. [A7]
		header.Add("Set-Cookie", e.Cookies.Unmark())
	}
	header.Add("Vary", "Cookie")
	return answer.Page(e.accountPage(v))
}

// accountPage returns the page for the session of a request.
func (e *Endpoints) accountPage(v *request.State) refusal.AccountPage {
	s := &v.Session
	granted := instagram.Permissions(s.Permissions)
	// The session decides, not the option: it may be older than the configuration.
	hasToken := s.Token.Access != "" && e.Now().Before(s.Token.Expires)
	page := refusal.AccountPage{
		Username: s.Username, UserID: s.UserID,
		Since: s.Issued, Until: s.End(e.Sessions.Lifetime),
		Granted: granted.Names(), Acting: granted.Acting().Names(),
		NoToken:   !hasToken,
		LogoutURL: e.Paths.Of(address.Logout), AnotherURL: e.Paths.OtherAccountURL(e.Paths.Of(address.Account)), AppsURL: e.AppsURL,
		Look: e.Answers.Look(v),
	}
	if s.Seen.Add(e.Sessions.Idle).Before(page.Until) {
		page.Idle = e.Sessions.Idle
	}
	if e.PictureMode != PictureOff && hasToken {
		page.PictureURL = e.Paths.Of(address.Picture)
		page.PictureSources = []string{"'self'"}
		if e.PictureMode == PictureRedirect { // browsers hold the policy against redirects, too
			page.PictureSources = slices.Concat(page.PictureSources, e.PictureSources)
		}
	}
	return page
}
