package login

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/placement"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A redirect of the site's, in Caddy or in front of it, can take a callback along: one that
// takes the slash off every path, for example. To the handler that is a page like any other,
// and without a session it would send the visitor to Instagram again, who comes back at once,
// and so on. What tells such a request from a page is the state: it is one of a login that
// this browser has under way.

// maxPathInLog is how much of a visitor's path is repeated in a log line.
const maxPathInLog = 100

// Astray returns the login whose callback a request is, although it came to another
// path. Pages with a code and a state of another service's do not open a login cookie.
func (f *Flow) Astray(v *request.State) (cb CallbackState, ok bool) {
	if !v.Found.LoginUnderWay() || v.R.Method != http.MethodGet || !strings.Contains(v.OriginalURL.RawQuery, "state=") {
		return cb, false
	}
	if cb.Callback, ok = instagram.ParseCallback(v.OriginalURL.RawQuery, session.StateLength); !ok {
		return cb, false
	}
	if cb.redirect, ok = f.Paths.RedirectFor(v.R.Host); !ok {
		return cb, false
	}
	cb.login, ok = f.Cookies.Resume(&v.Found, cb.State, cb.redirect.URI)
	// Another block of the server answers for its own callback. This one's in another
	// spelling is none.
	return cb, ok && (v.OriginalURL.Path == cb.redirect.Path || !placement.IsCallback(cb.redirect.Host, v.OriginalURL.Path))
}

// RefuseAstray ends the login and tells the operator which redirect is at fault.
func (f *Flow) RefuseAstray(v *request.State, cb CallbackState) error {
	v.W.Header().Add("Set-Cookie", f.Cookies.Finish(cb.State))
	path := v.OriginalURL.EscapedPath()
	if len(path) > maxPathInLog {
		path = path[:maxPathInLog] + "..."
	}
	cause := telemetry.NewCause(fmt.Sprintf("something redirects the callback from %s to %s", cb.redirect.Path, path), telemetry.RemedyForAstray)
	refused := cb.refuse(refusal.Reply{Code: refusal.CallbackMoved}, cause)
	refused.Astray = true
	return refused
}
