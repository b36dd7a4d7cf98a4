package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const moved = "A redirect took the sign-in to another address."

func TestA7_ARedirectOfTheCallbackEndsOnAPageThatNamesIt(t *testing.T) {
	for _, c := range []struct{ name, redirect, path string }{
		{"the slash goes", "redir /auth/ /auth?{query}", "/auth"},
		{"to an index page", "redir /auth/ /auth/index.html?{query}", "/auth/index.html"},
		{"to another case", "@exact expression `{uri}.startsWith('/auth/?')`\nredir @exact /Auth/?{query}", "/Auth/"},
		{"below a language", "redir /auth/ /en/auth/?{query}", "/en/auth/"},
		{"to the front page", "redir /auth/ /?{query}", "/"},
		{"to another spelling", "@exact expression `{uri}.startsWith('/auth/?')`\nredir @exact /%61uth/?{query}", "/%61uth/"},
		{"and parameters come to it", "redir /auth/ /auth?{query}&utm_source=x", "/auth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Before: c.redirect})
			b := s.NewBrowser()
			answer, windows := b.Follow("/page?x=1")
			sitetest.WantRefusal(t, answer, http.StatusBadRequest, moved)
			if windows != 1 || s.Calls() != 0 || s.Upstream.Count() != 0 {
				t.Errorf("%d times at the window, %d calls, the site was asked %d times", windows, s.Calls(), s.Upstream.Count())
			}
			if !strings.Contains(answer.Body, `href="/instagram_auth/login?return_to=%2Fpage%3Fx%3D1"`) {
				t.Errorf("no way on:\n%s", answer.Body)
			}
			lines := s.Logged("sign-in refused")
			if len(lines) != 1 || lines[0]["code"] != "callback_moved" || lines[0]["error"] != "something redirects the callback from /auth/ to "+c.path || !strings.Contains(lines[0]["remedy"].(string), "exclude the path of redirect_uri") {
				t.Errorf("log = %v", lines)
			}
			if len(b.Cookies()) != 0 {
				t.Errorf("cookies %q are left", b.Cookies())
			}
			if refresh := answer.Header.Get("Refresh"); !strings.HasPrefix(refresh, "0; url=/instagram_auth/refused?") {
				t.Errorf("Refresh = %q", refresh)
			}
		})
	}
}

// The slash is missing in the configuration, and the site adds it.
func TestA7_ASlashThatIsAddedToTheCallbackIsNamed(t *testing.T) {
	const uri = sitetest.Origin + "/signin"
	s := sitetest.Start(t, sitetest.Config{Before: "redir /signin /signin/?{query} 308", Block: strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, uri, 1), Redirects: []string{uri}})
	answer, _ := s.NewBrowser().Follow("/page")
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, moved)
}

func TestA7_ACancelledLoginThatIsRedirectedEndsOnAPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	state := sitetest.Query(t, b.Get("/page").Location()).Get("state")
	sitetest.WantRefusal(t, b.Get("/auth?error=access_denied&error_reason=user_denied&state="+state), http.StatusBadRequest, moved)
}

// Redirected to a host where nobody signs in, it comes back to the one with the cookie.
func TestA7_ACallbackThatLosesItsHostAndItsSlashEndsOnAPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Before: "@own host " + sitetest.Host + "\nredir @own https://www.example.test/auth?{query}"})
	b := s.NewBrowser()
	request := at(t, http.MethodGet, "www.example.test", "/page")
	if answer := b.Do(request); answer.Location() != sitetest.Origin+"/page" {
		t.Fatalf("answered %s to %q", answer.Status, answer.Location())
	}
	answer, windows := b.Follow("https://www.example.test/page")
	if answer.StatusCode < 400 || windows > 1 {
		t.Errorf("%s at %s, %d times at the window", answer.Status, answer.Request.URL, windows)
	}
}

// The site has logins of its own with other services, whose callbacks have the same names.
func TestH7_CallbacksOfOtherServicesReachTheSite(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*"})
	b := s.NewBrowser()
	start := b.Get("/page")
	state := sitetest.Query(t, start.Location()).Get("state")
	other := "-"
	if strings.HasSuffix(state, other) {
		other = "_"
	}
	for name, target := range map[string]string{
		"another state":           "/oauth/github?code=abc&state=" + strings.Repeat("x", len(state)),
		"a short one":             "/oauth/github?code=abc&state=xyz",
		"a state without code":    "/oauth/github?state=" + state,
		"no state":                "/oauth/github?code=abc",
		"an error":                "/oauth/github?error=access_denied&state=xyz",
		"nearly the same path":    "/auth?code=abc&state=xyz",
		"a state that is another": "/oauth/github?code=abc&state=" + state[:len(state)-1] + other,
	} {
		before := s.Upstream.Count()
		if answer := b.Get(target); answer.StatusCode != http.StatusOK || s.Upstream.Count() != before+1 || s.Upstream.Last(t).URL.String() != target {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
	// In another browser the very callback is a page like any other.
	if answer := s.NewBrowser().Get("/auth?code=abc&state=" + state); answer.StatusCode != http.StatusOK {
		t.Errorf("elsewhere: %s", answer.Status)
	}
	request := sitetest.Navigation(t, http.MethodPost, "/auth?code=abc&state="+state)
	if answer := b.Do(request); answer.StatusCode != http.StatusOK {
		t.Errorf("POST: %s", answer.Status)
	}
	// The login is as good as before.
	if back := b.Get(b.Window(start)); back.StatusCode != http.StatusSeeOther {
		t.Errorf("the callback was answered %s", back.Status)
	}
}

func TestP1_TheLineAboutAMovedCallbackRepeatsNoSecret(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back, err := url.Parse(b.Window(b.Get("/page")))
	if err != nil {
		t.Fatal(err)
	}
	code, state := back.Query().Get("code"), back.Query().Get("state")
	answer := b.Get("/" + strings.Repeat("long/", 100) + "?" + back.RawQuery)
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, moved)
	lines := s.Logged("sign-in refused")
	if len(lines) != 1 || len(lines[0]["error"].(string)) > 200 || strings.Contains(lines[0]["error"].(string), code) || strings.Contains(lines[0]["error"].(string), state) {
		t.Errorf("log = %v", lines)
	}
	if strings.Contains(answer.Body, code) || strings.Contains(answer.Body, state) || strings.Contains(answer.Header.Get("Refresh"), state) {
		t.Errorf("the page repeats a secret\n%v\n%s", answer.Header, answer.Body)
	}
}
