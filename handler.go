package instagramauth

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

var errNotProvisioned = errors.New("instagram_auth has not been provisioned")

// ServeHTTP admits a request to the site or answers it. Refusals are errors: a step returns one,
// and this is the one place that answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.settings.client == nil {
		return caddyhttp.Error(http.StatusServiceUnavailable, errNotProvisioned) // fails closed [A6]
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

// admit takes a request through the five steps. It returns nil if the request goes on to the site,
// and otherwise the answer to it. [C8]
func (h *Handler) admit(v *request.State) (err error) {
	defer h.answers.Catch(&err)

	// 1 Strip: only this handler may say who the visitor is.
	h.settings.Identity.Strip(v)
	v.TakeCookies(h.settings.Cookies)
	if identity.IsPassed(v) {
		v.Outcome = telemetry.OutcomePassedOn
		return nil // another block of this server has verified this callback
	}
	// 2 Own path: this handler answers it.
	if own := h.settings.Paths.Own(v.OriginalURL, v.R.Host); own != address.None {
		return h.answerOwnPath(v, own)
	}
	if back, ok := h.logins.Astray(v); ok {
		return h.logins.RefuseAstray(v, back)
	}
	// 3 Session.
	h.sessions.Recognize(v)
	// 4 Gate: a protected page needs a session.
	if err := h.gate.Pass(v); err != nil {
		return err
	}
	// 5 Identity: the site learns who the visitor is.
	if v.Standing == request.SignedIn {
		v.Outcome = telemetry.OutcomeSignedIn
		h.settings.Identity.Inject(v, &v.Session.Identity, v.Session.Issued, h.settings.Identity.Forwarded(&v.Session.Token, h.now()))
	}
	return nil
}

// answerOwnPath answers a request for an own path. Verified callbacks alone may go on to the site:
// if nothing has answered another request, it is refused. [A6]
func (h *Handler) answerOwnPath(v *request.State, path address.Own) error {
	v.Outcome = telemetry.OutcomeOwnPath
	v.LimitBody()
	return onOwnPath(v, h.own(v, path))
}

// own calls the room that answers an own path. A callback may be left to the site, which the room
// notes in the state of the request.
func (h *Handler) own(v *request.State, path address.Own) error {
	switch path {
	case address.Callback:
		return h.logins.Callback(v)
	case address.Login:
		return h.logins.Login(v)
	case address.Logout:
		return h.endpoints.Logout(v)
	case address.Account:
		return h.endpoints.Account(v)
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

// onOwnPath refuses a request that neither an answer nor a verified callback came of.
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
		h.sessions.PrepareResponse(v, w)
		h.sessions.Enter(v, w)
		defer w.Conn.Leave()
	}
	err := next.ServeHTTP(w, v.R)
	w.Conn.AbortIfCut()
	w.Amend() // error pages and empty answers may differ by visitor, too
	switch {
	case err != nil && v.HandedOff:
		return h.answers.Answer(v, h.answers.SiteFailed(err))
	case err != nil && v.Standing == request.SignedIn:
		h.sessions.Failed(v, &w.Conn) // handle_errors may answer
	}
	return err
}
