package instagramauth

import (
	"io"
	"net/http"
	"time"
)

const (
	// maxForm is the largest body of a form that is read, in bytes. [K5]
	maxForm = 16 << 10

	// bodyTimeout is how long the body of a request may take that this handler answers
	// itself. Caddy's read_idle_timeout begins anew with each byte, and the server waits
	// for up to 256 KB that nobody has read before it sends an answer: a client that
	// sends a byte now and then would hold its connection for days. [K5]
	bodyTimeout = 10 * time.Second

	// maxDrained is how much of a refused upload is read all the same, in bytes.
	maxDrained = 64 << 20
)

// limitBody gives a client bodyTimeout for the rest of its request.
func limitBody(v *visit) {
	if v.r.ContentLength != 0 { // -1 where the client does not say
		setReadDeadline(v, time.Now().Add(bodyTimeout))
	}
}

// unlimitBody takes the limit back, for a request that goes on to the site.
func unlimitBody(v *visit) { setReadDeadline(v, time.Time{}) }

// setReadDeadline ends the reading of the body at a moment. Where something in front of
// this handler has put a writer in between that knows no deadlines, Caddy's are all
// there is.
func setReadDeadline(v *visit, at time.Time) {
	_ = http.NewResponseController(v.w).SetReadDeadline(at)
}

// drain reads what a client still sends before it is refused. Over HTTP/1 a browser reads no
// answer before it has sent everything: a connection that is closed before is an error of the
// network to it, and the visitor sees no page. bodyTimeout bounds it, too.
func drain(v *visit) {
	// Who waits for leave to send anything is answered without it: reading would give it.
	if v.r.ProtoMajor == 1 && v.r.ContentLength != 0 && v.r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, v.r.Body, maxDrained)
		// handle_errors may send the request on, which fails where a body is announced and
		// none is left.
		v.r.Body, v.r.ContentLength, v.r.TransferEncoding = http.NoBody, 0, nil
		v.r.Header.Del("Content-Length")
	}
}
