package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestL3_F1_SigningOutWithoutAStorageIsHonest(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1s"})
	b, other := s.NewBrowser(), s.NewBrowser()
	b.SignIn("/page")
	other.SignIn("/page")
	stolen := b.CookieHeader()
	mend := s.BreakStorage()
	answer := b.Logout(nil)
	sitetest.WantRefusal(t, answer, http.StatusServiceUnavailable, "Signed out in this browser")
	if answer.Header.Get("Retry-After") == "" || !strings.Contains(answer.Body, `href="/instagram_auth/login"`) || len(b.Cookies()) != 0 {
		t.Errorf("Retry-After %q, cookies %q", answer.Header.Get("Retry-After"), b.Cookies())
	}
	s.WantAlive(stolen, false)
	// Everybody else stays, and new ones come in. [F1]
	s.WantAlive(other.CookieHeader(), true)
	late := s.NewBrowser()
	late.SignIn("/page")
	s.WantAlive(late.CookieHeader(), true)
	sitetest.Eventually(t, "a warning about the storage", func() bool {
		return len(s.Logged("reading revoked sessions from the storage failed; the last known list stays in use")) > 0
	})
	mend()
	sitetest.Eventually(t, "word that the storage works again", func() bool {
		return len(s.Logged("reading revoked sessions from the storage works again")) > 0
	})
	// Another node, which has only the storage, knows it too. Here that is the same
	// one with an empty memory.
	s.Restart(sitetest.Config{})
	sitetest.Eventually(t, "the end of the session on a node that has just started", func() bool {
		return s.With(stolen).StatusCode == http.StatusUnauthorized
	})
	s.WantAlive(other.CookieHeader(), true)
}

func TestF1_DenyRefusesWhenNobodyCanTell(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*", Options: "sync_interval 1s\non_storage_failure deny 2s"})
	b := s.NewBrowser()
	b.SignIn("/page")
	cookies := b.CookieHeader()
	s.WantAlive(cookies, true)
	started := s.NewBrowser()
	back := started.Window(started.Get("/page"))
	mend := s.BreakStorage()
	sitetest.Eventually(t, "a refusal", func() bool { return s.With(cookies).StatusCode == http.StatusServiceUnavailable })
	answer := b.Get("/page")
	sitetest.WantRefusal(t, answer, http.StatusServiceUnavailable, "Please try again in ")
	if len(answer.Header["Set-Cookie"]) != 0 || answer.Location() != "" {
		t.Errorf("Set-Cookie %q, Location %q", answer.Header["Set-Cookie"], answer.Location())
	}
	if public := b.Get("/public"); public.StatusCode != http.StatusOK || public.Body != "hello " {
		t.Errorf("public page = %s %q", public.Status, public.Body)
	}
	if got := b.Fetch("/instagram_auth/userinfo"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("userinfo = %s", got.Status)
	}
	s.Instagram.ResetCalls()
	sitetest.WantRefusal(t, s.NewBrowser().Get("/instagram_auth/login"), http.StatusServiceUnavailable, "Please try again in ")
	sitetest.WantRefusal(t, started.Get(back), http.StatusServiceUnavailable, "Please try again in ")
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
	mend()
	sitetest.Eventually(t, "the session again", func() bool { return s.With(cookies).StatusCode == http.StatusOK })
	if answer := started.Get(back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login could not be finished: %s %s", answer.Status, answer.Body)
	}
}

func TestF2_AStorageThatIsDownStopsNoLogin(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1s"})
	mend := s.BreakStorage()
	defer mend()
	for range 3 {
		b := s.NewBrowser()
		b.SignIn("/page")
		s.WantAlive(b.CookieHeader(), true)
		b.Get(b.Window(b.Get("/instagram_auth/login"))) // a second one, which ends the first
		s.WantAlive(b.CookieHeader(), true)
	}
}
