package instagramauth

import (
	"errors"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// The steps of handler.go that decide whether a request may go on.

var errNotProvisioned = errors.New("instagram_auth has not been provisioned")

// takeCookies finds our cookies and cuts them out of the request, so that neither
// the site nor an error route gets to see them. [H5]
func (h *Handler) takeCookies(v *request.State) {
	v.Found = h.settings.cookies.Find(v.R.Header["Cookie"])
	if line, start, end, ok := v.Found.Single(); ok {
		headerguard.CutOne(v.R.Header, line, start, end)
	} else if v.Found.Any() {
		headerguard.CutCookies(v.R.Header, h.settings.cookies.Ours)
	}
}

// recognize opens the session, if there is one that has not ended, and decides
// whether it lets its owner in. After a handoff the site keeps the sessions, and an
// older cookie of ours no longer counts.
func (h *Handler) recognize(v *request.State) {
	if h.settings.handoff || !v.Found.Any() {
		return
	}
	if !h.list.Known() && !h.awaitList(v) {
		return
	}
	if !h.settings.cookies.OpenInto(&v.Session, &v.Found, h.isEnded) {
		return
	}
	h.foreign(&v.Session) // goes on, unless it has been refused already
	h.renew(v)
	v.Standing = request.SignedIn
	switch v.Missing = h.settings.lacking(&v.Session.Identity); {
	case h.outdated(v.R.Context()):
		v.Standing = request.RevocationUnknown
	case !h.settings.admits(&v.Session.Identity):
		v.Standing = request.NotAllowed
	case v.Missing != 0:
		v.Standing = request.MissingPermission
	}
}

// gate asks for a session: a navigation is sent to Instagram, everybody else is told so in
// a way of their own, because a script, a form or a frame cannot sign in. [A8]
func (h *Handler) gate(v *request.State) error {
	who, returnTo := v.Who(), v.ReturnFor(h.settings.paths) // before the body is gone
	v.Drain()
	switch {
	case v.Malformed:
		return answer.Refuse(refusal.Reply{Code: refusal.BadRequest})
	case v.Standing == request.RevocationUnknown:
		// The cookie stays: the session may be as good as ever. [F1]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	case v.Standing == request.MissingPermission:
		h.handOver(v)
		return answer.Refuse(h.lacks(v.Missing, returnTo))
	case who == audience.Preflight && h.passesPreflight(v):
		return nil
	case who.SendsForm():
		return h.refuseForm(v)
	case !h.signsIn(v):
		return h.elsewhere(v)
	case who != audience.Navigation:
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.settings.paths.LoginURL(returnTo)})
	case h.settings.loginPage:
		return h.showLoginPage(v, returnTo)
	}
	return h.startLogin(v, loginStart{returnTo: returnTo})
}
