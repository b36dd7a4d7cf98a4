package instagramauth

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
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
	h.recognize(v)
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
		h.keepAlive(v, w)
	}
	err := next.ServeHTTP(w, v.R)
	w.Amend() // an error page may differ by visitor, and so may an empty answer
	if err != nil && v.HandedOff {
		return h.answers.Answer(v, h.answers.SiteFailed(err))
	}
	return err
}

// keepAlive notes that a session is in use. What is new of it goes out with the site's
// answer.
func (h *Handler) keepAlive(v *request.State, w *identity.Response) {
	if v.Found.Marked() {
		// The session cookie came back: the login has arrived. [A7]
		w.Unmark = h.settings.cookies.Unmark()
	}
	if w.Renewed = h.renewedCookie(v); w.Renewed != "" {
		keys, began := v.Session.Keys, v.Session.Began
		w.Ended = func() bool { return h.ended(&session.Session{Keys: keys, Began: began}) }
	}
}

// handOver hands a session that is newer than its cookie over with an answer of ours.
func (h *Handler) handOver(v *request.State) {
	if line := h.renewedCookie(v); line != "" {
		v.W.Header().Add("Set-Cookie", line)
	}
}

// renewedCookie returns the Set-Cookie line of a session that has to be handed over again,
// "" if it need not be.
func (h *Handler) renewedCookie(v *request.State) string {
	line, _, err := h.settings.cookies.Renew(&v.Session, v.Renewed)
	if err != nil {
		h.telemetry.NotifySampled(telemetry.NoticeRenewFailed, "", err)
	}
	return line
}
