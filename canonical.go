package instagramauth

import (
	"net/http"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// A host of the site without a redirect URI of its own, such as www.example.com beside
// example.com: people cannot sign in there, because the cookies of a login and of a session
// belong to one host. They are sent to the same page on a host where they can.

// errMovedBack is the cause of a refusal where two redirects work against each other.
var errMovedBack = &operatorError{ownError{"this host has no redirect URI, and a redirect of the site's leads back from the host that has one",
	"list a redirect_uri for the host that visitors end up at, or take away the redirect from the host of redirect_uri to this one"}}

// errCallbackHost is the cause where a callback comes to a host that no login begins on. A login's
// cookie belongs to another host, so nobody can tell a state that was made up: it is no warning.
var errCallbackHost = &ownError{"the callback has come to a host without a redirect URI",
	"a redirect between hosts, such as from www to the bare domain, takes the callback along: exempt the path of redirect_uri from it, or list the redirect_uri of the host that it leads to"}

// signsIn reports whether people can sign in on the host of a request.
func (h *Handler) signsIn(v *visit) bool {
	_, ok := h.settings.paths.RedirectFor(v.r.Host)
	return ok
}

// elsewhere answers a request for a sign-in on a host without a redirect URI. A person is
// redirected to the same page on the canonical host. A program is told where to go.
func (h *Handler) elsewhere(v *visit) error {
	to, who := h.settings.paths.CanonicalFor(v.r.Host), v.who()
	if !who.SeesPages() {
		login := to.Origin + h.settings.paths.Of(address.Login)
		if who == audience.HTMX {
			v.w.Header().Set("Hx-Redirect", login)
		}
		return refuse(refusal.Reply{Code: refusal.BadHost, LoginURL: login})
	}
	page := to.Origin + h.askedPage(v)
	if who != audience.Navigation {
		return refuse(refusal.Reply{Code: refusal.BadHost, LoginURL: page})
	}
	moves := h.settings.cookies.Moves(&v.found, page)
	if moves >= session.MaxMoves {
		// The mark goes, so that the same page works once the redirect is mended.
		v.w.Header().Add("Set-Cookie", h.settings.cookies.Unmark())
		return &refusalError{Reply: refusal.Reply{Code: refusal.BadHost, LoginURL: page}, login: new(comeback), cause: errMovedBack}
	}
	mark, err := h.settings.cookies.MarkMove(page, moves+1)
	if err != nil {
		return &refusalError{Reply: refusal.Reply{Code: refusal.Internal}, notice: noticeStartFailed, cause: err}
	}
	v.w.Header().Add("Set-Cookie", mark)
	return redirectTo(http.StatusFound, page).as(outcomeRedirected)
}

// askedPage returns the path and query that were asked for, as they follow an origin.
func (h *Handler) askedPage(v *visit) string {
	page := returnpath.Encode(address.PathForm(v.asked))
	if !strings.HasPrefix(page, "/") {
		return "/"
	}
	return page
}
