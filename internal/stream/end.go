package stream

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// closeWait is how long a websocket has to answer the close frame.
const closeWait = time.Second

// end ends a connection, and reports whether it was still open. It does not wait for the client.
func (c *Conn) end(reason Reason) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hasLeft() || c.raw() != nil && c.upgraded.closed || c.flow.Or(ended)&ended != 0 {
		return false
	}
	switch {
	case c.socket() != nil:
		c.endSocket(reason)
	case c.raw() != nil:
		c.closeConn(reset)
	default:
		c.endRequest()
	}
	return true
}

// endRequest ends a request whose response is under way. The caller holds c.mu, so that the
// connection cannot belong to the next request yet.
func (c *Conn) endRequest() {
	if c.closeConn(reset) {
		return
	}
	// HTTP/2 resets the stream, whatever the handler does. Other requests on the same connection go
	// on.
	controller := c.controller()
	_ = controller.SetReadDeadline(past)
	_ = controller.SetWriteDeadline(past)
	if c.isHTTP3() {
		c.endHTTP3()
	}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// controller returns the controls of the server's own response writer, which are safe for
// concurrent use. Those of the writers around it, such as Caddy's, need not be.
func (c *Conn) controller() *http.ResponseController {
	return http.NewResponseController(c.serverWriter())
}

// serverWriter returns the server's own response writer.
func (c *Conn) serverWriter() http.ResponseWriter {
	w := c.writer
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}

// endSocket says goodbye to a websocket, and closes it after closeWait whatever the client does.
// The caller holds c.mu.
func (c *Conn) endSocket(reason Reason) {
	deadline := time.Now().Add(closeWait)
	if c.raw() != nil {
		_ = c.raw().SetDeadline(deadline)
	} else {
		_ = c.controller().SetWriteDeadline(deadline)
	}
	go c.socket().sayGoodbye(farewellFor(reason)) // it may wait for a client that does not read
	time.AfterFunc(closeWait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.raw() != nil:
			c.closeConn(orderly)
		case !c.hasLeft():
			c.endRequest()
		}
	})
}

// closing is how a network connection is closed.
type closing bool

const (
	// orderly is for a websocket, which has said goodbye.
	orderly closing = false
	// reset is for what was cut off. With HTTP/1.0, the end of the connection can be the end of
	// the response: only a reset tells a client that something is missing.
	reset closing = true
)

// closeConn closes the network connection of a request over HTTP/1, and reports whether there is
// one. It prefers the connection that the server has accepted: what the site has taken over can be
// a wrapper around it, such as Caddy's for the access log.
func (c *Conn) closeConn(how closing) bool {
	if ctx, ok := c.lever.(context.Context); ok {
		if conn, ok := ctx.Value(connKey{}).(net.Conn); ok {
			closeNow(conn, how)
			return true
		}
	}
	if c.raw() == nil {
		return false
	}
	closeNow(c.raw(), how)
	return true
}

// closeNow closes a network connection without a farewell: that of TLS could wait for a client that
// does not read.
func closeNow(conn net.Conn, how closing) {
	for {
		if wrapper, ok := conn.(interface{ NetConn() net.Conn }); ok { // of TLS
			conn = wrapper.NetConn()
		} else if wrapper, ok := conn.(interface{ Raw() net.Conn }); ok { // of the PROXY protocol
			conn = wrapper.Raw()
		} else {
			break
		}
	}
	if tcp, ok := conn.(*net.TCPConn); ok && how == reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// discard reads on until the client answers the close frame, or the connection is closed. Closing
// it with unread data could make the client lose the close frame. The first n bytes of p were read
// before.
func discard(from io.Reader, p []byte, n int, err error) (int, error) {
	for err == nil && !isCloseFrame(p[:n]) {
		n, err = from.Read(p)
	}
	return 0, ErrEnded
}

// isCloseFrame reports whether bytes of a client look like the answer to a close frame. If they
// only look like it, the connection closes a little earlier.
func isCloseFrame(p []byte) bool { return len(p) > 0 && p[0] == 0x80|opClose }
