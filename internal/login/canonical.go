package login

import (
	"net/http"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A host of the site without a redirect URI of its own, such as www.example.com beside
// example.com: people cannot sign in there, because the cookies of a login and of a session
// belong to one host. They are sent to the same page on a host where they can.

// ErrRedirectLoop is the cause of a refusal where two redirects work against each other.
var ErrRedirectLoop = telemetry.NewOperatorCause("this host has no redirect URI, and another redirect leads back here from the host that has one",
	"list a redirect_uri for the host where visitors end up, or remove the redirect from the host of redirect_uri to this one")

// ErrCallbackHost is the cause where a callback comes to a host that no login begins on. A login's
// cookie belongs to another host, so nobody can tell a state that was made up: it is no warning.
var ErrCallbackHost = telemetry.NewCause("the callback came to a host without a redirect URI",
	"a redirect between hosts, such as from www to the bare domain, also redirects the callback: exclude the path of redirect_uri from it, or list the redirect_uri of the host that it leads to")

// RedirectToCanonical answers a request for a sign-in on a host without a redirect URI. A person is
// redirected to the same page on the canonical host. A program is told where to go.
func (f *Flow) RedirectToCanonical(v *request.State) error {
	to, who := f.Paths.CanonicalFor(v.R.Host), v.Audience()
	if !who.SeesPages() {
		login := to.Origin + f.Paths.Of(address.Login)
		if who == audience.HTMX {
			v.W.Header().Set("Hx-Redirect", login)
		}
		return answer.Refuse(refusal.Reply{Code: refusal.BadHost, LoginURL: login})
	}
	page := to.Origin + v.OriginalPage()
	if who != audience.Navigation {
		return answer.Refuse(refusal.Reply{Code: refusal.BadHost, LoginURL: page})
	}
	moves := f.Cookies.Moves(&v.Found, page)
	if moves >= session.MaxMoves {
		// The mark goes, so that the same page works once the redirect is mended.
		v.W.Header().Add("Set-Cookie", f.Cookies.Unmark())
		return new(CallbackState).refuse(refusal.Reply{Code: refusal.BadHost, LoginURL: page}, ErrRedirectLoop)
	}
	mark, err := f.Cookies.MarkMove(page, moves+1)
	if err != nil {
		return &answer.Refusal{Reply: refusal.Reply{Code: refusal.Internal}, Notice: telemetry.NoticeStartFailed, Cause: err}
	}
	v.W.Header().Add("Set-Cookie", mark)
	return answer.Redirect(http.StatusFound, page).With(telemetry.OutcomeRedirected)
}
