package instagramauth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	emptiedLine = "the storage of ended sessions was emptied, or another one has taken its place"
	foreignLine = "a session is older than the storage of ended sessions; nobody knows whether it has ended"
)

// unmount puts the storage of a site away, as a disk that is not mounted any more: an empty
// folder is left. mount brings it back.
func (s *site) unmount() (mount func()) {
	s.t.Helper()
	return s.replaceStorage(func() error { return os.Mkdir(s.storage, 0o700) })
}

// marker returns the file of the marker, "" if there is none.
func (s *site) marker() string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.storage, "instagram_auth", "*", "marker"))
	if err != nil || len(found) > 1 {
		s.t.Fatalf("%q, %v", found, err)
	}
	return strings.Join(found, "")
}

// Caddy starts, and its storage is an empty folder: the disk was not mounted.
func TestN12_AnEmptyStorageAtTheStartIsNoHealthyOne(t *testing.T) {
	for what, test := range map[string]struct {
		options string
		alive   bool
	}{"keep": {"", true}, "deny": {"on_storage_failure deny 1m", false}} {
		t.Run(what, func(t *testing.T) {
			config := siteConfig{options: test.options}
			s := startSite(t, config)
			s.with("")
			eventually(t, "the marker", func() bool { return s.marker() != "" })
			// It began an hour ago, as far as anybody can tell.
			old := sealedSession(t, userID, time.Now().Add(-time.Hour))
			b := s.newBrowser()
			b.signIn("/page")
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			s.unmount()
			s.load(config)
			for range 3 {
				s.wantAlive(old, test.alive)
			}
			eventually(t, "a loud line", func() bool { return len(s.logged(foreignLine)) > 0 })
			lines := s.logged(foreignLine)
			if len(lines) != 1 || lines[0]["level"] != "error" || lines[0]["remedy"] == nil || lines[0]["storage_since"] == nil {
				t.Errorf("logged %v", lines)
			}
			// Whoever signs in now stays, without going round in circles.
			visitor := s.newBrowser()
			name, value, _ := strings.Cut(old, "=")
			visitor.plant(name, value)
			if !test.alive {
				visitor.signIn("/page")
			}
			for range 3 {
				if page := visitor.get("/page"); page.StatusCode != http.StatusOK {
					t.Errorf("after signing in again: %s", page.Status)
				}
			}
			// Signing out of the old session works, too.
			if answer := s.signOut(old); answer.StatusCode != http.StatusOK {
				t.Errorf("signing out: %s", answer.Status)
			}
			s.wantAlive(old, false)
		})
	}
}

// The same for a Caddy that runs: a strict one refuses, another writes again what it knows.
func TestN12_AStorageThatIsEmptiedWhileCaddyRuns(t *testing.T) {
	t.Run("deny", func(t *testing.T) {
		config := siteConfig{matcher: "/page*", options: "sync_interval 1s\non_storage_failure deny 2s"}
		s := startSite(t, config)
		out, stays := s.newBrowser(), s.newBrowser()
		out.signIn("/page")
		stays.signIn("/page")
		ended := out.cookieHeader()
		out.logout(nil)
		mount := s.unmount()
		eventually(t, "a refusal", func() bool { return s.with(stays.cookieHeader()).StatusCode == http.StatusServiceUnavailable })
		eventually(t, "a loud line", func() bool { return len(s.logged(emptiedLine)) > 0 })
		if lines := s.logged(emptiedLine); lines[0]["level"] != "error" || lines[0]["remedy"] == nil {
			t.Errorf("logged %v", lines)
		}
		if page := stays.get("/public"); page.StatusCode != http.StatusOK {
			t.Errorf("a public page: %s", page.Status)
		}
		if answer := s.signOut(sealedSession(t, userID, time.Now())); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("signing out claims a success: %s", answer.Status)
		}
		s.load(config) // a reload makes it no better
		if answer := s.with(stays.cookieHeader()); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after a reload: %s", answer.Status)
		}
		if files := s.stored(); len(files) != 0 {
			t.Errorf("written into the empty folder: %q", files)
		}
		mount()
		eventually(t, "the session again", func() bool { return s.with(stays.cookieHeader()).StatusCode == http.StatusOK })
		s.wantAlive(ended, false)
	})
	t.Run("keep", func(t *testing.T) {
		s := startSite(t, siteConfig{options: "sync_interval 1s"})
		out, stays := s.newBrowser(), s.newBrowser()
		out.signIn("/page")
		stays.signIn("/page")
		ended := out.cookieHeader()
		out.logout(nil)
		s.unmount()
		eventually(t, "a loud line", func() bool { return len(s.logged(emptiedLine)) > 0 })
		s.wantAlive(stays.cookieHeader(), true)
		s.wantAlive(ended, false)
		eventually(t, "the marker", func() bool { return s.marker() != "" })
		// Another node, and a strict one, knows what had ended, and refuses nobody else.
		s.restart(siteConfig{options: "on_storage_failure deny 1m"})
		s.wantAlive(ended, false)
		s.wantAlive(stays.cookieHeader(), true)
		s.wantAlive(sealedSession(t, userID, time.Now().Add(-time.Hour)), false) // older than the first start
	})
}

// A storage of a version that wrote no marker, with something that has ended in it.
func TestN12_AnUpgradeSignsNobodyOut(t *testing.T) {
	for _, options := range []string{"", "on_storage_failure deny 1m"} {
		s := startSite(t, siteConfig{})
		b := s.newBrowser()
		b.signIn("/page")
		ended := b.cookieHeader()
		b.logout(nil)
		old := sealedSession(t, userID, time.Now().Add(-24*time.Hour))
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(s.marker()); err != nil {
			t.Fatal(err)
		}
		s.load(siteConfig{options: options})
		s.wantAlive(old, true)
		s.wantAlive(ended, false)
		s.restart(siteConfig{options: options})
		s.wantAlive(old, true)
		if lines := append(s.logged(foreignLine), s.logged(emptiedLine)...); len(lines) != 0 {
			t.Errorf("%q: logged %v", options, lines)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}
