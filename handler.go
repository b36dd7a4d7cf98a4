package instagramauth

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// visit is one request on its way through the handler. Everything that belongs to
// a request lives here and nothing of it on the handler. [H7]
type visit struct {
	w http.ResponseWriter
	r *http.Request
	// asked is the address as the visitor asked for it. Rewrites run before this
	// handler and change only r.URL.
	asked *url.URL
	vars  map[string]any // the request's, to look them up once
	// audience is who asks, once somebody wants to know; see visit.who.
	audience audience.Audience

	found     session.Found
	session   session.Session
	standing  standing
	missing   instagram.Permissions // with missingPermission
	renewed   bool                  // the session is newer than its cookie
	malformed bool                  // servers cannot agree on the address

	outcome   outcome
	handedOff bool      // the callback of a login goes on to the site
	delivery  *delivery // of a callback that the site is to answer
}

// standing is what the session of a request amounts to.
type standing uint8

const (
	anonymous         standing = iota // there is none, or it has ended
	signedIn                          // it counts
	revocationUnknown                 // nobody can tell whether it has ended
	notAllowed                        // allow or deny no longer lets its owner in
	missingPermission                 // its owner has not granted what require_scope asks for
)

// visits are lent to requests, because most of what makes one is what it is kept in.
// Nothing of a visit is handed to the site, which may keep what it gets beyond its answer.
var visits = sync.Pool{New: func() any { return new(visit) }}

// ServeHTTP takes a request through the five steps, one way down: strip what only
// we may say, answer our own paths, recognize the session, ask for one where it
// is required, tell the site who the visitor is.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.settings.client == nil {
		// Never provisioned: nobody may pass. [A6]
		return caddyhttp.Error(http.StatusServiceUnavailable, errNotProvisioned)
	}
	v := visits.Get().(*visit)
	v.w, v.r, v.asked = w, r, address.Asked(r)
	v.vars, _ = r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	err := h.admit(v)
	answered := err != nil
	if answered {
		err = h.answer(v, err)
	}
	h.metrics.requests[v.outcome].Inc()
	if !answered {
		err = h.forward(v, next)
	}
	*v = visit{} // after a panic it is not given back at all
	visits.Put(v)
	return err
}

// admit returns nil for a request that goes on to the site, and otherwise what it is answered
// with. [C8]
func (h *Handler) admit(v *visit) (err error) {
	defer h.catch(&err)
	h.strip(v)
	h.takeCookies(v)
	if v.r.Method == http.MethodPost && v.vars[passedVar] == true {
		v.outcome = outcomePassedOn
		return nil // a callback that another block of ours has verified
	}
	if own := h.settings.paths.Own(v.asked, v.r.Host); own != address.None {
		v.outcome = outcomeOwnPath
		limitBody(v)
		return v.onOwnPath(endpoints[own](h, v))
	}
	if back, ok := h.astrayCallback(v); ok {
		return h.refuseAstray(v, back)
	}
	h.recognize(v)
	switch {
	case v.standing == notAllowed:
		limitBody(v)
		return h.turnAway(v)
	case v.standing != signedIn && h.required(v):
		limitBody(v)
		return h.gate(v)
	}
	if v.standing == signedIn {
		v.outcome = outcomeSignedIn
		h.inject(v, &v.session.Identity, h.forwarded(&v.session.Token))
	}
	return nil
}

// onOwnPath keeps a request for an own path from the site, even if nothing has answered it.
// Callbacks alone go on. [A6]
func (v *visit) onOwnPath(answer error) error {
	if answer == nil && !v.handedOff && v.delivery == nil {
		return refuse(refusal.Reply{Code: refusal.Internal})
	}
	return answer
}

// forward lets the site answer.
func (h *Handler) forward(v *visit, next caddyhttp.Handler) error {
	if v.delivery != nil {
		return h.answer(v, h.deliverToSite(v, func(w http.ResponseWriter) error { return next.ServeHTTP(w, v.r) }))
	}
	w := &siteResponse{private: v.standing == signedIn, handedOff: v.handedOff}
	w.ResponseWriter = v.w
	if v.standing == signedIn {
		h.keepAlive(v, w)
	}
	err := next.ServeHTTP(w, v.r)
	w.amend() // an error page may differ by visitor, and so may an empty answer
	if err != nil && v.handedOff {
		return h.answer(v, h.siteFailed(err))
	}
	return err
}

// keepAlive notes that a session is in use. What is new of it goes out with the site's
// answer.
func (h *Handler) keepAlive(v *visit, w *siteResponse) {
	if v.found.Marked() {
		// The session cookie came back: the login has arrived. [A7]
		w.unmark = h.settings.cookies.Unmark()
	}
	if w.renewed = h.renewedCookie(v); w.renewed != "" {
		keys, began := v.session.Keys, v.session.Began
		w.ended = func() bool { return h.ended(&session.Session{Keys: keys, Began: began}) }
	}
}

// handOver hands a session that is newer than its cookie over with an answer of ours.
func (h *Handler) handOver(v *visit) {
	if line := h.renewedCookie(v); line != "" {
		v.w.Header().Add("Set-Cookie", line)
	}
}

// renewedCookie returns the Set-Cookie line of a session that has to be handed over again,
// "" if it need not be.
func (h *Handler) renewedCookie(v *visit) string {
	line, _, err := h.settings.cookies.Renew(&v.session, v.renewed)
	if err != nil {
		h.notifySampled(noticeRenewFailed, "", err)
	}
	return line
}
