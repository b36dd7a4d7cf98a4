package login

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A login starts: a login cookie binds it to this browser, and the visitor goes to
// Instagram's authorization window.

// Login starts a login from the site's own button.
func (f *Flow) Login(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if !f.Paths.SignsIn(v.R.Host) {
		return f.RedirectToCanonical(v)
	}
	// Parsed strictly: of a query that is broken anywhere, nothing is believed.
	query, err := url.ParseQuery(v.OriginalURL.RawQuery)
	returnTo := "/"
	if err != nil {
		query = nil
	} else {
		returnTo = f.Paths.Safe(query.Get(address.ParamReturnTo))
	}
	extra, err := f.ExtraScopes(query["scope"])
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.BadRequest, LoginURL: f.Paths.LoginURL(returnTo)}, Notice: telemetry.NoticeForeignScope, Cause: err}
	}
	if v.Audience() != audience.Navigation {
		// No login cookie for an image or a prefetch. [A8]
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: f.Paths.LoginURL(returnTo, extra...)})
	}
	another := err == nil && slices.Equal(query[address.ParamAnotherAccount], []string{"true"})
	if len(extra) > 0 && v.IsForeign(f.Paths) {
		// Another site may send a visitor to sign in, but not ask for more in our name:
		// the visitor gets to see what it is about first. [A2]
		return answer.Refuse(refusal.Reply{Code: refusal.MissingPermission, Missing: extra, LoginURL: f.Paths.LoginURL(returnTo, extra...)})
	}
	return f.Start(v, StartOptions{ReturnTo: returnTo, extraScopes: extra, anotherAccount: another})
}

// StartOptions is what a login begins with.
type StartOptions struct {
	ReturnTo       string
	extraScopes    []string // permissions to ask for beside the usual ones
	anotherAccount bool     // Instagram is to ask which account
}

// Start sends the visitor to Instagram. Nothing is kept here. [D1]
func (f *Flow) Start(v *request.State, start StartOptions) error {
	redirect, ok := f.Paths.RedirectFor(v.R.Host)
	if !ok {
		return f.RedirectToCanonical(v)
	}
	if f.Sessions.Stale(v.R.Context()) {
		// What would come of it would be refused at once. [F2]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: f.Sessions.SyncInterval})
	}
	if wait, locked := f.Provider.Breaker.Locked(); locked {
		// Nobody can come back from the window with anything but a code that is of no use.
		return answer.Refuse(refusal.Reply{Code: refusal.AppBlocked, RetryAfter: wait, LoginURL: f.Paths.LoginURL(start.ReturnTo, start.extraScopes...)})
	}
	rounds := f.Cookies.Rounds(&v.Found)
	if f.Handoff && f.Paths.IsOwn(address.PathForm(v.OriginalURL)) {
		rounds = 0 // the site's button, and the site's own session: no sign of a loop
	}
	if rounds >= session.MaxRounds {
		// The mark goes, so that "try again" after changing a setting works.
		v.W.Header().Add("Set-Cookie", f.Cookies.Unmark())
		return answer.RefuseLogin(new(session.Identity), start.ReturnTo, refusal.Reply{Code: refusal.CookiesBlocked}, nil)
	}
	state, setCookies, err := f.Cookies.Start(session.Login{RedirectURI: redirect.URI, ReturnTo: start.ReturnTo, Rounds: rounds}, &v.Found)
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Notice: telemetry.NoticeStartFailed, Cause: err}
	}
	for _, line := range setCookies {
		v.W.Header().Add("Set-Cookie", line)
	}
	// Never 307 or 308, which would carry a body on. [A5]
	return answer.Redirect(http.StatusFound, f.Client.AuthorizationURL(instagram.Authorization{
		RedirectURI: redirect.URI, State: state, More: start.extraScopes, Reauthenticate: start.anotherAccount,
	})).With(telemetry.OutcomeRedirected)
}

// ShowSignInPage shows a page with one button. No login starts before it is pressed.
func (f *Flow) ShowSignInPage(v *request.State, returnTo string) error {
	return answer.Page(refusal.SignInPage{
		LoginURL:         f.Paths.LoginURL(returnTo),
		ProfessionalOnly: !f.Answers.AnyAccount,
		Look:             f.Answers.Look(v.R),
	}).With(telemetry.OutcomeLoginPage)
}

// ExtraScopes reads the permissions that a link of the site's asks for beside those of every
// Button. Only what is configured can be asked for. [A2]
func (f *Flow) ExtraScopes(scope []string) (extra []string, err error) {
	if len(scope) > 1 {
		return nil, errors.New("scope is given more than once")
	}
	for _, name := range strings.FieldsFunc(strings.Join(scope, ""), func(r rune) bool { return r == ',' || r == ' ' }) {
		switch {
		case slices.Contains(extra, name):
		case slices.Contains(f.StepUp, name):
			extra = append(extra, name)
		case !f.Client.Asks(name):
			return nil, fmt.Errorf("scope %+q is neither in scope nor in step_up", name[:min(len(name), 64)])
		}
	}
	return extra, nil
}
