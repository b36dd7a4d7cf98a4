package instagramauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// A login starts: a login cookie binds it to this browser, and the visitor goes to
// Instagram's authorization window.

// login starts a login from the site's own button.
func (h *Handler) login(v *visit) error {
	if err := allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if !h.signsIn(v) {
		return h.elsewhere(v)
	}
	// Parsed strictly: of a query that is broken anywhere, nothing is believed.
	query, err := url.ParseQuery(v.asked.RawQuery)
	returnTo := "/"
	if err != nil {
		query = nil
	} else {
		returnTo = h.settings.paths.Safe(query.Get(address.ParamReturnTo))
	}
	more, err := h.stepUp(query["scope"])
	if err != nil {
		return &refusalError{Reply: refusal.Reply{Code: refusal.BadRequest, LoginURL: h.settings.paths.LoginURL(returnTo)}, notice: noticeForeignScope, cause: err}
	}
	if v.who() != audience.Navigation {
		// No login cookie for an image or a prefetch. [A8]
		return refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.settings.paths.LoginURL(returnTo, more...)})
	}
	another := err == nil && slices.Equal(query[address.ParamAnotherAccount], []string{"true"})
	if len(more) > 0 && h.isForeign(v) {
		// Another site may send a visitor to sign in, but not ask for more in our name:
		// the visitor gets to see what it is about first. [A2]
		return refuse(refusal.Reply{Code: refusal.MissingPermission, Missing: more, LoginURL: h.settings.paths.LoginURL(returnTo, more...)})
	}
	return h.startLogin(v, loginStart{returnTo: returnTo, more: more, anotherAccount: another})
}

// isForeign reports whether a page of another site has led to a request. Browsers that do
// not say so are believed where they name no other site either.
func (h *Handler) isForeign(v *visit) bool {
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		referer := v.r.Header.Get("Referer")
		own, ok := h.settings.paths.RedirectFor(v.r.Host)
		return referer != "" && !(ok && strings.HasPrefix(referer, own.Origin+"/"))
	}
	return true
}

// loginStart is what a login begins with.
type loginStart struct {
	returnTo       string
	more           []string // permissions to ask for beside the usual ones
	anotherAccount bool     // Instagram is to ask which account
}

// startLogin sends the visitor to Instagram. Nothing is kept here. [D1]
func (h *Handler) startLogin(v *visit, start loginStart) error {
	redirect, ok := h.settings.paths.RedirectFor(v.r.Host)
	if !ok {
		return h.elsewhere(v)
	}
	if h.outdated(v.r.Context()) {
		// What would come of it would be refused at once. [F2]
		return refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	}
	if wait, locked := h.limits.breaker.Locked(); locked {
		// Nobody can come back from the window with anything but a code that is of no use.
		return refuse(refusal.Reply{Code: refusal.AppBlocked, RetryAfter: wait, LoginURL: h.settings.paths.LoginURL(start.returnTo, start.more...)})
	}
	rounds := h.settings.cookies.Rounds(&v.found)
	if h.settings.handoff && h.settings.paths.IsOwn(address.PathForm(v.asked)) {
		rounds = 0 // the site's button, and the site's own session: no sign of a loop
	}
	if rounds >= session.MaxRounds {
		// The mark goes, so that "try again" after changing a setting works.
		v.w.Header().Add("Set-Cookie", h.settings.cookies.Unmark())
		return refuseLogin(comeback{login: session.Login{ReturnTo: start.returnTo}}, refusal.Reply{Code: refusal.CookiesBlocked}, nil)
	}
	state, setCookies, err := h.settings.cookies.Start(session.Login{RedirectURI: redirect.URI, ReturnTo: start.returnTo, Rounds: rounds}, &v.found)
	if err != nil {
		return &refusalError{Reply: refusal.Reply{Code: refusal.Internal}, notice: noticeStartFailed, cause: err}
	}
	for _, line := range setCookies {
		v.w.Header().Add("Set-Cookie", line)
	}
	// Never 307 or 308, which would carry a body on. [A5]
	return redirectTo(http.StatusFound, h.settings.client.AuthorizationURL(instagram.Authorization{
		RedirectURI: redirect.URI, State: state, More: start.more, Reauthenticate: start.anotherAccount,
	})).as(outcomeRedirected)
}

// showLoginPage shows a page with one button. No login starts before it is pressed.
func (h *Handler) showLoginPage(v *visit, returnTo string) error {
	return showPage(refusal.SignInPage{
		LoginURL:         h.settings.paths.LoginURL(returnTo),
		ProfessionalOnly: h.settings.api == instagram.InstagramLogin,
		Look:             h.look(v.r),
	}).as(outcomeLoginPage)
}
