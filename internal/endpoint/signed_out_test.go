package endpoint_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// wantSignedOutPage fails the test unless an answer says that the visitor is signed out, and
// has a link that leads back to a page.
func wantSignedOutPage(t *testing.T, answer sitetest.Response, login string) {
	t.Helper()
	if answer.StatusCode != http.StatusOK || answer.Location() != "" || !strings.Contains(answer.Body, "<h1>Signed out</h1>") || strings.Contains(answer.Body, "<form") {
		t.Fatalf("signing out was answered %s to %q:\n%s", answer.Status, answer.Location(), answer.Body)
	}
	if !strings.Contains(answer.Body, `href="`+login+`"`) {
		t.Errorf("no link to %s:\n%s", login, answer.Body)
	}
}

func TestL3_WhereTheTargetNeedsASessionAPageSaysSignedOut(t *testing.T) {
	const login = "/instagram_auth/login"
	page := func(target string) string { return login + "?return_to=" + url.QueryEscape(target) }
	for _, c := range []struct{ name, matcher, options, block, login, target string }{
		{name: "everything is protected", login: login},
		{name: "a page is named, and everything is protected", options: "logout_target /bye?x=1", login: page("/bye?x=1")},
		{name: "the target is protected", matcher: "/bye*", options: "logout_target /bye", login: page("/bye")},
		{name: "the target is public", matcher: "/page*", options: "logout_target /bye?x=1", target: "/bye?x=1"},
		{name: "the front page is public", matcher: "/page*", target: "/"},
		{name: "the target alone is public", options: "logout_target /bye#part", block: "@members not path /bye\n{block}", matcher: "@members", target: "/bye#part"},
		{name: "a query makes the target public", options: "logout_target /?bye=1", block: "@members not query bye=1\n{block}", matcher: "@members", target: "/?bye=1"},
		{name: "a method that the form has and the target has not", block: "@members method POST\n{block}", matcher: "@members", target: "/"},
		{name: "the target is protected for its host", block: "@members expression `{http.request.host} == 'example.test' && {http.request.uri.path} == '/bye'`\n{block}", matcher: "@members", options: "logout_target /bye", login: page("/bye")},
		{name: "the original path is protected, behind a copy of the request", block: "tracing\n@members expression `{http.request.orig_uri.path}.startsWith('/bye')`\n{block}", matcher: "@members", options: "logout_target /bye", login: page("/bye")},
		{name: "the path is protected, behind a copy of the request", block: "tracing\n@members expression `{http.request.uri.path}.startsWith('/bye')`\n{block}", matcher: "@members", options: "logout_target /bye", login: page("/bye")},
		{name: "a sign-in page", options: "login_page", login: login},
		{name: "the target is the sign-in", matcher: "/page*", options: "logout_target /instagram_auth/login", login: login},
		{name: "sessions are the site's own", options: "after_login handoff", target: "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := sitetest.Config{Matcher: c.matcher, Options: c.options}
			if c.block != "" {
				config.Before, _, _ = strings.Cut(c.block, "{block}")
			}
			s := sitetest.Start(t, config)
			answer := s.NewBrowser().Logout(nil)
			if c.target != "" {
				if answer.StatusCode != http.StatusSeeOther || answer.Location() != c.target {
					t.Errorf("signing out was answered %s to %q, want %q", answer.Status, answer.Location(), c.target)
				}
				return
			}
			wantSignedOutPage(t, answer, c.login)
			if answer.Header.Get("Clear-Site-Data") != `"cache"` || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", answer.Header)
			}
		})
	}
}

func TestL3_FromThePageAfterSigningOutALinkLeadsBackIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "logout_target /bye"})
	b := s.NewBrowser()
	b.SignIn("/page")
	cookies := b.CookieHeader()
	wantSignedOutPage(t, b.Logout(nil), "/instagram_auth/login?return_to=%2Fbye")
	s.WantAlive(cookies, false)
	if back := b.Get(b.Window(b.Get("/instagram_auth/login?return_to=%2Fbye"))); back.Location() != "/bye#" {
		t.Errorf("came back to %q", back.Location())
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

// Asking the matcher about the target leaves the request as it was.
func TestL3_AskingForTheTargetChangesNothingOfTheRequest(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/bye*", Options: "logout_target /bye"})
	wantSignedOutPage(t, s.NewBrowser().Logout(nil), "/instagram_auth/login?return_to=%2Fbye")
	for line := range strings.Lines(s.Logs()) {
		if strings.Contains(line, "handled request") && (!strings.Contains(line, `"uri":"`+sitetest.LogoutPath+`"`) || !strings.Contains(line, `"method":"POST"`)) {
			t.Errorf("access log: %s", line)
		}
	}
}

func TestL3_WhoIsNotSignedInSeesNoButtonToSignOut(t *testing.T) {
	dir := t.TempDir()
	// A template that shows its form without asking who is there.
	if err := os.WriteFile(filepath.Join(dir, "sign_out.html"), []byte(`<form method="post" action="{{.SignOut.Action}}"><button>Leave our shop</button></form>`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, options := range []string{"", "pages " + dir} {
		s := sitetest.Start(t, sitetest.Config{Options: options})
		b := s.NewBrowser()
		b.Get("/page") // a login under way is no session
		for name, answer := range map[string]sitetest.Response{"somebody new": s.NewBrowser().Get(sitetest.LogoutPath), "a login under way": b.Get(sitetest.LogoutPath)} {
			if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Body, "You are not signed in.") || strings.Contains(answer.Body, "<button") || !strings.Contains(answer.Body, `href="/instagram_auth/login"`) {
				t.Errorf("%s: %s\n%s", name, answer.Status, answer.Body)
			}
		}
		b = s.NewBrowser()
		b.SignIn("/page")
		cookies := b.CookieHeader()
		if answer := b.Get(sitetest.LogoutPath); !strings.Contains(answer.Body, "<button") {
			t.Errorf("signed in: no button\n%s", answer.Body)
		}
		b.Logout(nil)
		request := sitetest.Navigation(t, http.MethodGet, sitetest.LogoutPath)
		request.Header.Set("Cookie", cookies)
		if answer := s.NewBrowser().Do(request); strings.Contains(answer.Body, "<button") {
			t.Errorf("with a session that has ended there is a button\n%s", answer.Body)
		}
	}
}

func TestL3_AnOperatorsPageSaysSignedOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "signed_out.html"), []byte(`<h1>Our shop: {{.Title}}</h1><p>{{.Page}} {{.Language}} {{.Text}} {{.Hint}}</p><a href="{{.LinkURL}}">{{.Link}}</a>`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.Start(t, sitetest.Config{Options: "pages " + dir + "\nlanguage de"})
	answer := s.NewBrowser().Logout(nil)
	for _, needed := range []string{"<h1>Our shop: Abgemeldet</h1>", "<p>signed_out de Bei Instagram selbst", `<a href="/instagram_auth/login">Erneut anmelden</a>`} {
		if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Body, needed) {
			t.Errorf("%s: no %s\n%s", answer.Status, needed, answer.Body)
		}
	}
}
