package stream_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

// stream opens an event stream of a signed-in browser, and returns its lines. The channel is closed
// when the stream ends.
func openStream(t *testing.T, s *sitetest.Site, b *sitetest.Browser, path string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	answer, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, path).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", answer.Status)
	}
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(answer.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// events makes the upstream answer with an event stream that says hello and then nothing.
func events(s *sitetest.Site) {
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/events") {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: hello\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestL5_AnEventStreamEndsWithItsSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	events(s)
	b, other := s.NewBrowser(), s.NewBrowser()
	b.SignIn("/page")
	other.SignIn("/page")
	mine, theirs := openStream(t, s, b, "/events"), openStream(t, s, other, "/events")
	if line := <-mine; line != "data: hello" {
		t.Fatalf("the stream begins with %q", line)
	}
	<-theirs
	b.Logout(nil)
	select {
	case line, open := <-mine:
		if open {
			t.Errorf("the stream goes on with %q", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream is still open 10 s after the sign-out")
	}
	select {
	case <-theirs:
		t.Error("the stream of another session has ended")
	default:
	}
	s.WaitForLog("ended open connections whose session has ended", 1)
	lines := s.Logged("ended open connections whose session has ended")
	if len(lines) != 1 || lines[0]["revoked"] != 1.0 {
		t.Errorf("logged %v", lines)
	}
}
