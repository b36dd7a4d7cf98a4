package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// A visitor who is signed in can cancel a request for a further permission or for another account.
func TestACancelledSignInDoesNotClaimThatASignedInVisitorIsUnknown(t *testing.T) {
	const unknown, known = "has learned nothing new about you", "You are signed in as @jayposiris."
	cancel := func(b *sitetest.Browser) (answers []sitetest.Response) {
		start := b.Get("/instagram_auth/login?another_account=true")
		state := sitetest.Query(t, start.Location()).Get("state")
		answer := b.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&state=" + url.QueryEscape(state))
		_, refused, _ := strings.Cut(answer.Header.Get("Refresh"), "url=")
		return []sitetest.Response{answer, b.Get(refused)}
	}
	s := sitetest.Start(t, sitetest.Config{})
	for _, signedIn := range []bool{false, true} {
		b := s.NewBrowser()
		if signedIn {
			b.SignIn("/page")
		}
		for _, answer := range cancel(b) {
			if answer.StatusCode != http.StatusForbidden || strings.Contains(answer.Body, unknown) == signedIn || strings.Contains(answer.Body, known) != signedIn {
				t.Errorf("signed in: %t: %s\n%s", signedIn, answer.Status, answer.Body)
			}
		}
	}
}
