package instagramauth_test

import (
	"net/http"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestAVisitorSignsInAndLandsOnThePageFirstAskedFor(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()

	arrived := b.SignIn("/private?a=1")
	if got, want := arrived.Location(), "/private?a=1#"; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	page := b.Get("/private?a=1")
	if page.StatusCode != http.StatusOK || page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %s %q", page.Status, page.Body)
	}
	if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != sitetest.UserID {
		t.Errorf("X-Instagram-User-Id = %q, want %q", got, sitetest.UserID)
	}
}
