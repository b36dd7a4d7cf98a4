package stream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// server is the response writer of an HTTP/2 server, as far as the end of a stream needs it.
type server struct {
	*httptest.ResponseRecorder
	past  atomic.Bool // a deadline has passed
	ahead atomic.Bool // one was set that has not
}

func (s *server) SetReadDeadline(at time.Time) error { return s.SetWriteDeadline(at) }

func (s *server) SetWriteDeadline(at time.Time) error {
	if at.Before(time.Now()) {
		s.past.Store(true)
	} else {
		s.ahead.Store(true)
	}
	return nil
}

// wrapper is what another handler puts around it.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// extended returns a request that asks for another protocol, after it has entered.
func (e *env) extended(major int, protocol string, body io.Reader) (c *Conn, r *http.Request, s *server) {
	s = &server{ResponseRecorder: httptest.NewRecorder()}
	c, r = e.extendedOn(s, major, protocol, body)
	return c, r, s
}

// extendedOn is extended with a response writer of its own.
func (e *env) extendedOn(w http.ResponseWriter, major int, protocol string, body io.Reader) (c *Conn, r *http.Request) {
	r = httptest.NewRequest(http.MethodConnect, "/socket", body)
	r.ProtoMajor, r.Proto = major, "HTTP/2.0"
	if major == 2 {
		r.Header[":protocol"] = []string{protocol}
	} else {
		r.Proto = protocol
	}
	c = new(Conn)
	e.Enter(c, wrapper{w}, r, e.block, Visit{Session: new(session.Session), Found: new(session.Found)})
	return c, r
}

func wait(t *testing.T, what string, until func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !until(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has not come", what)
		}
	}
}

func TestL5_AWebsocketOverHTTP2SaysGoodbyeAndIsReset(t *testing.T) {
	for _, major := range []int{2, 3} {
		e := newEnv(t)
		answer := append([]byte("a message"), frame(opClose, 2, true)...)
		c, r, s := e.extended(major, "websocket", bytes.NewReader(answer))
		c.NoteStatus(http.StatusEarlyHints, s.Header())
		c.NoteStatus(http.StatusOK, s.Header())
		if _, err := c.Socket().Write(frame(1, 5, false)); err != nil || c.Socket().Flush() != nil {
			t.Fatal(err)
		}
		got := make([]byte, 9)
		if _, err := io.ReadFull(r.Body, got); string(got) != "a message" || err != nil {
			t.Errorf("the site reads %q, %v", got, err)
		}
		e.block.answer(Revoked)
		e.Sweep()
		if n, err := r.Body.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrEnded) {
			t.Errorf("the site reads %d bytes more, %v", n, err)
		}
		wait(t, "the reset of the stream", s.past.Load)
		want := append(frame(1, 5, false), farewellFor(Revoked).frame()...)
		if c.Leave(); !bytes.Equal(s.Body.Bytes(), want) || !s.ahead.Load() {
			t.Errorf("HTTP/%d: the client gets %x, want %x", major, s.Body.Bytes(), want)
		}
		if n, err := c.socket().Write([]byte("late")); n != 4 || err != nil || s.Body.Len() != len(want) {
			t.Errorf("a late write: %d, %v", n, err)
		}
	}
}

func TestL5_OtherRequestsOverHTTP2AreReset(t *testing.T) {
	e := newEnv(t)
	for protocol, kind := range map[string]Kind{"connect-udp": Upgrade, "": Request, "websocket": Request} {
		c, _, s := e.extended(2, protocol, nil)
		if protocol == "websocket" {
			c.NoteStatus(http.StatusForbidden, s.Header()) // the site refuses it
		}
		if got := c.Kind(e.now()); got != kind && protocol != "" || c.Socket() != nil {
			t.Errorf("%q is %s", protocol, got)
		}
		c.kind.CompareAndSwap(uint32(Request), uint32(EventStream))
		e.block.answer(Revoked)
		if e.Sweep(); !s.past.Load() || !c.Ended() {
			t.Errorf("%q goes on", protocol)
		}
		func() {
			defer func() {
				if cause := recover(); cause != http.ErrAbortHandler {
					t.Errorf("%q ends with %v", protocol, cause)
				}
			}()
			c.AbortIfCut()
		}()
		c.Leave()
	}
	c, _, _ := e.extended(3, "HTTP/3.0", nil)
	defer c.Leave()
	if got := c.Kind(e.now()); got != Request || !c.CopiesByWrite() {
		t.Errorf("an ordinary CONNECT over HTTP/3 is %s", got)
	}
	if e.Sweep(); c.Ended() {
		t.Error("it has ended")
	}
}

// pair returns both ends of a network connection.
func (e *env) pair() (at, client net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		e.t.Fatal(err)
	}
	if at, err = listener.Accept(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = client.Close(); _ = at.Close() })
	return at, client
}

// taken returns a websocket that the site has taken over, and the client's end of it.
func (e *env) taken() (c *Conn, conn, client net.Conn) {
	at, client := e.pair()
	c = e.enter(e.block, Request)
	c.NoteStatus(http.StatusSwitchingProtocols, http.Header{"Upgrade": {"WebSocket"}})
	return c, c.Hijacked(at, bufio.NewReadWriter(bufio.NewReader(at), bufio.NewWriter(at))), client
}

func TestL5_AWebsocketOverHTTP1EndsOnceTheClientHasAnswered(t *testing.T) {
	e := newEnv(t)
	c, conn, client := e.taken()
	if got := c.Kind(e.now()); got != Websocket {
		t.Fatalf("it is %s", got)
	}
	_, _ = conn.Write(frame(1, 5, false))
	e.block.answer(Revoked)
	e.Sweep()
	want := append(frame(1, 5, false), farewellFor(Revoked).frame()...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the client gets %x, %v", got, err)
	}
	_, _ = client.Write(frame(1, 3, true)) // sent before the close frame came
	go func() { _, _ = client.Write(frame(opClose, 2, true)) }()
	if n, err := conn.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrEnded) {
		t.Errorf("the site reads %d bytes, %v", n, err)
	}
	_ = conn.Close()
	c.Leave()
	if e.Count() != (Counts{}) {
		t.Errorf("open are %v", e.Count())
	}
}

func TestL5_AClientThatDoesNotAnswerIsClosed(t *testing.T) {
	e := newEnv(t)
	c, conn, client := e.taken()
	e.block.answer(Revoked)
	e.Sweep()
	if got, _ := io.ReadAll(client); !bytes.Equal(got, farewellFor(Revoked).frame()) {
		t.Errorf("the client gets %x", got)
	}
	if err := conn.(*rawConn).CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	c.Leave()
}

func TestL5_HalfAConnectionIsClosedAsTheSiteWants(t *testing.T) {
	e := newEnv(t)
	c, conn, client := e.taken()
	if err := conn.(*rawConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(client); len(got) != 0 || err != nil {
		t.Errorf("the client reads %x, %v", got, err)
	}
	_ = conn.Close()
	c.Leave()
}

// A session may end between the handshake and the moment when the site takes over.
func TestL5_AConnectionThatIsTakenTooLateIsClosed(t *testing.T) {
	e := newEnv(t)
	c := e.enter(e.block, Websocket)
	defer c.Leave()
	e.block.answer(Revoked)
	e.Sweep()
	client, at := net.Pipe()
	c.Hijacked(at, bufio.NewReadWriter(bufio.NewReader(at), bufio.NewWriter(at)))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v", err)
	}
	if other := new(Conn); other.Hijacked(client, nil) != client {
		t.Error("a request of nobody is watched")
	}
	if none := new(Conn); none.Ended() || none.Socket() != nil {
		t.Error("a request of nobody has ended")
	}
}
