package instagramauth_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// breakStorage makes the storage of a site fail and returns what makes it work again.
func (s *site) breakStorage() (mend func()) {
	s.t.Helper()
	// A file where a folder should be: nothing can be read or written below it.
	return s.replaceStorage(func() error { return os.WriteFile(s.storage, nil, 0o600) })
}

// replaceStorage moves the folder of the storage away, puts something else into its place, and
// returns what brings the folder back. It tries again where Caddy is just writing, which makes the
// folder anew.
func (s *site) replaceStorage(put func() error) (back func()) {
	s.t.Helper()
	aside := s.storage + ".aside"
	if err := os.Rename(s.storage, aside); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(aside) })
	eventually(s.t, "something else in the place of the storage", func() bool {
		return os.RemoveAll(s.storage) == nil && put() == nil
	})
	return func() {
		s.t.Helper()
		eventually(s.t, "the storage back in its place", func() bool {
			return os.RemoveAll(s.storage) == nil && os.Rename(aside, s.storage) == nil
		})
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

func TestL3_F1_SigningOutWithoutAStorageIsHonest(t *testing.T) {
	s := startSite(t, siteConfig{options: "sync_interval 1s"})
	b, other := s.newBrowser(), s.newBrowser()
	b.signIn("/page")
	other.signIn("/page")
	stolen := b.cookieHeader()
	mend := s.breakStorage()
	answer := b.logout(nil)
	wantRefusal(t, answer, http.StatusServiceUnavailable, "You are signed out in this browser.")
	if answer.Header.Get("Retry-After") == "" || !strings.Contains(answer.body, `href="/instagram_auth/login"`) || len(b.cookies()) != 0 {
		t.Errorf("Retry-After %q, cookies %q", answer.Header.Get("Retry-After"), b.cookies())
	}
	s.wantAlive(stolen, false)
	// Everybody else stays, and new ones come in. [F1]
	s.wantAlive(other.cookieHeader(), true)
	late := s.newBrowser()
	late.signIn("/page")
	s.wantAlive(late.cookieHeader(), true)
	eventually(t, "a warning about the storage", func() bool {
		return len(s.logged("the storage of ended sessions fails; going on with the last known list")) > 0
	})
	mend()
	eventually(t, "word that the storage works again", func() bool {
		return len(s.logged("the storage of ended sessions works again")) > 0
	})
	// Another node, which has only the storage, learns of it: here the same one
	// with an empty memory.
	s.restart(siteConfig{})
	eventually(t, "the end of the session on a node that has just started", func() bool {
		return s.with(stolen).StatusCode == http.StatusUnauthorized
	})
	s.wantAlive(other.cookieHeader(), true)
}

func TestF1_DenyRefusesWhenNobodyCanTell(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*", options: "sync_interval 1s\non_storage_failure deny 2s"})
	b := s.newBrowser()
	b.signIn("/page")
	cookies := b.cookieHeader()
	s.wantAlive(cookies, true)
	started := s.newBrowser()
	back := started.window(started.get("/page"))
	mend := s.breakStorage()
	eventually(t, "a refusal", func() bool { return s.with(cookies).StatusCode == http.StatusServiceUnavailable })
	answer := b.get("/page")
	wantRefusal(t, answer, http.StatusServiceUnavailable, "Please try again in a moment.")
	if len(answer.Header["Set-Cookie"]) != 0 || answer.location() != "" {
		t.Errorf("Set-Cookie %q, Location %q", answer.Header["Set-Cookie"], answer.location())
	}
	if public := b.get("/public"); public.StatusCode != http.StatusOK || public.body != "hello " {
		t.Errorf("public page = %s %q", public.Status, public.body)
	}
	if got := b.fetch("/instagram_auth/userinfo"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("userinfo = %s", got.Status)
	}
	s.instagram.ResetCalls()
	wantRefusal(t, s.newBrowser().get("/instagram_auth/login"), http.StatusServiceUnavailable, "Please try again in a moment.")
	wantRefusal(t, started.get(back), http.StatusServiceUnavailable, "Please try again in a moment.")
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
	mend()
	eventually(t, "the session again", func() bool { return s.with(cookies).StatusCode == http.StatusOK })
	if answer := started.get(back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login could not be finished: %s %s", answer.Status, answer.body)
	}
}

func TestF2_AStorageThatIsDownStopsNoLogin(t *testing.T) {
	s := startSite(t, siteConfig{options: "sync_interval 1s"})
	mend := s.breakStorage()
	defer mend()
	for range 3 {
		b := s.newBrowser()
		b.signIn("/page")
		s.wantAlive(b.cookieHeader(), true)
		b.get(b.window(b.get("/instagram_auth/login"))) // a second one, which ends the first
		s.wantAlive(b.cookieHeader(), true)
	}
}
