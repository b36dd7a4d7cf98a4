package instagramauth

import (
	"net/http"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// What somebody without a session is told depends on who they are.

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
	return h.required(v)
}

// passesPreflight reports whether a preflight goes on to the site without a session. What
// another handler has made a request of another method is none.
func (h *Handler) passesPreflight(v *request.State) bool {
	return h.AllowPreflight && v.R.Method == http.MethodOptions
}
