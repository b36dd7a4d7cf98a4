package instagramauth

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// ServeHTTP takes a request through the five steps, one way down: strip what only
// we may say, answer our own paths, recognize the session, ask for one where it
// is required, tell the site who the visitor is.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.settings.client == nil {
		// Never provisioned: nobody may pass. [A6]
		return caddyhttp.Error(http.StatusServiceUnavailable, errNotProvisioned)
	}
	v := request.Borrow(w, r)
	err := h.admit(v)
	answered := err != nil
	if answered {
		err = h.answers.Answer(v, err)
	}
	h.telemetry.CountRequest(v.Outcome)
	if !answered {
		err = h.forward(v, next)
	}
	v.GiveBack()
	return err
}

// admit returns nil for a request that goes on to the site, and otherwise what it is answered
// with. [C8]
func (h *Handler) admit(v *request.State) (err error) {
	defer h.answers.Catch(&err)
	h.settings.identity.Strip(v)
	h.takeCookies(v)
	if identity.IsPassed(v) {
		v.Outcome = telemetry.OutcomePassedOn
		return nil // a callback that another block of ours has verified
	}
	if own := h.settings.paths.Own(v.OriginalURL, v.R.Host); own != address.None {
		v.Outcome = telemetry.OutcomeOwnPath
		v.LimitBody()
		return onOwnPath(v, h.own(v, own))
	}
	if back, ok := h.logins.Astray(v); ok {
		return h.logins.RefuseAstray(v, back)
	}
	h.sessions.Recognize(v)
	switch {
	case v.Standing == request.NotAllowed:
		v.LimitBody()
		return h.sessions.TurnAway(v)
	case v.Standing != request.SignedIn && h.protect.Required(v):
		v.LimitBody()
		return h.gate(v)
	}
	if v.Standing == request.SignedIn {
		v.Outcome = telemetry.OutcomeSignedIn
		h.settings.identity.Inject(v, &v.Session.Identity, h.settings.identity.Forwarded(&v.Session.Token, h.now()))
	}
	return nil
}

// own answers on an own path, or notes in the state of the request that the site is to answer it,
// which only callbacks may.
func (h *Handler) own(v *request.State, path address.Own) error {
	switch path {
	case address.Callback:
		return h.logins.Callback(v)
	case address.Login:
		return h.logins.Button(v)
	case address.Logout:
		return h.endpoints.Logout(v)
	case address.Refused:
		return h.answers.Refused(v)
	case address.Userinfo:
		return h.endpoints.Userinfo(v)
	case address.Picture:
		return h.endpoints.Picture(v)
	case address.Deauthorize:
		return h.endpoints.Deauthorize(v)
	case address.DataDeletion:
		return h.endpoints.DataDeletion(v)
	}
	return nil
}

// onOwnPath keeps a request for an own path from the site, even if nothing has answered it.
// Callbacks alone go on. [A6]
func onOwnPath(v *request.State, err error) error {
	if err == nil && !v.HandedOff && v.Deliver == nil {
		return answer.Refuse(refusal.Reply{Code: refusal.Internal})
	}
	return err
}

// forward lets the site answer.
func (h *Handler) forward(v *request.State, next caddyhttp.Handler) error {
	if v.Deliver != nil {
		return h.answers.Answer(v, v.Deliver(func(w http.ResponseWriter) error { return next.ServeHTTP(w, v.R) }))
	}
	w := &identity.ResponseWriter{Private: v.Standing == request.SignedIn, HandedOff: v.HandedOff}
	w.ResponseWriter = v.W
	if v.Standing == request.SignedIn {
		h.sessions.KeepAlive(v, w)
	}
	err := next.ServeHTTP(w, v.R)
	w.Amend() // an error page may differ by visitor, and so may an empty answer
	if err != nil && v.HandedOff {
		return h.answers.Answer(v, h.answers.SiteFailed(err))
	}
	return err
}

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

// gate asks for a session: a navigation is sent to Instagram, everybody else is told so in
// a way of their own, because a script, a form or a frame cannot sign in. [A8]
func (h *Handler) gate(v *request.State) error {
	who, returnTo := v.Audience(), v.ReturnFor(h.settings.paths) // before the body is gone
	v.Drain()
	switch {
	case v.Malformed:
		return answer.Refuse(refusal.Reply{Code: refusal.BadRequest})
	case v.Standing == request.RevocationUnknown:
		// The cookie stays: the session may be as good as ever. [F1]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	case v.Standing == request.MissingPermission:
		h.sessions.HandOver(v)
		return answer.Refuse(h.answers.Missing(v.Missing, returnTo))
	case who == audience.Preflight && h.passesPreflight(v):
		return nil
	case who.SendsForm():
		return h.refuseForm(v)
	case !h.settings.paths.SignsIn(v.R.Host):
		return h.logins.Elsewhere(v)
	case who != audience.Navigation:
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.settings.paths.LoginURL(returnTo)})
	case h.settings.loginPage:
		return h.logins.ShowPage(v, returnTo)
	}
	return h.logins.Start(v, login.LoginStart{ReturnTo: returnTo})
}

// refuseForm tells a person that what they sent was not saved. Its body cannot be kept, and
// a redirect to Instagram would lose it without a word, where the site's
// Content-Security-Policy lets the browser follow it at all.
func (h *Handler) refuseForm(v *request.State) error {
	code := refusal.SessionEnded
	if audience.IsFromAnotherSite(v.R) {
		// The session may well live: its cookie stays behind with a form of another site.
		code = refusal.CrossSitePost
	}
	page := v.ReturnFor(h.settings.paths)
	if !h.requiredToRead(v) {
		page = h.settings.paths.LoginURL(page) // the page would not ask for a session
	}
	return answer.Refuse(refusal.Reply{Code: code, PageURL: page})
}

// requiredToRead reports whether GET of the same address needs a session, too.
func (h *Handler) requiredToRead(v *request.State) bool {
	method := v.R.Method
	v.R.Method = http.MethodGet
	defer func() { v.R.Method = method }()
	return h.protect.Required(v)
}

// passesPreflight reports whether a preflight goes on to the site without a session. What
// another handler has made a request of another method is none.
func (h *Handler) passesPreflight(v *request.State) bool {
	return h.AllowPreflight && v.R.Method == http.MethodOptions
}
