package request

import (
	"io"
	"net/http"
	"time"
)

const (
	// MaxForm is the largest body of a form that is read, in bytes. [K5]
	MaxForm = 16 << 10

	// bodyTimeout is how long the body of a request may take that this handler answers
	// itself. Caddy's read_idle_timeout begins anew with each byte, and the server waits
	// for up to 256 KB that nobody has read before it sends an answer: a client that
	// sends a byte now and then would hold its connection for days. [K5]
	bodyTimeout = 10 * time.Second

	// maxDrained is how much of a refused upload is read all the same, in bytes.
	maxDrained = 64 << 20
)

// LimitBody gives a client bodyTimeout for the rest of its request.
func (v *State) LimitBody() {
	if v.R.ContentLength != 0 { // -1 where the client does not say
		v.setReadDeadline(time.Now().Add(bodyTimeout))
	}
}

// UnlimitBody takes the limit back, for a request that goes on to the site.
func (v *State) UnlimitBody() { v.setReadDeadline(time.Time{}) }

// setReadDeadline ends the reading of the body at a moment. Where something in front of
// this handler has put a writer in between that knows no deadlines, Caddy's are all
// there is.
func (v *State) setReadDeadline(at time.Time) {
	_ = http.NewResponseController(v.W).SetReadDeadline(at)
}

// Drain reads what a client still sends before it is refused. Over HTTP/1 a browser reads no
// answer before it has sent everything: a connection that is closed before is an error of the
// network to it, and the visitor sees no page. bodyTimeout bounds it, too.
func (v *State) Drain() {
	// Who waits for leave to send anything is answered without it: reading would give it.
	if v.R.ProtoMajor == 1 && v.R.ContentLength != 0 && v.R.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, v.R.Body, maxDrained)
		// handle_errors may send the request on, which fails where a body is announced and
		// none is left.
		v.R.Body, v.R.ContentLength, v.R.TransferEncoding = http.NoBody, 0, nil
		v.R.Header.Del("Content-Length")
	}
}
