package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"sync"
)

// origin is the site behind the proxies, and the authorizer that forward_auth asks. It
// does the least that a server can do: what it costs is not what is measured, but it
// takes its share of the same cores.
type origin struct {
	address  string
	answer   []byte
	listener net.Listener

	mu     sync.Mutex
	conns  map[net.Conn]bool
	ended  bool
	served sync.WaitGroup
}

// echoPath is where the origin answers with the request as it arrived.
const echoPath = "/echo"

func newOrigin(answer string) (*origin, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &origin{address: listener.Addr().String(), answer: []byte(answer), listener: listener, conns: make(map[net.Conn]bool)}
	o.served.Go(o.accept)
	return o, nil
}

const (
	siteAnswer       = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
	authorizerAnswer = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nRemote-User: " + username + "\r\nContent-Length: 0\r\n\r\n"
)

func (o *origin) accept() {
	for {
		conn, err := o.listener.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		if o.ended {
			_ = conn.Close()
		} else {
			o.conns[conn] = true
			o.served.Go(func() { o.serve(conn) })
		}
		o.mu.Unlock()
	}
}

// serve answers requests without a body until the connection ends.
func (o *origin) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		o.mu.Lock()
		delete(o.conns, conn)
		o.mu.Unlock()
	}()
	r := bufio.NewReaderSize(conn, 32<<10)
	for {
		line, err := r.ReadSlice('\n')
		var echo []byte
		if bytes.HasPrefix(line, []byte("GET "+echoPath+" ")) {
			echo = bytes.Clone(line)
		}
		for err == nil && len(line) > 2 {
			line, err = r.ReadSlice('\n')
			if echo != nil {
				echo = append(echo, line...)
			}
		}
		if err != nil {
			return
		}
		answer := o.answer
		if echo != nil {
			answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(echo), echo)
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// close ends all connections and waits for those who serve them.
func (o *origin) close() {
	o.mu.Lock()
	o.ended = true
	_ = o.listener.Close()
	for conn := range o.conns {
		_ = conn.Close()
	}
	o.mu.Unlock()
	o.served.Wait()
}
