package instagramauth

import (
	"net/http"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
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
	if own := h.settings.paths.Own(v.Asked, v.R.Host); own != address.None {
		v.Outcome = telemetry.OutcomeOwnPath
		v.LimitBody()
		return onOwnPath(v, endpoints[own](h, v))
	}
	if back, ok := h.astrayCallback(v); ok {
		return h.refuseAstray(v, back)
	}
	h.sessions.Recognize(v)
	switch {
	case v.Standing == request.NotAllowed:
		v.LimitBody()
		return h.turnAway(v)
	case v.Standing != request.SignedIn && h.required(v):
		v.LimitBody()
		return h.gate(v)
	}
	if v.Standing == request.SignedIn {
		v.Outcome = telemetry.OutcomeSignedIn
		h.settings.identity.Inject(v, &v.Session.Identity, h.settings.identity.Forwarded(&v.Session.Token, h.now()))
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
	w := &identity.Response{Private: v.Standing == request.SignedIn, HandedOff: v.HandedOff}
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

// turnAway ends the session of a visitor who is no longer let in. [X2]
func (h *Handler) turnAway(v *request.State) error {
	v.Drain()
	h.sessions.EndLater(&v.Session)
	v.W.Header().Add("Set-Cookie", h.settings.cookies.End())
	return &answer.Refusal{
		Reply:  refusal.Reply{Code: refusal.NoAccess, LoginURL: h.settings.paths.OtherAccountURL(v.ReturnFor(h.settings.paths))},
		Notice: telemetry.NoticeAccessRefused, Fields: append(h.telemetry.Privacy.Person(&v.Session.Identity), lifecycle.SessionField(&v.Session)),
	}
}

// lacks is the refusal of who has not granted all that is required. It offers to ask again.
func (h *Handler) lacks(missing instagram.Permissions, returnTo string) refusal.Reply {
	return refusal.Reply{Code: refusal.MissingPermission, Missing: missing.Names(), LoginURL: h.settings.paths.LoginURL(returnTo)}
}
