package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// at returns a navigation to a page of another host that leads to the same Caddy.
func at(t *testing.T, method, name, page string) *http.Request {
	t.Helper()
	request := sitetest.Navigation(t, method, "https://"+name+page)
	return request
}

func TestA3_AHostWithoutARedirectURILeadsToTheSamePageOfOneThatHasOne(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page* /", Block: strings.Replace(strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, sitetest.RedirectURI+" https://other.test/auth/", 1), "instagram_auth", "@members path /page* //* /\ninstagram_auth @members", 1)})
	for _, c := range []struct{ host, page, want string }{
		{"www.example.test", "/page", sitetest.Origin + "/page"},
		{"www.example.test", "/page/x%20y?a=b&c=50%25#", sitetest.Origin + "/page/x%20y?a=b&c=50%25"},
		{"www.example.test", "/page?next=https://evil.example/", sitetest.Origin + "/page?next=https://evil.example/"},
		{"www.example.test", "/instagram_auth/login?return_to=%2Fpage", sitetest.Origin + "/instagram_auth/login?return_to=%2Fpage"},
		{"WWW.Example.Test:443", "/page", sitetest.Origin + "/page"},
		{"www.other.test", "/page", "https://other.test/page"},
		{"elsewhere.test", "/page", sitetest.Origin + "/page"},
		{"evil.example", "//evil.example/page", sitetest.Origin + "//evil.example/page"},
		{"192.0.2.7", "/page", sitetest.Origin + "/page"},
		{"[2001:db8::7]:8443", "/page", sitetest.Origin + "/page"},
		{"example.test:8443", "/page", sitetest.Origin + "/page"},
		{"example.test.", "/page", sitetest.Origin + "/page"},
		{"example.test.evil.example", "/page", sitetest.Origin + "/page"},
		{"evil.example#@", "/page", ""},
	} {
		t.Run(c.host+c.page, func(t *testing.T) {
			answer := s.Raw(t, "GET "+strings.TrimSuffix(c.page, "#")+" HTTP/1.1\r\nHost: "+c.host+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			if c.want == "" {
				if answer.Location() != "" && !strings.HasPrefix(answer.Location(), sitetest.Origin+"/") {
					t.Errorf("answered %s to %q", answer.Status, answer.Location())
				}
				return
			}
			if answer.StatusCode != http.StatusFound || answer.Location() != c.want || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("answered %s to %q, want %q; %v", answer.Status, answer.Location(), c.want, answer.Header)
			}
		})
	}
	if answer := s.NewBrowser().Do(at(t, http.MethodHead, "www.example.test", "/page")); answer.StatusCode != http.StatusFound || answer.Location() != sitetest.Origin+"/page" {
		t.Errorf("HEAD answered %s to %q", answer.Status, answer.Location())
	}
	if answer := s.NewBrowser().Do(at(t, http.MethodGet, "www.example.test", "/public")); answer.StatusCode != http.StatusOK || answer.Body != "hello " {
		t.Errorf("a public page answered %s", answer.Status)
	}
}

func TestA3_FromAnotherHostAVisitorIsSignedInWithOneRoundTrip(t *testing.T) {
	for _, options := range []string{"", "login_page"} {
		s := sitetest.Start(t, sitetest.Config{Options: options})
		b := s.NewBrowser()
		moved := b.Do(at(t, http.MethodGet, "www.example.test", "/page?x=1"))
		start := b.Get(moved.Location())
		if options == "login_page" {
			start = b.Get("/instagram_auth/login?return_to=%2Fpage%3Fx%3D1")
		}
		if back := b.Get(b.Window(start)); back.Location() != "/page?x=1#" {
			t.Errorf("%q: came back to %q", options, back.Location())
		}
		// Who is signed in stays so on the way through the other host, as often as they like.
		for range 6 {
			if page := b.Get(b.Do(at(t, http.MethodGet, "www.example.test", "/page")).Location()); page.Body != "hello "+sitetest.Username {
				t.Fatalf("%q: page = %s %q", options, page.Status, page.Body)
			}
			b.Do(at(t, http.MethodGet, "www.example.test", "/other"))
		}
	}
}

func TestA3_AProgramOnAnotherHostIsToldWhereToSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*", Options: "token {\n long_lived\n}"})
	for _, path := range []string{"/page", "/instagram_auth/login", "/instagram_auth/userinfo", "/instagram_auth/picture"} {
		got := s.NewBrowser().Fetch("https://www.example.test" + path)
		if object := sitetest.Decode(t, got); got.StatusCode != http.StatusMisdirectedRequest || object["error"] != "bad_host" || object["login_url"] != sitetest.Origin+"/instagram_auth/login" || len(got.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %s %v", path, got.Status, object)
		}
	}
}

// What a form has sent would be lost, so nobody is sent on with it.
func TestA3_AFormOnAnotherHostGetsAPageWithALink(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	answer := s.NewBrowser().Do(at(t, http.MethodPost, "www.example.test", "/page?x=1"))
	if answer.Location() != "" || answer.StatusCode < 400 || len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("answered %s to %q, %q", answer.Status, answer.Location(), answer.Header["Set-Cookie"])
	}
}

func TestA7_TwoRedirectsAgainstEachOtherEndOnAPage(t *testing.T) {
	const www = "https://www.example.test"
	block := strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, www+"/auth/", 1)
	s := sitetest.Start(t, sitetest.Config{
		// The site leads from www to the bare domain, and people sign in on www.
		Before: "@www host www.example.test\nredir @www " + sitetest.Origin + "{uri} 301", Block: block, Redirects: []string{www + "/auth/"},
	})
	b := s.NewBrowser()
	answer, steps := b.Get("/page?x=1"), 0
	for ; answer.Location() != "" && steps < 20; steps++ {
		answer = b.Get(answer.Location())
	}
	if answer.StatusCode != http.StatusMisdirectedRequest || answer.Request.URL.String() != sitetest.Origin+"/page?x=1" || steps > 10 {
		t.Fatalf("after %d steps: %s answered %s", steps, answer.Request.URL, answer.Status)
	}
	if !strings.Contains(answer.Body, `href="`+www+`/page?x=1"`) {
		t.Errorf("no way on:\n%s", answer.Body)
	}
	lines := s.Logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "bad_host" || !strings.Contains(lines[0]["error"].(string), "leads back") || lines[0]["remedy"] == nil {
		t.Errorf("log = %v", lines)
	}
	// Another page, or this one a moment later, is no loop.
	if answer = b.Get("/other"); answer.StatusCode != http.StatusFound {
		t.Errorf("another page answered %s", answer.Status)
	}
	if answer = b.Get("/page?x=1"); answer.StatusCode != http.StatusFound {
		t.Errorf("after a page about it, it answered %s", answer.Status)
	}
}

// Of a block that stands in two sites, each leads to a host of its own.
func TestA3_TheCanonicalHostIsOneOfTheBlocksOwnSite(t *testing.T) {
	block := strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, sitetest.RedirectURI+" https://other.test/auth/", 1)
	s := sitetest.Start(t, sitetest.Config{
		Block: "@none path /none\nrespond @none none",
		Extra: "http://example.test:{port} {\n" + block + "\n}\nhttp://other.test:{port}, http://shop.test:{port} {\n" + block + "\n}",
	})
	answer := s.NewBrowser().Do(at(t, http.MethodGet, "shop.test", "/page"))
	if answer.StatusCode != http.StatusFound || answer.Location() != "https://other.test/page" {
		t.Errorf("answered %s to %q", answer.Status, answer.Location())
	}
}

func TestE1_ACallbackOnAHostWithoutARedirectURIIsExplained(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back, err := url.Parse(b.Window(b.Get("/page")))
	if err != nil {
		t.Fatal(err)
	}
	back.Host = "www.example.test"
	sitetest.WantRefusal(t, b.Get(back.String()), http.StatusMisdirectedRequest, "You cannot sign in at this address of the site.")
	lines := s.Logged("sign-in refused")
	if len(lines) != 1 || !strings.Contains(lines[0]["remedy"].(string), "exclude the path of redirect_uri") {
		t.Errorf("log = %v", lines)
	}
}
