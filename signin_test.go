package instagramauth_test

import (
	"net/http"
	"testing"
)

func TestAVisitorSignsInAndLandsOnThePageFirstAskedFor(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()

	arrived := b.signIn("/private?a=1")
	if got, want := arrived.location(), "/private?a=1#"; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	page := b.get("/private?a=1")
	if page.StatusCode != http.StatusOK || page.body != "hello "+username {
		t.Errorf("page = %s %q", page.Status, page.body)
	}
	if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != userID {
		t.Errorf("X-Instagram-User-Id = %q, want %q", got, userID)
	}
}
