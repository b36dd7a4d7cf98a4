package stream

import (
	"io"
	"net/http"
)

// requestBody is what a client sends over HTTP/3, or on an upgraded connection over HTTP/2. Once
// the connection was ended, the site gets nothing more of it. It is the Conn itself, which saves an
// object for each open connection.
type requestBody Conn

// watchBody makes the site read the request through a requestBody.
func (c *Conn) watchBody(r *http.Request) {
	if r.Body == nil {
		return
	}
	c.lever = r.Body
	r.Body = (*requestBody)(c)
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	c, body := (*Conn)(b), b.lever.(io.Reader)
	// An upload ends at once. In Caddy, each read puts off the deadline that has been set.
	if c.Ended() && c.upgraded == nil {
		return 0, ErrEnded
	}
	n, err := body.Read(p)
	switch {
	case !c.Ended():
		return n, err
	case c.upgraded == nil:
		return 0, ErrEnded
	}
	return discard(body, p, n, err)
}

// Close implements io.Closer.
func (b *requestBody) Close() error { return b.lever.(io.Closer).Close() }
