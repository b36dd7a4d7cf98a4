package identity

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
)

func TestP4_SharedAnswersAreKnownByTheirHeaders(t *testing.T) {
	for _, c := range []struct {
		header, value string
		shared        bool
	}{
		{"Cache-Control", "", false},
		{"Cache-Control", "private, max-age=3600", false},
		{"Cache-Control", "no-store", false},
		{"Cache-Control", "no-cache", false},
		{"Cache-Control", "no-cache, max-age=60", false},
		{"Cache-Control", "max-age=0", false},
		{"Cache-Control", `max-age="0"`, false},
		{"Cache-Control", "max-age=0, must-revalidate", false},
		{"Cache-Control", "max-age=3600", true},
		{"Cache-Control", "Max-Age=3600, must-revalidate", true},
		{"Cache-Control", "public", true},
		{"Cache-Control", "s-maxage=1, private", true},
		{"CDN-Cache-Control", "max-age=3600", true},
		{"Surrogate-Control", "max-age=3600", true},
	} {
		header := make(http.Header)
		if c.value != "" {
			header.Set(c.header, c.value)
		}
		if got := isShared(header); got != c.shared {
			t.Errorf("%s: %s is shared: %v", c.header, c.value, got)
		}
	}
}

func TestP4_AFlushSendsNoHeaderThatIsNotComplete(t *testing.T) {
	for name, flush := range map[string]func(http.ResponseWriter) error{
		"a ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"an http.Flusher":      func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
	} {
		recorder := httptest.NewRecorder()
		w := &ResponseWriter{Private: true}
		w.ResponseWriter = recorder
		if err := flush(w); err != nil || !recorder.Flushed {
			t.Errorf("%s: flushed %v, %v", name, recorder.Flushed, err)
		}
		if sent := recorder.Result().Header; sent.Get("Cache-Control") != "private" || sent.Get("Vary") != "Cookie" {
			t.Errorf("%s: sent %v", name, sent)
		}
	}
}

// gone is a block of a configuration that has been replaced.
type gone struct{ stream.Block }

func (gone) Report(map[stream.Reason]int) {}

// What a server holds back must not be sent after the end.
func TestL5_AfterTheEndNothingIsSent(t *testing.T) {
	for _, major := range []int{1, 2, 3} {
		open := stream.New(time.Now)
		w, recorder := new(ResponseWriter), httptest.NewRecorder()
		w.ResponseWriter = recorder
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor, r.Proto = major, "HTTP/3.0"
		open.Enter(&w.Conn, recorder, r, gone{}, stream.Visit{Session: new(session.Session), Found: new(session.Found)})
		w.Conn.NoteHeader(http.Header{"Content-Type": {"text/event-stream"}})
		open.Sweep() // no block is there that could say that the session goes on
		w.WriteHeader(http.StatusTeapot)
		_, written := w.Write([]byte("late"))
		flushed := w.FlushError()
		if !errors.Is(written, stream.ErrEnded) || !errors.Is(flushed, stream.ErrEnded) {
			t.Errorf("HTTP/%d: written %v, flushed %v", major, written, flushed)
		}
		if recorder.Code == http.StatusTeapot || recorder.Flushed || recorder.Body.Len() > 0 {
			t.Errorf("HTTP/%d: sent %d, flushed %v, %q", major, recorder.Code, recorder.Flushed, recorder.Body)
		}
		w.Conn.Leave()
	}
}
