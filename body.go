package instagramauth

import (
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
