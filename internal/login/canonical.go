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

// A site may have a host without a redirect URI, such as www.example.com beside example.com.
// Visitors cannot sign in there, because the cookies of a login and of a session belong to one
// host. They are redirected to the same page on the canonical host.

// ErrRedirectLoop is the cause of a refusal where two redirects between hosts form a loop.
var ErrRedirectLoop = telemetry.NewOperatorCause("this host has no redirect URI, and another redirect leads back here from the host that has one",
	"list a redirect_uri for the host where visitors end up, or remove the redirect from the host of redirect_uri to this one")

// ErrCallbackHost is the cause of a refusal of a callback on a host without a redirect URI. Its
// state cannot be checked there, because the login cookie belongs to another host. It may be made
// up, so the log level is not a warning.
var ErrCallbackHost = telemetry.NewCause("the callback came to a host without a redirect URI",
	"a redirect between hosts, such as from www to the bare domain, also redirects the callback: exclude the path of redirect_uri from it, or list the redirect_uri of the host that it leads to")

// RedirectToCanonical answers a request for a sign-in on a host without a redirect URI. A
// navigation is redirected to the same page on the canonical host; a script gets its address.
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
		// Remove the mark, so that the page works once the redirect is fixed.
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
