package instagramauth_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// The four traps of Caddy's routing for handlers of this kind.

func TestRewritesDoNotHideTheCallback(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "index.html"), []byte("the app"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, siteConfig{before: "root * " + root + "\ntry_files {path} /index.html", after: "file_server"})
	b := s.newBrowser()
	if got := b.signIn("/inbox/42").location(); got != "/inbox/42#" {
		t.Errorf("came back to %q", got)
	}
	if page := b.get("/inbox/42"); page.body != "the app" {
		t.Errorf("page = %s %q", page.Status, page.body)
	}
}

func TestA4_ARewriteDoesNotHideAProtectedPath(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/admin/*", before: "rewrite /admin/x /index.html\nrewrite /secret /admin/hidden"})
	b := s.newBrowser()
	for path, want := range map[string]int{"/admin/x": 302, "/secret": 302, "/admin/y": 302, "/public": 200, "/": 200} {
		if answer := b.get(path); answer.StatusCode != want {
			t.Errorf("%s: answered %s, want %d", path, answer.Status, want)
		}
	}
}

func TestAMatcherDoesNotHideTheCallback(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/admin/*"})
	b := s.newBrowser()
	if got := b.signIn("/admin/x").location(); got != "/admin/x#" {
		t.Errorf("came back to %q", got)
	}
	// Where nothing is required, a session still tells the site who it is.
	if page := b.get("/public"); page.body != "hello "+username {
		t.Errorf("page = %q", page.body)
	}
}

func TestNamedMatchersWithPlaceholdersSeeBothAddresses(t *testing.T) {
	s := startSite(t, siteConfig{
		before:  "@members expression `{path}.startsWith('/members')`\nrewrite /members/x /rewritten",
		matcher: "@members",
	})
	b := s.newBrowser()
	for path, want := range map[string]int{"/members/x": 302, "/members/y": 302, "/other": 200} {
		if answer := b.get(path); answer.StatusCode != want {
			t.Errorf("%s: answered %s, want %d", path, answer.Status, want)
		}
	}
	if got := s.upstream.last(t).URL.Path; got != "/other" {
		t.Errorf("the site was asked for %q", got)
	}
}

func TestAFailingMatcherAsksForASession(t *testing.T) {
	s := startSite(t, siteConfig{before: "@broken expression `{http.request.header.X-Nothing}.size() / 0 > 1`", matcher: "@broken"})
	if answer := s.newBrowser().get("/"); answer.StatusCode != http.StatusFound {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestTwoBlocksInOneSiteDoNotStripOneAnother(t *testing.T) {
	s := startSite(t, twoBlocks("headers {\n user_id X-Second-Id\n username off\n}"))
	b := s.newBrowser()
	b.signIn("/first")
	request := navigation(t, http.MethodGet, "/first")
	request.Header.Set("X-Second-Id", "forged")
	if page := b.do(request); page.body != "hello "+username {
		t.Errorf("page = %s %q", page.Status, page.body)
	}
	got := s.upstream.last(t).Header
	if got.Get("X-Instagram-User-Id") != userID || got.Get("X-Second-Id") != "" || got.Get("Cookie") != "" {
		t.Errorf("the site got %v", got)
	}
}

func TestTwoBlocksWithTheSameHeadersDoNotStripOneAnother(t *testing.T) {
	s := startSite(t, twoBlocks(""))
	b := s.newBrowser()
	b.signIn("/first")
	if page := b.get("/first"); page.body != "hello "+username {
		t.Errorf("page = %s %q", page.Status, page.body)
	}
	request := navigation(t, http.MethodGet, "/public")
	request.Header.Set("X-Instagram-Username", "forged")
	if page := s.newBrowser().do(request); page.body != "hello " {
		t.Errorf("anonymous page = %s %q", page.Status, page.body)
	}
}

func TestH7_FieldsOfOnePersonDoNotStandBesideTheIDOfAnother(t *testing.T) {
	named := "fields name\nheaders {\n name X-Name\n}"
	second := func(who session.Identity) string {
		return sealed(t, session.Config{Secrets: []string{"0123456789abcdef0123456789abcdef"}, Instance: "2 /second_auth", Name: "second", Lifetime: time.Hour}, who)
	}
	for _, c := range []struct{ name, first, second string }{
		{"the same headers", named, named},
		{"headers that only the first has", named, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := twoBlocks(c.second)
			config.block = strings.Replace(config.block, "endpoints", c.first+"\nendpoints", 1)
			config.after = "reverse_proxy {upstream} {\n header_up X-Placeholders \"{http.auth.user.id} {http.auth.user.name} {http.auth.user.app_scoped_id}\"\n}"
			s := startSite(t, config)
			alice := somebody()
			alice.Fields = []session.Field{{Name: "name", Value: "Alice"}}
			request := navigation(t, http.MethodGet, "/second")
			request.Header.Set("Cookie", cookieFor(t, alice)+"; "+second(session.Identity{UserID: "2", Username: "bob"}))
			s.newBrowser().do(request)
			got := s.upstream.last(t).Header
			if got.Get("X-Instagram-User-Id") != "2" || got.Get("X-Instagram-Username") != "bob" || got.Get("X-Name") != "" {
				t.Errorf("the site got %v", got)
			}
			if placeholders := got.Get("X-Placeholders"); !strings.HasPrefix(placeholders, "2 ") || strings.Contains(placeholders, "Alice") || strings.Contains(placeholders, appScopedID) {
				t.Errorf("placeholders = %q", placeholders)
			}
		})
	}
}

// twoBlocks is a site with two apps, of which the second has these options besides.
func twoBlocks(options string) siteConfig {
	return siteConfig{block: fmt.Sprintf(`%s
	instagram_auth /second* {
		app_id 2
		app_secret 0123456789abcdef0123456789abcdef
		redirect_uri https://example.test/second-auth/
		path_prefix /second_auth
		endpoints {endpoints}
		session {
			cookie second
		}
		%s
	}`, strings.Replace(defaultBlock(""), "instagram_auth", "instagram_auth /first*", 1), options)}
}

func TestHeadersCanBeRenamedAndLeftOut(t *testing.T) {
	s := startSite(t, siteConfig{options: "headers {\n user_id Remote-User\n username off\n app_scoped_id X-App-Scoped-Id\n}"})
	request := navigation(t, http.MethodGet, "/")
	request.Header.Set("Cookie", cookieFor(t, somebody()))
	s.newBrowser().do(request)
	got := s.upstream.last(t).Header
	if got.Get("Remote-User") != userID || got.Get("X-App-Scoped-Id") != appScopedID || got.Get("X-Instagram-Username") != "" {
		t.Errorf("the site got %v", got)
	}
}

func TestAccessLogsCarryTheUserID(t *testing.T) {
	s := startSite(t, siteConfig{})
	request := navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookieFor(t, somebody()))
	s.newBrowser().do(request)
	for _, line := range s.logged("handled request") {
		if line["user_id"] == userID {
			return
		}
	}
	t.Errorf("no access log line has user_id %s:\n%s", userID, s.logs())
}
