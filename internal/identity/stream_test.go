package identity_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestP4_AStreamReachesTheBrowserBeforeItEnds(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	send := make(chan struct{}, 1)
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-send
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the stream goes on until the browser leaves
	})
	defer close(send)
	answer, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, "/events").WithContext(ctx))
	if err != nil {
		t.Fatalf("the headers have not come: %v", err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Cache-Control"); answer.StatusCode != http.StatusOK || got != "private" {
		t.Errorf("answered %s, Cache-Control %q", answer.Status, got)
	}
	send <- struct{}{}
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); line != "data: first\n" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
}
