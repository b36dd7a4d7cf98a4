package instagramauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// The handler's own paths.

// endpoints are what answers on them: each returns the answer to a request, or notes in the visit
// that the site is to answer it, which only callbacks may.
var endpoints = [...]func(*Handler, *visit) error{
	address.Callback: (*Handler).callback, address.Login: (*Handler).login, address.Logout: (*Handler).logout, address.Refused: (*Handler).refused,
	address.Userinfo: (*Handler).userinfo, address.Picture: (*Handler).picture,
	address.Deauthorize: (*Handler).deauthorize, address.DataDeletion: (*Handler).dataDeletion,
}

// allow refuses every method but those listed.
func allow(v *visit, methods ...string) error {
	if slices.Contains(methods, v.r.Method) {
		return nil
	}
	return refuse(refusal.Reply{Code: refusal.Method, Allow: strings.Join(methods, ", ")})
}

// userinfo tells a page's own script who is signed in: never a token, and no
// other site. [P4]
func (h *Handler) userinfo(v *visit) error {
	if err := allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if err := h.ownVisitor(v); err != nil {
		return err
	}
	h.handOver(v)
	v.w.Header().Set("Vary", "Cookie")
	answer := map[string]any{
		"id": v.session.UserID, fieldUsername: v.session.Username, "expires_at": v.session.End(h.settings.lifetime).UTC(),
	}
	for _, f := range v.session.Fields {
		if slices.Contains(h.Fields, f.Name) {
			answer[f.Name] = f.Value
		}
	}
	if granted := instagram.Permissions(v.session.Permissions); granted != 0 {
		answer[fieldPermissions] = granted.Names()
	}
	return answerJSON(answer)
}

// ownVisitor refuses a request for what is the visitor's own, unless it comes from somebody
// who is signed in and from a page of this site. [P4]
func (h *Handler) ownVisitor(v *visit) error {
	h.recognize(v)
	switch v.standing {
	case notAllowed:
		return h.turnAway(v)
	case missingPermission:
		h.handOver(v)
		reply := h.lacks(v.missing, h.returnFor(v))
		reply.Wants = refusal.JSON
		return refuse(reply)
	case revocationUnknown:
		return refuse(refusal.Reply{Code: refusal.StoreUnavailable, Wants: refusal.JSON, RetryAfter: h.settings.syncInterval})
	}
	site := v.r.Header.Get("Sec-Fetch-Site")
	foreign := site != "" && site != "same-origin" && site != "none"
	if v.standing != signedIn || foreign {
		return h.requireLogin(v)
	}
	return nil
}

// requireLogin tells a program that nobody is signed in.
func (h *Handler) requireLogin(v *visit) error {
	reply := refusal.Reply{Code: refusal.LoginRequired, Wants: refusal.JSON, LoginURL: h.settings.paths.LoginURL(h.returnFor(v))}
	if !h.signsIn(v) {
		to := h.settings.paths.CanonicalFor(v.r.Host)
		reply.Code, reply.LoginURL = refusal.BadHost, to.Origin+h.settings.paths.Of(address.Login)
	}
	return refuse(reply)
}
