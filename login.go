package instagramauth

import (
	"net/http"
	"net/url"
	"slices"

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

// login starts a login from the site's own button.
func (h *Handler) login(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if !h.signsIn(v) {
		return h.elsewhere(v)
	}
	// Parsed strictly: of a query that is broken anywhere, nothing is believed.
	query, err := url.ParseQuery(v.Asked.RawQuery)
	returnTo := "/"
	if err != nil {
		query = nil
	} else {
		returnTo = h.settings.paths.Safe(query.Get(address.ParamReturnTo))
	}
	more, err := h.stepUp(query["scope"])
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.BadRequest, LoginURL: h.settings.paths.LoginURL(returnTo)}, Notice: telemetry.NoticeForeignScope, Cause: err}
	}
	if v.Who() != audience.Navigation {
		// No login cookie for an image or a prefetch. [A8]
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.settings.paths.LoginURL(returnTo, more...)})
	}
	another := err == nil && slices.Equal(query[address.ParamAnotherAccount], []string{"true"})
	if len(more) > 0 && v.IsForeign(h.settings.paths) {
		// Another site may send a visitor to sign in, but not ask for more in our name:
		// the visitor gets to see what it is about first. [A2]
		return answer.Refuse(refusal.Reply{Code: refusal.MissingPermission, Missing: more, LoginURL: h.settings.paths.LoginURL(returnTo, more...)})
	}
	return h.startLogin(v, loginStart{returnTo: returnTo, more: more, anotherAccount: another})
}

// loginStart is what a login begins with.
type loginStart struct {
	returnTo       string
	more           []string // permissions to ask for beside the usual ones
	anotherAccount bool     // Instagram is to ask which account
}

// startLogin sends the visitor to Instagram. Nothing is kept here. [D1]
func (h *Handler) startLogin(v *request.State, start loginStart) error {
	redirect, ok := h.settings.paths.RedirectFor(v.R.Host)
	if !ok {
		return h.elsewhere(v)
	}
	if h.outdated(v.R.Context()) {
		// What would come of it would be refused at once. [F2]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	}
	if wait, locked := h.provider.Breaker.Locked(); locked {
		// Nobody can come back from the window with anything but a code that is of no use.
		return answer.Refuse(refusal.Reply{Code: refusal.AppBlocked, RetryAfter: wait, LoginURL: h.settings.paths.LoginURL(start.returnTo, start.more...)})
	}
	rounds := h.settings.cookies.Rounds(&v.Found)
	if h.settings.handoff && h.settings.paths.IsOwn(address.PathForm(v.Asked)) {
		rounds = 0 // the site's button, and the site's own session: no sign of a loop
	}
	if rounds >= session.MaxRounds {
		// The mark goes, so that "try again" after changing a setting works.
		v.W.Header().Add("Set-Cookie", h.settings.cookies.Unmark())
		return answer.RefuseLogin(new(session.Identity), start.returnTo, refusal.Reply{Code: refusal.CookiesBlocked}, nil)
	}
	state, setCookies, err := h.settings.cookies.Start(session.Login{RedirectURI: redirect.URI, ReturnTo: start.returnTo, Rounds: rounds}, &v.Found)
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Notice: telemetry.NoticeStartFailed, Cause: err}
	}
	for _, line := range setCookies {
		v.W.Header().Add("Set-Cookie", line)
	}
	// Never 307 or 308, which would carry a body on. [A5]
	return answer.Redirect(http.StatusFound, h.settings.client.AuthorizationURL(instagram.Authorization{
		RedirectURI: redirect.URI, State: state, More: start.more, Reauthenticate: start.anotherAccount,
	})).With(telemetry.OutcomeRedirected)
}

// showLoginPage shows a page with one button. No login starts before it is pressed.
func (h *Handler) showLoginPage(v *request.State, returnTo string) error {
	return answer.Page(refusal.SignInPage{
		LoginURL:         h.settings.paths.LoginURL(returnTo),
		ProfessionalOnly: h.settings.api == instagram.InstagramLogin,
		Look:             h.answers.Look(v.R),
	}).With(telemetry.OutcomeLoginPage)
}
