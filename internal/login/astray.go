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

// A redirect in Caddy or in front of it can move a callback to another path: one that removes the
// slash at the end of every path, for example. The handler would take it for a page without a
// session and send the visitor to Instagram again, in a loop. The state shows that the request is a
// callback: it belongs to a login of this browser.

// maxPathInLog is the number of bytes of a visitor's path that a log line repeats.
const maxPathInLog = 100

// Astray returns the login of a request that is a callback at the wrong path. The state must open a
// login cookie of this browser, so that a page with code and state parameters of another service is
// not taken for one.
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
	// The callback of another block on this server is not astray. This block's own callback path
	// in another spelling is.
	return cb, ok && (v.OriginalURL.Path == cb.redirect.Path || !placement.IsCallback(cb.redirect.Host, v.OriginalURL.Path))
}

// RefuseAstray ends a login whose callback came to the wrong path, and logs which redirect causes
// that.
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
