package login

import (
	"errors"
	"fmt"
	"math"
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

// The start of a login. The login cookie binds it to this browser.

// Login answers the login path, which the site's own button leads to. Its query may hold return_to,
// scope, another_account and fresh.
func (f *Flow) Login(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if !f.Paths.SignsIn(v.R.Host) {
		return f.RedirectToCanonical(v)
	}
	// Ignore the whole query if any part of it is malformed.
	query, err := url.ParseQuery(v.OriginalURL.RawQuery)
	returnTo := "/"
	if err != nil {
		query = nil
	} else {
		returnTo = f.Paths.Safe(query.Get(address.ParamReturnTo))
	}
	extra, err := f.ExtraScopes(query["scope"])
	if err != nil {
		return &answer.Refusal{
			Reply:  refusal.Reply{Code: refusal.BadRequest, LoginURL: f.Paths.LoginURL(returnTo)},
			Notice: telemetry.NoticeForeignScope, Cause: err,
		}
	}
	again := f.Paths.LoginURL(returnTo, extra...)
	fresh := isTrue(query, address.ParamFresh)
	if fresh {
		again = f.Paths.FreshURL(returnTo, extra...)
	}
	if v.Audience() != audience.Navigation {
		// No login cookie for an image or a prefetch. [A8]
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: again})
	}
	if len(extra) > 0 && v.IsForeign(f.Paths) {
		// Another site may start a login, but not ask for further permissions in this site's
		// name: a page shows them to the visitor first. [A2]
		return answer.Refuse(refusal.Reply{Code: refusal.MissingPermission, Missing: extra, LoginURL: again})
	}
	another := isTrue(query, address.ParamAnotherAccount)
	return f.Start(v, StartOptions{ReturnTo: returnTo, Fresh: fresh, extraScopes: extra, anotherAccount: another})
}

func isTrue(query url.Values, name string) bool { return slices.Equal(query[name], []string{"true"}) }

// StartOptions says how a login begins. The zero value is an ordinary one.
type StartOptions struct {
	ReturnTo       string   // path on this site to return to
	Fresh          bool     // have Instagram ask again, for the account that is signed in here
	extraScopes    []string // permissions beside those of every login
	anotherAccount bool     // have Instagram ask which account
}

// Start redirects the visitor to Instagram's authorization window and sets the login cookie. The
// server stores nothing. [D1]
func (f *Flow) Start(v *request.State, start StartOptions) error {
	redirect, ok := f.Paths.RedirectFor(v.R.Host)
	if !ok {
		return f.RedirectToCanonical(v)
	}
	if f.Sessions.Stale(v.R.Context()) {
		// The callback would be refused. [F2]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: f.Sessions.SyncInterval})
	}
	if wait, locked := f.Provider.Breaker.Locked(); locked {
		// Instagram would not accept the code of this login.
		return answer.Refuse(refusal.Reply{Code: refusal.AppBlocked, RetryAfter: wait, LoginURL: f.Paths.LoginURL(start.ReturnTo, start.extraScopes...)})
	}
	rounds := f.Cookies.Rounds(&v.Found)
	if f.Handoff && f.Paths.IsOwn(address.PathForm(v.OriginalURL)) {
		rounds = 0 // a press on the site's button is no redirect loop
	}
	if rounds >= session.MaxRounds {
		// Remove the mark, so that the visitor can try again with other browser settings.
		v.W.Header().Add("Set-Cookie", f.Cookies.Unmark())
		if s := f.signedIn(v); s.Keys.User != 0 { // the browser does keep the cookie of its session
			return answer.RefuseLogin(&s.Identity, start.ReturnTo, refusal.Reply{Code: refusal.LoginExpired}, errStillTooOld)
		}
		return answer.RefuseLogin(new(session.Identity), start.ReturnTo, refusal.Reply{Code: refusal.CookiesBlocked}, nil)
	}
	window := instagram.Authorization{RedirectURI: redirect.URI, More: start.extraScopes}
	login := session.Login{RedirectURI: redirect.URI, ReturnTo: start.ReturnTo, Rounds: rounds, App: uint8(audience.AppOf(v.R))}
	fresh := start.Fresh || !f.isFresh(v, start.ReturnTo)
	window.Reauthenticate = fresh || start.anotherAccount
	login.Reauthenticate = f.Client.Reauthenticates(window)
	if fresh && !start.anotherAccount {
		s := f.signedIn(v)
		login.Account = s.Keys.User
		window.More = f.withGranted(window.More, &s)
	}
	var setCookies []string
	var err error
	window.State, setCookies, err = f.Cookies.Start(login, &v.Found)
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Notice: telemetry.NoticeStartFailed, Cause: err}
	}
	for _, line := range setCookies {
		v.W.Header().Add("Set-Cookie", line)
	}
	// Never 307 or 308, which would resend the body. [A5]
	return answer.Redirect(http.StatusFound, f.Client.AuthorizationURL(window)).With(telemetry.OutcomeRedirected)
}

// isFresh reports whether the session of a request is fresh enough for a page of this host, where
// max_age covers the page. Instagram signs a person in again without a question, so a new session
// alone would not do: a login for such a page asks Instagram for more. [A9]
func (f *Flow) isFresh(v *request.State, page string) bool {
	if len(f.Rules.MaxAges) == 0 {
		return true
	}
	page, _, _ = strings.Cut(page, "#")
	return !v.At(page, func(v *request.State) bool {
		limit, covered := f.Rules.MaxAge(v)
		return covered && (v.Standing != request.SignedIn || !f.Sessions.IsFresh(&v.Session, limit))
	})
}

// signedIn returns the session of the account that is signed in, the zero one for none.
func (f *Flow) signedIn(v *request.State) (s session.Session) {
	if !f.Handoff { // where the site keeps the sessions, no cookie counts
		s, _ = f.Sessions.Find(&v.Found)
	}
	return s
}

// withGranted adds the permissions of step_up that a session has: a new sign-in for the same
// account must not lose them.
func (f *Flow) withGranted(more []string, s *session.Session) []string {
	for _, name := range instagram.Permissions(s.Permissions).Names() {
		if slices.Contains(f.StepUp, name) && !slices.Contains(more, name) {
			more = append(slices.Clip(more), name)
		}
	}
	return more
}

// ShowSignInPage answers with a page that has one button. The login starts when the visitor presses
// it, at loginURL.
func (f *Flow) ShowSignInPage(v *request.State, returnTo, loginURL string) error {
	return answer.Page(refusal.SignInPage{
		LoginURL:         loginURL,
		ProfessionalOnly: !f.Answers.AnyAccount,
		Scopes:           slices.DeleteFunc(instagram.Permissions(math.MaxUint16).Names(), func(name string) bool { return !f.Client.Asks(name) }),
		StepUp:           f.StepUp,
		SeesMore:         f.SeesMore,
		Elsewhere:        f.Answers.Elsewhere(v, returnTo),
		Look:             f.Answers.Look(v),
	}).With(telemetry.OutcomeLoginPage)
}

// ExtraScopes returns the permissions in a scope parameter that are not part of every login. It
// fails for a permission that is neither in scope nor in step_up, and for a repeated parameter.
// [A2]
func (f *Flow) ExtraScopes(scope []string) (extra []string, err error) {
	if len(scope) > 1 {
		return nil, errors.New("scope is given more than once")
	}
	isSeparator := func(r rune) bool { return r == ',' || r == ' ' }
	for _, name := range strings.FieldsFunc(strings.Join(scope, ""), isSeparator) {
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
