package lifecycle

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
)

// Caddy runs handle_errors after the handler has returned. What answers there gets the identity of
// the visitor, too, and may be an upstream with a websocket. So these connections end with the
// session as well. [L5]

// failedVar is the request variable with the failedRequest.
const failedVar = option.Directive + ".failed"

// failedRequest is what is known of the visitor whose request failed. It owns what it holds.
type failedRequest struct {
	sessions *Sessions
	session  session.Session
	found    session.Found
	visit    stream.Visit
	inner    *failedRequest // of a block within this one; nil for none
}

// String returns "": an operator can print the request's variables. [P1]
func (*failedRequest) String() string { return "" }

// Failed notes that the site has answered a signed-in visitor with an error. c is the request among
// the open connections.
func (l *Sessions) Failed(v *request.State, c *stream.Conn) {
	f := &failedRequest{sessions: l, session: v.Session, found: v.Found, visit: c.Visit()}
	f.visit.Session, f.visit.Found = &f.session, &f.found
	f.inner, _ = caddyhttp.GetVar(v.R.Context(), failedVar).(*failedRequest)
	caddyhttp.SetVar(v.R.Context(), failedVar, f)
}

// ErrorRoute is a handler that comes before those of handle_errors. One serves all blocks of a
// server.
type ErrorRoute struct{}

// PassesAll tells the checks at start that the handler answers nothing.
func (ErrorRoute) PassesAll() {}

// ServeHTTP adds a failed request of a signed-in visitor to the open connections again.
func (ErrorRoute) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	f, _ := caddyhttp.GetVar(r.Context(), failedVar).(*failedRequest)
	return f.serve(w, r, next)
}

// serve is ServeHTTP for a request and those of the blocks within. nil is none.
func (f *failedRequest) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if f == nil {
		return next.ServeHTTP(w, r)
	}
	own := new(identity.ResponseWriter)
	own.ResponseWriter = w
	own.Amend() // the headers are complete: error pages change them as they like
	f.sessions.Memory.Open.Enter(&own.Conn, w, r, f.sessions.connections, f.visit)
	defer own.Conn.Leave()
	err := f.inner.serve(own, r, next)
	own.Conn.AbortIfCut()
	return err
}
