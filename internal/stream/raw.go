package stream

import (
	"bufio"
	"bytes"
	"net"
)

// Hijacked notes that the site has taken over the network connection of a request, and returns the
// connection to give to the site. rw is changed to read and write through it.
func (c *Conn) Hijacked(conn net.Conn, rw *bufio.ReadWriter) net.Conn {
	if c.shard == nil {
		return conn
	}
	up := &upgraded{raw: conn, websocket: Kind(c.kind.Load()) == Websocket}
	up.socket.under, up.socket.started = conn, true
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		early = bytes.Clone(early)
		up.early = &early
	}
	taken := &rawConn{conn, c}
	rw.Reader.Reset(taken)
	if rw.Writer.Buffered() == 0 {
		rw.Writer.Reset(taken)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upgraded = up; !up.websocket {
		c.kind.Store(uint32(Upgrade)) // the site answers the handshake itself
	}
	if c.Ended() {
		c.closeConn(reset) // it was ended just before
	}
	return taken
}

// rawConn is a network connection that the site has taken over.
type rawConn struct {
	net.Conn
	owner *Conn
}

// Read implements io.Reader. Once the connection was ended, the site gets nothing more.
func (r *rawConn) Read(p []byte) (int, error) {
	if up := r.owner.upgraded; up.early != nil && !r.owner.Ended() {
		n := copy(p, *up.early)
		if *up.early = (*up.early)[n:]; len(*up.early) == 0 {
			up.early = nil
		}
		return n, nil
	}
	n, err := r.Conn.Read(p)
	if !r.owner.Ended() {
		return n, err
	}
	return discard(r.Conn, p, n, err)
}

// Write implements io.Writer.
func (r *rawConn) Write(p []byte) (int, error) {
	if socket := r.owner.socket(); socket != nil {
		return socket.Write(p)
	}
	if r.owner.Ended() {
		return 0, ErrEnded
	}
	return r.Conn.Write(p)
}

// CloseWrite closes the direction to the client, if the connection can do that.
func (r *rawConn) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok && !r.owner.Ended() {
		return half.CloseWrite()
	}
	return r.Close()
}

// Close implements io.Closer.
func (r *rawConn) Close() error {
	c := r.owner
	c.mu.Lock()
	c.upgraded.closed = true
	detached := c.upgraded.detached
	c.mu.Unlock()
	if detached {
		c.unlink()
	}
	return r.Conn.Close()
}
