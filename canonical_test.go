package instagramauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// at returns a navigation to a page of another host that leads to the same Caddy.
func at(t *testing.T, method, name, page string) *http.Request {
	t.Helper()
	request := navigation(t, method, "https://"+name+page)
	return request
}

func TestA3_AHostWithoutARedirectURILeadsToTheSamePageOfOneThatHasOne(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page* /", block: strings.Replace(strings.Replace(defaultBlock(""), redirectURI, redirectURI+" https://other.test/auth/", 1), "instagram_auth", "@members path /page* //* /\ninstagram_auth @members", 1)})
	for _, c := range []struct{ host, page, want string }{
		{"www.example.test", "/page", origin + "/page"},
		{"www.example.test", "/page/x%20y?a=b&c=50%25#", origin + "/page/x%20y?a=b&c=50%25"},
		{"www.example.test", "/page?next=https://evil.example/", origin + "/page?next=https://evil.example/"},
		{"www.example.test", "/instagram_auth/login?return_to=%2Fpage", origin + "/instagram_auth/login?return_to=%2Fpage"},
		{"WWW.Example.Test:443", "/page", origin + "/page"},
		{"www.other.test", "/page", "https://other.test/page"},
		{"elsewhere.test", "/page", origin + "/page"},
		{"evil.example", "//evil.example/page", origin + "//evil.example/page"},
		{"192.0.2.7", "/page", origin + "/page"},
		{"[2001:db8::7]:8443", "/page", origin + "/page"},
		{"example.test:8443", "/page", origin + "/page"},
		{"example.test.", "/page", origin + "/page"},
		{"example.test.evil.example", "/page", origin + "/page"},
		{"evil.example#@", "/page", ""},
	} {
		t.Run(c.host+c.page, func(t *testing.T) {
			answer := s.raw(t, "GET "+strings.TrimSuffix(c.page, "#")+" HTTP/1.1\r\nHost: "+c.host+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			if c.want == "" {
				if answer.location() != "" && !strings.HasPrefix(answer.location(), origin+"/") {
					t.Errorf("answered %s to %q", answer.Status, answer.location())
				}
				return
			}
			if answer.StatusCode != http.StatusFound || answer.location() != c.want || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("answered %s to %q, want %q; %v", answer.Status, answer.location(), c.want, answer.Header)
			}
		})
	}
	if answer := s.newBrowser().do(at(t, http.MethodHead, "www.example.test", "/page")); answer.StatusCode != http.StatusFound || answer.location() != origin+"/page" {
		t.Errorf("HEAD answered %s to %q", answer.Status, answer.location())
	}
	if answer := s.newBrowser().do(at(t, http.MethodGet, "www.example.test", "/public")); answer.StatusCode != http.StatusOK || answer.body != "hello " {
		t.Errorf("a public page answered %s", answer.Status)
	}
}

func TestA3_FromAnotherHostAVisitorIsSignedInWithOneRoundTrip(t *testing.T) {
	for _, options := range []string{"", "login_page"} {
		s := startSite(t, siteConfig{options: options})
		b := s.newBrowser()
		moved := b.do(at(t, http.MethodGet, "www.example.test", "/page?x=1"))
		start := b.get(moved.location())
		if options == "login_page" {
			start = b.get("/instagram_auth/login?return_to=%2Fpage%3Fx%3D1")
		}
		if back := b.get(b.window(start)); back.location() != "/page?x=1#" {
			t.Errorf("%q: came back to %q", options, back.location())
		}
		// Who is signed in stays so on the way through the other host, as often as they like.
		for range 6 {
			if page := b.get(b.do(at(t, http.MethodGet, "www.example.test", "/page")).location()); page.body != "hello "+username {
				t.Fatalf("%q: page = %s %q", options, page.Status, page.body)
			}
			b.do(at(t, http.MethodGet, "www.example.test", "/other"))
		}
	}
}

func TestA3_AProgramOnAnotherHostIsToldWhereToSignIn(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*", options: "token {\n long_lived\n}"})
	for _, path := range []string{"/page", "/instagram_auth/login", "/instagram_auth/userinfo", "/instagram_auth/picture"} {
		got := s.newBrowser().fetch("https://www.example.test" + path)
		if object := decode(t, got); got.StatusCode != http.StatusMisdirectedRequest || object["error"] != "bad_host" || object["login_url"] != origin+"/instagram_auth/login" || len(got.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %s %v", path, got.Status, object)
		}
	}
}

// What a form has sent would be lost, so nobody is sent on with it.
func TestA3_AFormOnAnotherHostGetsAPageWithALink(t *testing.T) {
	s := startSite(t, siteConfig{})
	answer := s.newBrowser().do(at(t, http.MethodPost, "www.example.test", "/page?x=1"))
	if answer.location() != "" || answer.StatusCode < 400 || len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("answered %s to %q, %q", answer.Status, answer.location(), answer.Header["Set-Cookie"])
	}
}

func TestA7_TwoRedirectsAgainstEachOtherEndOnAPage(t *testing.T) {
	const www = "https://www.example.test"
	block := strings.Replace(defaultBlock(""), redirectURI, www+"/auth/", 1)
	s := startSite(t, siteConfig{
		// The site leads from www to the bare domain, and people sign in on www.
		before: "@www host www.example.test\nredir @www " + origin + "{uri} 301", block: block, redirects: []string{www + "/auth/"},
	})
	b := s.newBrowser()
	answer, steps := b.get("/page?x=1"), 0
	for ; answer.location() != "" && steps < 20; steps++ {
		answer = b.get(answer.location())
	}
	if answer.StatusCode != http.StatusMisdirectedRequest || answer.Request.URL.String() != origin+"/page?x=1" || steps > 10 {
		t.Fatalf("after %d steps: %s answered %s", steps, answer.Request.URL, answer.Status)
	}
	if !strings.Contains(answer.body, `href="`+www+`/page?x=1"`) {
		t.Errorf("no way on:\n%s", answer.body)
	}
	lines := s.logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "bad_host" || !strings.Contains(lines[0]["error"].(string), "leads back") || lines[0]["remedy"] == nil {
		t.Errorf("log = %v", lines)
	}
	// Another page, or this one a moment later, is no loop.
	if answer = b.get("/other"); answer.StatusCode != http.StatusFound {
		t.Errorf("another page answered %s", answer.Status)
	}
	if answer = b.get("/page?x=1"); answer.StatusCode != http.StatusFound {
		t.Errorf("after a page about it, it answered %s", answer.Status)
	}
}

// Of a block that stands in two sites, each leads to a host of its own.
func TestA3_TheCanonicalHostIsOneOfTheBlocksOwnSite(t *testing.T) {
	block := strings.Replace(defaultBlock(""), redirectURI, redirectURI+" https://other.test/auth/", 1)
	s := startSite(t, siteConfig{
		block: "@none path /none\nrespond @none none",
		extra: "http://example.test:{port} {\n" + block + "\n}\nhttp://other.test:{port}, http://shop.test:{port} {\n" + block + "\n}",
	})
	answer := s.newBrowser().do(at(t, http.MethodGet, "shop.test", "/page"))
	if answer.StatusCode != http.StatusFound || answer.location() != "https://other.test/page" {
		t.Errorf("answered %s to %q", answer.Status, answer.location())
	}
}

func TestE1_ACallbackOnAHostWithoutARedirectURIIsExplained(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back, err := url.Parse(b.window(b.get("/page")))
	if err != nil {
		t.Fatal(err)
	}
	back.Host = "www.example.test"
	wantRefusal(t, b.get(back.String()), http.StatusMisdirectedRequest, "You cannot sign in at this address of the site.")
	lines := s.logged("sign-in refused")
	if len(lines) != 1 || !strings.Contains(lines[0]["remedy"].(string), "exempt the path of redirect_uri") {
		t.Errorf("log = %v", lines)
	}
}
