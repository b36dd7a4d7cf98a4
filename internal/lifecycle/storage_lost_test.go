package lifecycle_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	emptiedLine = "the storage of revoked sessions was emptied or replaced"
	foreignLine = "a session is older than the storage; Caddy cannot tell whether it was revoked"
)

// Caddy starts, and its storage is an empty folder: the disk was not mounted.
func TestN12_AnEmptyStorageAtTheStartIsNoHealthyOne(t *testing.T) {
	for what, test := range map[string]struct {
		options string
		alive   bool
	}{"keep": {"", true}, "deny": {"on_storage_failure deny 1m", false}} {
		t.Run(what, func(t *testing.T) {
			config := sitetest.Config{Options: test.options}
			s := sitetest.Start(t, config)
			s.With("")
			sitetest.Eventually(t, "the marker", func() bool { return s.Marker() != "" })
			// It began an hour ago, as far as anybody can tell.
			old := sealedSession(t, sitetest.UserID, time.Now().Add(-time.Hour))
			b := s.NewBrowser()
			b.SignIn("/page")
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			s.Unmount()
			s.Load(config)
			for range 3 {
				s.WantAlive(old, test.alive)
			}
			sitetest.Eventually(t, "a loud line", func() bool { return len(s.Logged(foreignLine)) > 0 })
			lines := s.Logged(foreignLine)
			if len(lines) != 1 || lines[0]["level"] != "error" || lines[0]["remedy"] == nil || lines[0]["storage_since"] == nil {
				t.Errorf("logged %v", lines)
			}
			// Whoever signs in now stays, without going round in circles.
			visitor := s.NewBrowser()
			name, value, _ := strings.Cut(old, "=")
			visitor.Plant(name, value)
			if !test.alive {
				visitor.SignIn("/page")
			}
			for range 3 {
				if page := visitor.Get("/page"); page.StatusCode != http.StatusOK {
					t.Errorf("after signing in again: %s", page.Status)
				}
			}
			// Signing out of the old session works, too.
			if answer := s.SignOut(old); answer.StatusCode != http.StatusOK {
				t.Errorf("signing out: %s", answer.Status)
			}
			s.WantAlive(old, false)
		})
	}
}

// The same for a Caddy that runs: a strict one refuses, another writes again what it knows.
func TestN12_AStorageThatIsEmptiedWhileCaddyRuns(t *testing.T) {
	t.Run("deny", func(t *testing.T) {
		config := sitetest.Config{Matcher: "/page*", Options: "sync_interval 1s\non_storage_failure deny 2s"}
		s := sitetest.Start(t, config)
		out, stays := s.NewBrowser(), s.NewBrowser()
		out.SignIn("/page")
		stays.SignIn("/page")
		ended := out.CookieHeader()
		out.Logout(nil)
		mount := s.Unmount()
		sitetest.Eventually(t, "a refusal", func() bool { return s.With(stays.CookieHeader()).StatusCode == http.StatusServiceUnavailable })
		sitetest.Eventually(t, "a loud line", func() bool { return len(s.Logged(emptiedLine)) > 0 })
		if lines := s.Logged(emptiedLine); lines[0]["level"] != "error" || lines[0]["remedy"] == nil {
			t.Errorf("logged %v", lines)
		}
		if page := stays.Get("/public"); page.StatusCode != http.StatusOK {
			t.Errorf("a public page: %s", page.Status)
		}
		if answer := s.SignOut(sealedSession(t, sitetest.UserID, time.Now())); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("signing out claims a success: %s", answer.Status)
		}
		s.Load(config) // a reload makes it no better
		if answer := s.With(stays.CookieHeader()); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after a reload: %s", answer.Status)
		}
		if files := s.Stored(); len(files) != 0 {
			t.Errorf("written into the empty folder: %q", files)
		}
		mount()
		sitetest.Eventually(t, "the session again", func() bool { return s.With(stays.CookieHeader()).StatusCode == http.StatusOK })
		s.WantAlive(ended, false)
	})
	t.Run("keep", func(t *testing.T) {
		s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1s"})
		out, stays := s.NewBrowser(), s.NewBrowser()
		out.SignIn("/page")
		stays.SignIn("/page")
		ended := out.CookieHeader()
		out.Logout(nil)
		s.Unmount()
		sitetest.Eventually(t, "a loud line", func() bool { return len(s.Logged(emptiedLine)) > 0 })
		s.WantAlive(stays.CookieHeader(), true)
		s.WantAlive(ended, false)
		sitetest.Eventually(t, "the marker", func() bool { return s.Marker() != "" })
		// Another node, and a strict one, knows what had ended, and refuses nobody else.
		s.Restart(sitetest.Config{Options: "on_storage_failure deny 1m"})
		s.WantAlive(ended, false)
		s.WantAlive(stays.CookieHeader(), true)
		s.WantAlive(sealedSession(t, sitetest.UserID, time.Now().Add(-time.Hour)), false) // older than the first start
	})
}

// A storage of a version that wrote no marker, with something that has ended in it.
func TestN12_AnUpgradeSignsNobodyOut(t *testing.T) {
	for _, options := range []string{"", "on_storage_failure deny 1m"} {
		s := sitetest.Start(t, sitetest.Config{})
		b := s.NewBrowser()
		b.SignIn("/page")
		ended := b.CookieHeader()
		b.Logout(nil)
		old := sealedSession(t, sitetest.UserID, time.Now().Add(-24*time.Hour))
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(s.Marker()); err != nil {
			t.Fatal(err)
		}
		s.Load(sitetest.Config{Options: options})
		s.WantAlive(old, true)
		s.WantAlive(ended, false)
		s.Restart(sitetest.Config{Options: options})
		s.WantAlive(old, true)
		if lines := append(s.Logged(foreignLine), s.Logged(emptiedLine)...); len(lines) != 0 {
			t.Errorf("%q: logged %v", options, lines)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}
