package instagramauth_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The outcomes for a session in the background.
const (
	ends  = "the session ends"
	stays = "the session stays"

	lineEnds  = "session ended: instagram no longer accepts its token"
	lineStays = "asking instagram again failed; the session stays as it is"
)

// runLater lets a session of a row's answer be checked again in the background.
func (f *fact) runLater(t *testing.T) {
	t.Helper()
	s := factSite(t, siteConfig{options: rechecked})
	b := s.newBrowser()
	s.olderSession(b, 10*time.Minute)
	for _, r := range f.how.answers {
		s.instagram.Misbehave(r.endpoint, r.fault(r.statuses[0]))
	}
	s.wantLater(t, b, f.later)
}

// wantLater asks for a page, which has something asked in the background, and waits for what
// comes of it.
func (s *scene) wantLater(t *testing.T, b *browser, outcome string) {
	t.Helper()
	if page := b.get("/private"); page.StatusCode != http.StatusOK {
		t.Fatalf("before: answered %s", page.Status)
	}
	want, never, status := lineStays, lineEnds, http.StatusOK
	if outcome == ends {
		want, never, status = lineEnds, lineStays, http.StatusFound
	}
	eventually(t, want, func() bool { return len(s.reported(want))+len(s.reported(never)) > 0 })
	if lines := s.reported(never); len(lines) != 0 {
		t.Errorf("want that %s, but: %v", outcome, lines)
	}
	eventually(t, outcome, func() bool { return b.get("/private").StatusCode == status })
}

var _ = simulator.Refresh
