package instagramauth

import (
	"errors"
	"net/http"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// The steps of handler.go that decide whether a request may go on.

var errNotProvisioned = errors.New("instagram_auth has not been provisioned")

// takeCookies finds our cookies and cuts them out of the request, so that neither
// the site nor an error route gets to see them. [H5]
func (h *Handler) takeCookies(v *visit) {
	v.found = h.settings.cookies.Find(v.r.Header["Cookie"])
	if line, start, end, ok := v.found.Single(); ok {
		headerguard.CutOne(v.r.Header, line, start, end)
	} else if v.found.Any() {
		headerguard.CutCookies(v.r.Header, h.settings.cookies.Ours)
	}
}

// recognize opens the session, if there is one that has not ended, and decides
// whether it lets its owner in. After a handoff the site keeps the sessions, and an
// older cookie of ours no longer counts.
func (h *Handler) recognize(v *visit) {
	if h.settings.handoff || !v.found.Any() {
		return
	}
	if !h.list.Known() && !h.awaitList(v) {
		return
	}
	if !h.settings.cookies.OpenInto(&v.session, &v.found, h.isEnded) {
		return
	}
	h.foreign(&v.session) // goes on, unless it has been refused already
	h.renew(v)
	v.standing = signedIn
	switch v.missing = h.settings.lacking(&v.session.Identity); {
	case h.outdated(v.r.Context()):
		v.standing = revocationUnknown
	case !h.settings.admits(&v.session.Identity):
		v.standing = notAllowed
	case v.missing != 0:
		v.standing = missingPermission
	}
}

// gate asks for a session: a navigation is sent to Instagram, everybody else is told so in
// a way of their own, because a script, a form or a frame cannot sign in. [A8]
func (h *Handler) gate(v *visit) error {
	who, returnTo := v.who(), h.returnFor(v) // before the body is gone
	drain(v)
	switch {
	case v.malformed:
		return refuse(refusal.Reply{Code: refusal.BadRequest})
	case v.standing == revocationUnknown:
		// The cookie stays: the session may be as good as ever. [F1]
		return refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	case v.standing == missingPermission:
		h.handOver(v)
		return refuse(h.lacks(v.missing, returnTo))
	case who == audience.Preflight && h.passesPreflight(v):
		return nil
	case who.SendsForm():
		return h.refuseForm(v)
	case !h.signsIn(v):
		return h.elsewhere(v)
	case who != audience.Navigation:
		return refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.settings.paths.LoginURL(returnTo)})
	case h.settings.loginPage:
		return h.showLoginPage(v, returnTo)
	}
	return h.startLogin(v, loginStart{returnTo: returnTo})
}

// catch turns a panic of ours into a refusal: Caddy would close the connection
// without a status, and nothing may go on to the site. [A6]
func (h *Handler) catch(err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	// The type alone: the value may carry anything of the request. [P1]
	h.notifyPanic(cause)
	*err = refuse(refusal.Reply{Code: refusal.Internal})
}
