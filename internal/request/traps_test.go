package request_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// The four traps of Caddy's routing for handlers of this kind.

func TestRewritesDoNotHideTheCallback(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("the app"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.Start(t, sitetest.Config{Before: "root * " + root + "\ntry_files {path} /index.html", After: "file_server"})
	b := s.NewBrowser()
	if got := b.SignIn("/inbox/42").Location(); got != "/inbox/42#" {
		t.Errorf("came back to %q", got)
	}
	if page := b.Get("/inbox/42"); page.Body != "the app" {
		t.Errorf("page = %s %q", page.Status, page.Body)
	}
}

func TestA4_ARewriteDoesNotHideAProtectedPath(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/admin/*", Before: "rewrite /admin/x /index.html\nrewrite /secret /admin/hidden"})
	b := s.NewBrowser()
	for path, want := range map[string]int{"/admin/x": 302, "/secret": 302, "/admin/y": 302, "/public": 200, "/": 200} {
		if answer := b.Get(path); answer.StatusCode != want {
			t.Errorf("%s: answered %s, want %d", path, answer.Status, want)
		}
	}
}

func TestAMatcherDoesNotHideTheCallback(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/admin/*"})
	b := s.NewBrowser()
	if got := b.SignIn("/admin/x").Location(); got != "/admin/x#" {
		t.Errorf("came back to %q", got)
	}
	// Where nothing is required, a session still tells the site who it is.
	if page := b.Get("/public"); page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %q", page.Body)
	}
}

func TestNamedMatchersWithPlaceholdersSeeBothAddresses(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Before:  "@members expression `{path}.startsWith('/members')`\nrewrite /members/x /rewritten",
		Matcher: "@members",
	})
	b := s.NewBrowser()
	for path, want := range map[string]int{"/members/x": 302, "/members/y": 302, "/other": 200} {
		if answer := b.Get(path); answer.StatusCode != want {
			t.Errorf("%s: answered %s, want %d", path, answer.Status, want)
		}
	}
	if got := s.Upstream.Last(t).URL.Path; got != "/other" {
		t.Errorf("the site was asked for %q", got)
	}
}

func TestAFailingMatcherAsksForASession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Before: "@broken expression `{http.request.header.X-Nothing}.size() / 0 > 1`", Matcher: "@broken"})
	if answer := s.NewBrowser().Get("/"); answer.StatusCode != http.StatusFound {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestTwoBlocksInOneSiteDoNotStripOneAnother(t *testing.T) {
	s := sitetest.Start(t, sitetest.TwoBlocks("headers {\n user_id X-Second-Id\n username off\n}"))
	b := s.NewBrowser()
	b.SignIn("/first")
	request := sitetest.Navigation(t, http.MethodGet, "/first")
	request.Header.Set("X-Second-Id", "forged")
	if page := b.Do(request); page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %s %q", page.Status, page.Body)
	}
	got := s.Upstream.Last(t).Header
	if got.Get("X-Instagram-User-Id") != sitetest.UserID || got.Get("X-Second-Id") != "" || got.Get("Cookie") != "" {
		t.Errorf("the site got %v", got)
	}
}

func TestTwoBlocksWithTheSameHeadersDoNotStripOneAnother(t *testing.T) {
	s := sitetest.Start(t, sitetest.TwoBlocks(""))
	b := s.NewBrowser()
	b.SignIn("/first")
	if page := b.Get("/first"); page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %s %q", page.Status, page.Body)
	}
	request := sitetest.Navigation(t, http.MethodGet, "/public")
	request.Header.Set("X-Instagram-Username", "forged")
	if page := s.NewBrowser().Do(request); page.Body != "hello " {
		t.Errorf("anonymous page = %s %q", page.Status, page.Body)
	}
}

func TestH7_FieldsOfOnePersonDoNotStandBesideTheIDOfAnother(t *testing.T) {
	named := "fields name\nheaders {\n name X-Name\n}"
	second := func(who session.Identity) string {
		return sitetest.SealSession(t, session.Config{Secrets: []string{"0123456789abcdef0123456789abcdef"}, Instance: "2 /second_auth", Name: "second", Lifetime: time.Hour}, who)
	}
	for _, c := range []struct{ name, first, second string }{
		{"the same headers", named, named},
		{"headers that only the first has", named, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := sitetest.TwoBlocks(c.second)
			config.Block = strings.Replace(config.Block, "endpoints", c.first+"\nendpoints", 1)
			config.After = "reverse_proxy {upstream} {\n header_up X-Placeholders \"{http.auth.user.id} {http.auth.user.name} {http.auth.user.app_scoped_id}\"\n}"
			s := sitetest.Start(t, config)
			alice := sitetest.Somebody()
			alice.Fields = []session.Field{{Name: "name", Value: "Alice"}}
			request := sitetest.Navigation(t, http.MethodGet, "/second")
			request.Header.Set("Cookie", sitetest.CookieFor(t, alice)+"; "+second(session.Identity{UserID: "2", Username: "bob"}))
			s.NewBrowser().Do(request)
			got := s.Upstream.Last(t).Header
			if got.Get("X-Instagram-User-Id") != "2" || got.Get("X-Instagram-Username") != "bob" || got.Get("X-Name") != "" {
				t.Errorf("the site got %v", got)
			}
			if placeholders := got.Get("X-Placeholders"); !strings.HasPrefix(placeholders, "2 ") || strings.Contains(placeholders, "Alice") || strings.Contains(placeholders, sitetest.AppScopedID) {
				t.Errorf("placeholders = %q", placeholders)
			}
		})
	}
}

func TestHeadersCanBeRenamedAndLeftOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "headers {\n user_id Remote-User\n username off\n app_scoped_id X-App-Scoped-Id\n}"})
	request := sitetest.Navigation(t, http.MethodGet, "/")
	request.Header.Set("Cookie", sitetest.CookieFor(t, sitetest.Somebody()))
	s.NewBrowser().Do(request)
	got := s.Upstream.Last(t).Header
	if got.Get("Remote-User") != sitetest.UserID || got.Get("X-App-Scoped-Id") != sitetest.AppScopedID || got.Get("X-Instagram-Username") != "" {
		t.Errorf("the site got %v", got)
	}
}

func TestAccessLogsCarryTheUserID(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	request := sitetest.Navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", sitetest.CookieFor(t, sitetest.Somebody()))
	s.NewBrowser().Do(request)
	for _, line := range s.Logged("handled request") {
		if line["user_id"] == sitetest.UserID {
			return
		}
	}
	t.Errorf("no access log line has user_id %s:\n%s", sitetest.UserID, s.Logs())
}
