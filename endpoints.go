package instagramauth

import (
	"net/http"
	"slices"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// The handler's own paths.

// endpoints are what answers on them: each returns the answer to a request, or notes in the visit
// that the site is to answer it, which only callbacks may.
var endpoints = [...]func(*Handler, *request.State) error{
	address.Callback: (*Handler).callback, address.Login: (*Handler).login, address.Logout: (*Handler).logout, address.Refused: func(h *Handler, v *request.State) error { return h.answers.Refused(v) },
	address.Userinfo: (*Handler).userinfo, address.Picture: (*Handler).picture,
	address.Deauthorize: (*Handler).deauthorize, address.DataDeletion: (*Handler).dataDeletion,
}

// userinfo tells a page's own script who is signed in: never a token, and no
// other site. [P4]
func (h *Handler) userinfo(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if err := h.ownVisitor(v); err != nil {
		return err
	}
	h.handOver(v)
	v.W.Header().Set("Vary", "Cookie")
	info := map[string]any{
		"id": v.Session.UserID, identity.FieldUsername: v.Session.Username, "expires_at": v.Session.End(h.settings.lifetime).UTC(),
	}
	for _, f := range v.Session.Fields {
		if slices.Contains(h.Fields, f.Name) {
			info[f.Name] = f.Value
		}
	}
	if granted := instagram.Permissions(v.Session.Permissions); granted != 0 {
		info[identity.FieldPermissions] = granted.Names()
	}
	return answer.JSON(info)
}

// ownVisitor refuses a request for what is the visitor's own, unless it comes from somebody
// who is signed in and from a page of this site. [P4]
func (h *Handler) ownVisitor(v *request.State) error {
	h.recognize(v)
	switch v.Standing {
	case request.NotAllowed:
		return h.turnAway(v)
	case request.MissingPermission:
		h.handOver(v)
		reply := h.lacks(v.Missing, v.ReturnFor(h.settings.paths))
		reply.Wants = refusal.JSON
		return answer.Refuse(reply)
	case request.RevocationUnknown:
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, Wants: refusal.JSON, RetryAfter: h.settings.syncInterval})
	}
	site := v.R.Header.Get("Sec-Fetch-Site")
	foreign := site != "" && site != "same-origin" && site != "none"
	if v.Standing != request.SignedIn || foreign {
		return h.requireLogin(v)
	}
	return nil
}

// requireLogin tells a program that nobody is signed in.
func (h *Handler) requireLogin(v *request.State) error {
	reply := refusal.Reply{Code: refusal.LoginRequired, Wants: refusal.JSON, LoginURL: h.settings.paths.LoginURL(v.ReturnFor(h.settings.paths))}
	if !h.signsIn(v) {
		to := h.settings.paths.CanonicalFor(v.R.Host)
		reply.Code, reply.LoginURL = refusal.BadHost, to.Origin+h.settings.paths.Of(address.Login)
	}
	return answer.Refuse(reply)
}
