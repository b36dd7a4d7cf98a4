package stream

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// quicWriter is the response writer of an HTTP/3 server, as far as a reset needs it.
type quicWriter struct {
	*server
	headerWritten bool
	taken         atomic.Bool
	stream        quicStream
}

type (
	quicStream struct{ code atomic.Uint64 }
	errorCode  uint64
)

func (w *quicWriter) HTTPStream() *quicStream { w.taken.Store(true); return &w.stream }

func (s *quicStream) CancelWrite(code errorCode) { s.code.Store(uint64(code)) }

func newQUICWriter(headerWritten bool) *quicWriter {
	return &quicWriter{server: &server{ResponseRecorder: httptest.NewRecorder()}, headerWritten: headerWritten}
}

// enter3 adds an event stream over HTTP/3.
func (e *env) enter3(w http.ResponseWriter, body io.Reader) (*Conn, *http.Request) {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ProtoMajor, r.Proto = 3, "HTTP/3.0"
	c := new(Conn)
	e.Enter(c, wrapper{w}, r, e.block, Visit{Session: new(session.Session), Found: new(session.Found)})
	c.kind.Store(uint32(EventStream))
	return c, r
}

func TestL5_AResponseOverHTTP3ThatHasBegunIsReset(t *testing.T) {
	for _, begun := range []bool{true, false} {
		e := newEnv(t)
		w := newQUICWriter(begun)
		c, r := e.enter3(w, nil)
		if !c.BeginWrite() {
			t.Fatal("it may not write")
		}
		c.EndWrite()
		e.block.answer(Revoked)
		e.Sweep()
		if r.Context().Err() == nil || !w.past.Load() || c.BeginWrite() {
			t.Error("the handler may go on")
		}
		want := map[bool]uint64{true: requestCancelled}[begun]
		if got := w.stream.code.Load(); got != want || w.taken.Load() != begun {
			t.Errorf("begun %v: taken %v, reset with %#x, want %#x", begun, w.taken.Load(), got, want)
		}
		c.Leave()
	}
}

// While something is being sent, the stream is not touched: only a deadline ends that, and Caddy
// may have put it off.
func TestL5_AResponseOverHTTP3IsResetAfterTheWriteThatIsUnderWay(t *testing.T) {
	e := newEnv(t)
	w := newQUICWriter(true)
	c, _ := e.enter3(w, nil)
	defer c.Leave()
	if !c.BeginWrite() {
		t.Fatal("it may not write")
	}
	e.block.answer(Revoked)
	e.Sweep()
	w.past.Store(false)
	wait(t, "a further deadline", w.past.Load)
	if w.taken.Load() {
		t.Error("the stream was taken from somebody who writes")
	}
	c.EndWrite()
	wait(t, "the reset", w.taken.Load)
}

// A handler that has returned leaves the stream to the server.
func TestL5_AResponseOverHTTP3ThatIsOverIsNotReset(t *testing.T) {
	e := newEnv(t)
	w := newQUICWriter(true)
	c, _ := e.enter3(w, nil)
	_ = c.BeginWrite()
	e.block.answer(Revoked)
	e.Sweep()
	c.Leave()
	c.EndWrite()
	c.endWrites()
	if w.taken.Load() {
		t.Error("the stream was taken")
	}
}

// without is a response writer whose stream cannot be reset.
type without struct {
	*server
	headerWritten bool
}

func (without) HTTPStream() *http.Request { panic("the stream was taken") }

// quic-go may change.
func TestL5_AResponseOfAnUnknownServerIsNotReset(t *testing.T) {
	s := &server{ResponseRecorder: httptest.NewRecorder()}
	for _, w := range []http.ResponseWriter{s, without{s, true}, &without{s, true}, wrapper{s}} {
		resetStream(w)
	}
}

// upload is a request's body. Caddy's puts off the deadline before each read.
type upload struct {
	io.Reader
	closed atomic.Bool
}

func (u *upload) Close() error { u.closed.Store(true); return nil }

func (u *upload) Read(p []byte) (int, error) {
	if u.closed.Load() {
		return 0, errors.New("the stream was cancelled")
	}
	return u.Reader.Read(p)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestL5_AnUploadOverHTTP3EndsBetweenTwoReads(t *testing.T) {
	e := newEnv(t)
	u := &upload{Reader: endless{}}
	c, r := e.enter3(newQUICWriter(false), u)
	defer c.Leave()
	if n, err := r.Body.Read(make([]byte, 9)); n != 9 || err != nil {
		t.Errorf("the site reads %d bytes, %v", n, err)
	}
	e.block.answer(Revoked)
	e.Sweep()
	if n, err := r.Body.Read(make([]byte, 9)); n != 0 || !errors.Is(err, ErrEnded) || !u.closed.Load() {
		t.Errorf("the site reads %d bytes more, %v", n, err)
	}
}

// A client that answers no close frame must not keep the site's connection by sending.
func TestL5_AWebsocketOverHTTP3EndsForAClientThatSendsOn(t *testing.T) {
	e := newEnv(t)
	w := newQUICWriter(true)
	u := &upload{Reader: endless{}}
	c, r := e.extendedOn(w, 3, "websocket", u)
	defer c.Leave()
	if !c.CopiesByWrite() {
		t.Error("a refusal of the websocket is not seen by Write")
	}
	c.NoteStatus(http.StatusOK, w.Header())
	e.block.answer(Revoked)
	e.Sweep()
	read := make(chan error, 1)
	go func() { _, err := r.Body.Read(make([]byte, 9)); read <- err }()
	select {
	case err := <-read:
		if !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	case <-time.After(10 * closeWait):
		t.Error("the site is held")
	}
	c.Leave() // nothing more is written
	if want := farewellFor(Revoked).frame(); !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("sent %x", w.Body.Bytes())
	}
}

func TestL5_AWebsocketThatIsNotAcceptedYetIsCutOff(t *testing.T) {
	for name, accept := range map[string]func(*Conn){
		"never":    func(*Conn) {},
		"too late": func(c *Conn) { c.NoteStatus(http.StatusOK, http.Header{}) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			w := newQUICWriter(false)
			u := &upload{Reader: endless{}}
			c, _ := e.extendedOn(w, 3, "websocket", u)
			defer c.Leave()
			e.block.answer(Revoked)
			e.Sweep()
			wait(t, "a socket that is closed", func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.socket().done
			})
			accept(c)
			defer func() {
				if cause := recover(); cause != http.ErrAbortHandler || w.Body.Len() != 0 {
					t.Errorf("it ends with %v after %d bytes", cause, w.Body.Len())
				}
			}()
			c.AbortIfCut()
		})
	}
}
