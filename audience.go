package instagramauth

import (
	"net/http"
	"path"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

// What somebody without a session is told depends on who they are.

// who says who asks, and decides it once.
func (v *visit) who() audience.Audience {
	if v.audience == 0 {
		v.audience = audience.Of(v.r, address.AskedMethod(v.r))
	}
	return v.audience
}

// returnFor returns the page to come back to after a login: the one asked for, or for a
// request that is no page, the page that it was made from. [A5, R3]
func (h *Handler) returnFor(v *visit) string {
	asked := address.PathForm(v.asked)
	who := v.who()
	switch {
	case who == audience.Navigation || who.SendsForm():
		return h.settings.paths.Safe(asked)
	case who == audience.HTMX:
		return h.returnForHTMX(v)
	}
	if page, ok := h.pageOf(v, v.r.Header.Get("Referer")); ok {
		return page
	}
	if who == audience.Frame {
		return h.settings.paths.Safe(asked)
	}
	return "/"
}

// returnForHTMX returns the page that htmx is at, or that it is about to show instead.
func (h *Handler) returnForHTMX(v *visit) string {
	header := v.r.Header
	whole := header.Get("Hx-Boosted") == "true" || header.Get("Hx-History-Restore-Request") == "true"
	if whole && v.r.Method == http.MethodGet {
		return h.settings.paths.Safe(address.PathForm(v.asked))
	}
	for _, name := range []string{"Hx-Current-Url", "Referer"} {
		if page, ok := h.pageOf(v, header.Get(name)); ok {
			return page
		}
	}
	return "/"
}

// pageOf returns the path form of an address if it is that of a page of this host. That of
// a script is none: it is what a worker has for a Referer.
func (h *Handler) pageOf(v *visit, address string) (page string, ok bool) {
	own, ok := h.settings.paths.RedirectFor(v.r.Host)
	// Only with our own origin in front: a path alone is no Referer.
	if !ok || !strings.HasPrefix(address, own.Origin+"/") {
		return "", false
	}
	page = h.settings.paths.Safe(address[len(own.Origin):])
	switch path.Ext(returnpath.Path(page)) {
	case ".js", ".mjs", ".cjs":
		return "", false
	}
	return page, true
}

// refuseForm tells a person that what they sent was not saved. Its body cannot be kept, and
// a redirect to Instagram would lose it without a word, where the site's
// Content-Security-Policy lets the browser follow it at all.
func (h *Handler) refuseForm(v *visit) error {
	code := refusal.SessionEnded
	if audience.IsFromAnotherSite(v.r) {
		// The session may well live: its cookie stays behind with a form of another site.
		code = refusal.CrossSitePost
	}
	page := h.returnFor(v)
	if !h.requiredToRead(v) {
		page = h.settings.paths.LoginURL(page) // the page would not ask for a session
	}
	return refuse(refusal.Reply{Code: code, PageURL: page})
}

// requiredToRead reports whether GET of the same address needs a session, too.
func (h *Handler) requiredToRead(v *visit) bool {
	method := v.r.Method
	v.r.Method = http.MethodGet
	defer func() { v.r.Method = method }()
	return h.required(v)
}

// passesPreflight reports whether a preflight goes on to the site without a session. What
// another handler has made a request of another method is none.
func (h *Handler) passesPreflight(v *visit) bool {
	return h.AllowPreflight && v.r.Method == http.MethodOptions
}
