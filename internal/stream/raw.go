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
	raw := &rawConn{Conn: conn, owner: c}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		raw.early = bytes.Clone(early)
	}
	rw.Reader.Reset(raw)
	if rw.Writer.Buffered() == 0 {
		rw.Writer.Reset(raw)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.needMore()
	c.more.raw = raw
	if Kind(c.kind.Load()) == Websocket {
		raw.socket = &Socket{under: conn, started: true}
		c.more.socket = raw.socket
	} else {
		c.kind.Store(uint32(Upgrade)) // the site answers the handshake itself
	}
	if c.ended.Load() {
		closeNow(conn) // it was ended just before
	}
	return raw
}

// rawConn is a network connection that the site has taken over.
type rawConn struct {
	net.Conn
	owner  *Conn
	socket *Socket // nil if it is not known to be a websocket
	early  []byte  // what the client sent before
	closed bool    // guarded by owner.mu
}

// Read implements io.Reader. Once the connection was ended, the site gets nothing more.
func (r *rawConn) Read(p []byte) (int, error) {
	if len(r.early) > 0 && !r.owner.ended.Load() {
		n := copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	}
	n, err := r.Conn.Read(p)
	if !r.owner.ended.Load() {
		return n, err
	}
	return discard(r.Conn, p, err)
}

// Write implements io.Writer.
func (r *rawConn) Write(p []byte) (int, error) {
	if r.socket != nil {
		return r.socket.Write(p)
	}
	if r.owner.ended.Load() {
		return 0, ErrEnded
	}
	return r.Conn.Write(p)
}

// CloseWrite closes the direction to the client, if the connection can do that.
func (r *rawConn) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok && !r.owner.ended.Load() {
		return half.CloseWrite()
	}
	return r.Close()
}

// Close implements io.Closer.
func (r *rawConn) Close() error {
	c := r.owner
	c.mu.Lock()
	r.closed = true
	detached := c.detached
	c.mu.Unlock()
	if detached {
		c.unlink()
	}
	return r.Conn.Close()
}
