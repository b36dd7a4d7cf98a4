package login_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// A session's cookie belongs to the host of redirect_uri. On another host the page would say that
// nobody is signed in.
func TestL2_TheSignOutPageOfAnotherHostIsThatOfTheCanonicalOne(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	answer := b.Do(at(t, http.MethodGet, "www.example.test", sitetest.LogoutPath))
	if answer.StatusCode != http.StatusFound || answer.Location() != sitetest.Origin+sitetest.LogoutPath {
		t.Fatalf("answered %s to %q\n%s", answer.Status, answer.Location(), answer.Body)
	}
	if page := b.Get(answer.Location()); !strings.Contains(page.Body, "You are signed in as @"+sitetest.Username) {
		t.Errorf("the page:\n%s", page.Body)
	}
}
