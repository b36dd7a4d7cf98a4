package instagramauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const moved = "The sign-in came back to another address than it should."

// follow navigates through redirects of the site and to Instagram, until there is a page or
// somebody gives up. It returns the number of visits to the authorization window.
func (b *browser) follow(address string) (answer response, windows int) {
	b.t.Helper()
	for range 30 {
		if answer = b.get(address); answer.location() == "" {
			return answer, windows
		}
		next, err := answer.Request.URL.Parse(answer.location())
		if err != nil {
			b.t.Fatal(err)
		}
		if strings.Contains(next.Path, "/oauth/authorize") {
			windows++
		}
		address = next.String()
	}
	b.t.Fatalf("a loop: %d times at the window, now at %s", windows, address)
	return answer, windows
}

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
			s := startSite(t, siteConfig{before: c.redirect})
			b := s.newBrowser()
			answer, windows := b.follow("/page?x=1")
			wantRefusal(t, answer, http.StatusBadRequest, moved)
			if windows != 1 || s.calls() != 0 || s.upstream.count() != 0 {
				t.Errorf("%d times at the window, %d calls, the site was asked %d times", windows, s.calls(), s.upstream.count())
			}
			if !strings.Contains(answer.body, `href="/instagram_auth/login?return_to=%2Fpage%3Fx%3D1"`) {
				t.Errorf("no way on:\n%s", answer.body)
			}
			lines := s.logged("sign-in refused")
			if len(lines) != 1 || lines[0]["code"] != "callback_moved" || lines[0]["error"] != "something redirects the callback from /auth/ to "+c.path || !strings.Contains(lines[0]["remedy"].(string), "exempt the path of redirect_uri") {
				t.Errorf("log = %v", lines)
			}
			if len(b.cookies()) != 0 {
				t.Errorf("cookies %q are left", b.cookies())
			}
			if refresh := answer.Header.Get("Refresh"); !strings.HasPrefix(refresh, "0; url=/instagram_auth/refused?") {
				t.Errorf("Refresh = %q", refresh)
			}
		})
	}
}

// The slash is missing in the configuration, and the site adds it.
func TestA7_ASlashThatIsAddedToTheCallbackIsNamed(t *testing.T) {
	const uri = origin + "/signin"
	s := startSite(t, siteConfig{before: "redir /signin /signin/?{query} 308", block: strings.Replace(defaultBlock(""), redirectURI, uri, 1), redirects: []string{uri}})
	answer, _ := s.newBrowser().follow("/page")
	wantRefusal(t, answer, http.StatusBadRequest, moved)
}

func TestA7_ACancelledLoginThatIsRedirectedEndsOnAPage(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	state := query(t, b.get("/page").location()).Get("state")
	wantRefusal(t, b.get("/auth?error=access_denied&error_reason=user_denied&state="+state), http.StatusBadRequest, moved)
}

// Redirected to a host where nobody signs in, it comes back to the one with the cookie.
func TestA7_ACallbackThatLosesItsHostAndItsSlashEndsOnAPage(t *testing.T) {
	s := startSite(t, siteConfig{before: "@own host " + host + "\nredir @own https://www.example.test/auth?{query}"})
	b := s.newBrowser()
	request := at(t, http.MethodGet, "www.example.test", "/page")
	if answer := b.do(request); answer.location() != origin+"/page" {
		t.Fatalf("answered %s to %q", answer.Status, answer.location())
	}
	answer, windows := b.follow("https://www.example.test/page")
	if answer.StatusCode < 400 || windows > 1 {
		t.Errorf("%s at %s, %d times at the window", answer.Status, answer.Request.URL, windows)
	}
}

// The site has logins of its own with other services, whose callbacks have the same names.
func TestH7_CallbacksOfOtherServicesReachTheSite(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*"})
	b := s.newBrowser()
	start := b.get("/page")
	state := query(t, start.location()).Get("state")
	for name, target := range map[string]string{
		"another state":           "/oauth/github?code=abc&state=" + strings.Repeat("x", len(state)),
		"a short one":             "/oauth/github?code=abc&state=xyz",
		"a state without code":    "/oauth/github?state=" + state,
		"no state":                "/oauth/github?code=abc",
		"an error":                "/oauth/github?error=access_denied&state=xyz",
		"nearly the same path":    "/auth?code=abc&state=xyz",
		"a state that is another": "/oauth/github?code=abc&state=" + state[:len(state)-1] + "-",
	} {
		before := s.upstream.count()
		if answer := b.get(target); answer.StatusCode != http.StatusOK || s.upstream.count() != before+1 || s.upstream.last(t).URL.String() != target {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
	// In another browser the very callback is a page like any other.
	if answer := s.newBrowser().get("/auth?code=abc&state=" + state); answer.StatusCode != http.StatusOK {
		t.Errorf("elsewhere: %s", answer.Status)
	}
	request := navigation(t, http.MethodPost, "/auth?code=abc&state="+state)
	if answer := b.do(request); answer.StatusCode != http.StatusOK {
		t.Errorf("POST: %s", answer.Status)
	}
	// The login is as good as before.
	if back := b.get(b.window(start)); back.StatusCode != http.StatusSeeOther {
		t.Errorf("the callback was answered %s", back.Status)
	}
}

func TestP1_TheLineAboutAMovedCallbackRepeatsNoSecret(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back, err := url.Parse(b.window(b.get("/page")))
	if err != nil {
		t.Fatal(err)
	}
	code, state := back.Query().Get("code"), back.Query().Get("state")
	answer := b.get("/" + strings.Repeat("long/", 100) + "?" + back.RawQuery)
	wantRefusal(t, answer, http.StatusBadRequest, moved)
	lines := s.logged("sign-in refused")
	if len(lines) != 1 || len(lines[0]["error"].(string)) > 200 || strings.Contains(lines[0]["error"].(string), code) || strings.Contains(lines[0]["error"].(string), state) {
		t.Errorf("log = %v", lines)
	}
	if strings.Contains(answer.body, code) || strings.Contains(answer.body, state) || strings.Contains(answer.Header.Get("Refresh"), state) {
		t.Errorf("the page repeats a secret\n%v\n%s", answer.Header, answer.body)
	}
}
