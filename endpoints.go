package instagramauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

// The handler's own paths. All but the redirect URI lie below path_prefix.

const (
	pathLogin        = "/login"
	pathLogout       = "/logout"
	pathRefused      = "/refused"
	pathUserinfo     = "/userinfo"
	pathPicture      = "/picture"
	pathDeauthorize  = "/deauthorize"
	pathDataDeletion = "/data_deletion"
)

// An endpoint returns the answer to a request on a path of ours, or notes in the visit that the
// site is to answer it, which only callbacks may.
type endpoint func(*Handler, *visit) error

// endpoint returns what answers a request, nil if it is none of ours. Only the
// one plain spelling of a path counts: an address with RawPath set was written
// with escapes that Go would undo. [C7]
func (h *Handler) endpoint(v *visit) endpoint {
	u := v.asked
	if u.RawPath != "" {
		return nil
	}
	if h.settings.isCallback(v.r.Host, u.Path) {
		return (*Handler).callback
	}
	rest, below := strings.CutPrefix(u.Path, h.settings.pathPrefix)
	if !below {
		return nil
	}
	switch rest {
	case pathLogin:
		return (*Handler).login
	case pathLogout:
		return (*Handler).logout
	case pathRefused:
		return (*Handler).refused
	case pathUserinfo:
		return (*Handler).userinfo
	case pathPicture:
		return (*Handler).picture
	case pathDeauthorize:
		return (*Handler).deauthorize
	case pathDataDeletion:
		return (*Handler).dataDeletion
	}
	return nil
}

// isOwn reports whether a path form leads to an own path, where nobody should be
// sent back to after a login. [A7, R3]
func (h *Handler) isOwn(pathForm string) bool {
	path := returnpath.Path(pathForm)
	return h.settings.isCallbackPath(path) || path == h.settings.pathPrefix || strings.HasPrefix(path, h.settings.pathPrefix+"/")
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
	reply := refusal.Reply{Code: refusal.LoginRequired, Wants: refusal.JSON, LoginURL: h.loginURL(h.returnFor(v))}
	if !h.signsIn(v) {
		to := h.settings.canonicalFor(v.r.Host)
		reply.Code, reply.LoginURL = refusal.BadHost, to.origin+h.settings.pathPrefix+pathLogin
	}
	return refuse(reply)
}
