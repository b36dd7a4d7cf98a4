package request

import (
	"io"
	"net/http"
	"time"
)

const (
	// MaxForm is the most that is read of the body of a form, in bytes. [K5]
	MaxForm = 16 << 10

	// bodyTimeout limits the time for the body of a request that the handler answers itself.
	// Caddy's read_idle_timeout starts again with each byte, and Go's server waits for up to
	// 256 KB of unread body before it sends a response. So a client that sends a byte now and
	// then could hold its connection for days. [K5]
	bodyTimeout = 10 * time.Second

	// maxDrained is the most that Drain reads of a refused upload, in bytes.
	maxDrained = 64 << 20
)

// LimitBody gives the client ten seconds for the rest of its request.
func (v *State) LimitBody() {
	if v.R.ContentLength != 0 { // -1 where the client does not say
		v.setReadDeadline(time.Now().Add(bodyTimeout))
	}
}

// UnlimitBody removes the limit, for a request that goes on to the site.
func (v *State) UnlimitBody() { v.setReadDeadline(time.Time{}) }

// setReadDeadline sets the deadline for reading the body. It has no effect if a handler in front
// has wrapped the response writer in one without deadlines; Caddy's own timeouts still apply.
func (v *State) setReadDeadline(at time.Time) {
	_ = http.NewResponseController(v.W).SetReadDeadline(at)
}

// Drain reads the rest of the body of a request that will be refused, up to 64 MiB. Over HTTP/1
// a browser reads no response before it has sent everything. If the connection closes earlier,
// it shows a network error instead of the page. LimitBody limits the time.
func (v *State) Drain() {
	// A client that sent Expect waits for leave to send its body, and reading would give it.
	if v.R.ProtoMajor == 1 && v.R.ContentLength != 0 && v.R.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, v.R.Body, maxDrained)
		// handle_errors may proxy the request, which fails if a body is announced and already read.
		v.R.Body, v.R.ContentLength, v.R.TransferEncoding = http.NoBody, 0, nil
		v.R.Header.Del("Content-Length")
	}
}
