package instagramauth_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestP4_AStreamReachesTheBrowserBeforeItEnds(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/")
	more := make(chan struct{})
	s.Upstream.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		<-more
	})
	resp, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, "/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Cache-Control"); got != "private" {
		t.Errorf("Cache-Control: %q", got)
	}
	more <- struct{}{}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if line != "data: first\n" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	close(more)
}
