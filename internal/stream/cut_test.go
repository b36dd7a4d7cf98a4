package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// logged is a connection as Hijack returns it under an access log: one cannot see what is in it.
// Its farewell waits for a client that does not read.
type logged struct {
	net.Conn
	gone chan struct{}
}

func (l logged) Close() error {
	<-l.gone
	return l.Conn.Close()
}

func TestL5_NoFarewellHoldsUpTheLookAtConnections(t *testing.T) {
	for _, protocol := range []string{"websocket", "other"} {
		e := newEnv(t)
		at, client := e.pair()
		gone := make(chan struct{})
		t.Cleanup(func() { close(gone) })
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r = r.WithContext(WithConn(context.Background(), at))
		c := new(Conn)
		e.Enter(c, httptest.NewRecorder(), r, e.block, Visit{Session: new(session.Session), Found: new(session.Found)})
		c.NoteStatus(http.StatusSwitchingProtocols, http.Header{"Upgrade": {protocol}})
		taken := logged{at, gone}
		c.Hijacked(taken, bufio.NewReadWriter(bufio.NewReader(taken), bufio.NewWriter(taken)))
		e.block.answer(Revoked)
		swept := make(chan struct{})
		go func() { e.Sweep(); close(swept) }()
		select {
		case <-swept:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the look at connections hangs", protocol)
		}
		_ = client.SetReadDeadline(time.Now().Add(10 * closeWait))
		if _, err := io.Copy(io.Discard, client); isTimeout(err) {
			t.Errorf("%s: the connection goes on", protocol)
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// With HTTP/1.0, the end of the connection is the end of the response.
func TestL5_WhatIsCutOffOverHTTP10DoesNotEndLikeAWholeResponse(t *testing.T) {
	e := newEnv(t)
	client, err := net.Dial("tcp", e.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET /wait HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-e.in
	e.block.answer(Revoked)
	e.Sweep()
	if got, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client reads %q, %v", got, err)
	}
}
