package request_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// named returns the configuration of a matcher with a name.
func named(matcher string) sitetest.Config {
	return sitetest.Config{Before: "@needed " + matcher, Matcher: "@needed"}
}

func TestN7_NoSpellingOfAProtectedPathReachesTheSite(t *testing.T) {
	members := []string{
		"/members/..", "/members/%2e%2e", "/members/files/../..", "/members/.", "/x/../members", "/members//../x", "/members;v=1/x", "/members/..;/x", "/members%2Fx", "/members%2f..%2fx",
		"/members%5Cx", `/members\x`, `/x%5C..%5Cmembers`, "/%6Dembers", "/%256Dembers", "/members%00", "/%00members", "/x/%2e%2e/members", "/members%3Fx", "/members%23x", "/index.php/members",
		"/x/index.php/members", "/index.php/members/..", "/index.phpmembers", "/INDEX.PHP/members", "/index%2Ephp/members", "/x%2Fy/%2e%2e/%2e%2e/x/../members/", "//x/members", "////x/members",
		"/x%2Fy/%2e%2e/%6dembers", "/MEMBERS/..",
	}
	exceptPublic := []string{
		"/public/files/../../public/a/../../members", "/members/files/../../public/a", "/members/..%2fpublic/a", "/%70ublic/a", "/public/..", "/public/../x", "/public/%2e%2e/x", "/public//../x", "/public/..;/x",
		"/public/..%2Fx", "/public/..%5Cx", "/public%2F..%2Fx", "/public/%2e%2e%2fx", "/public/%252e%252e/x", "/public/%00/../../x", "/public/x%2Fy/%2e%2e/%2e%2e/members", "/public/index.php/members", "/public;/../x",
		"/x/../public/a",
	}
	for name, c := range map[string]struct {
		config  sitetest.Config
		targets []string
	}{
		"path":                    {sitetest.Config{Matcher: "/members*"}, members},
		"path but not another":    {named("{\npath /members*\nnot path /members/terms\n}"), members},
		"path_regexp":             {named(`path_regexp (?i)^/members`), members},
		"expression":              {named("expression `{path}.lowerAscii().startsWith('/members')`"), members},
		"expression of a path":    {named("expression `path('/members*')`"), members},
		"original path":           {named("expression `{http.request.orig_uri.path}.lowerAscii().startsWith('/members')`"), members},
		"vars":                    {named(`vars_regexp {path} (?i)^/members`), members},
		"address as it is":        {named("expression `{uri}.startsWith('/members')`"), []string{"/%6Dembers", "/x/../%6Dembers", "/x/%2e%2e/members", "/%5Cmembers"}},
		"parsed once more":        {sitetest.Config{Matcher: "/members*"}, []string{"/%5chost/members", "/%5c%5chost/members", "//host%5cmembers", "/%2f%2fhost/members", "/%09/host/members", "/mem%09bers", "/mem%0Abers", "/public/.%0d./members"}},
		"not path, with a hyphen": {named(`not path /my-public/*`), []string{"/my%2Dpublic/x", "/my-public/x%2Fy%5C..%5C..%5Cmembers", "/my-public/.%09./x", "/my-public/%2e%0a%2e/x"}},
		"vars but not another":    {named("{\nvars {http.request.uri.path} /members\nnot path /public/*\n}"), []string{"//x/members"}},
		"not path":                {named(`not path /public/*`), exceptPublic},
		"not path_regexp":         {named(`not path_regexp ^/public/`), exceptPublic},
		"expression without":      {named("expression `!path('/public/*')`"), exceptPublic},
		"expression without one":  {named("expression `!{path}.startsWith('/public/')`"), exceptPublic},
		"path after try_files":    {sitetest.Config{Matcher: "/members*", Before: "rewrite /index.html"}, members},
		"not path after rewrite":  {sitetest.Config{Matcher: "@needed", Before: "@needed not path /public/*\nrewrite /public/index.html"}, exceptPublic},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			for _, target := range c.targets {
				s.WantSession(t, target)
			}
		})
	}
}

func TestN7_WhatIsPublicStaysPublic(t *testing.T) {
	for name, c := range map[string]struct {
		config  sitetest.Config
		targets []string
	}{
		"beside members": {sitetest.Config{Matcher: "/members*"}, []string{
			"/", "//", "/caf%C3%A9", "/caf%c3%a9", "/caf%E9", "/projects/a%2Fb", "/shop;jsessionid=1/cart;v=2", "/bucket/2026/a%20b%2Bc%3B%23%3F.txt", "/assets//x.png", "//assets/x.png", "/100%25",
			"/public/100%25", "/a/../b", "/.well-known/x", "/x.php/y", "/@me", "/a%5Cb", "/x?next=/members/../x;y", "/" + strings.Repeat("a", 4000) + "//x.png", "/%F0%9F%98%80",
		}},
		"all but public": {named(`not path /public/* /caf%C3%A9 /über /projects/* /shop* /bucket/* /assets/*`), []string{
			"/public/", "/public/a", "//public/a", "/public//a", "/caf%C3%A9", "/caf%c3%a9", "/%C3%BCber", "/projects/a%2Fb", "/shop;jsessionid=1/cart;v=2", "/bucket/2026/a%20b%2Bc%3B%23%3F.txt",
			"/assets//x.png", "//assets/x.png", "/public/100%25", "/public/./a", "/public/a/../b", "/public/%61", "/public/a;b=../c",
		}},
		"all but an expression": {named("expression `!{path}.startsWith('/public/')`"), []string{"/public/", "/public//a", "/public/100%25", "/public/a%2Fb", "/public/a;b"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			for _, target := range c.targets {
				s.WantPublic(t, target)
			}
		})
	}
}

func TestN7_AnAddressThatNoTwoServersReadAlikeIsRefused(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*"})
	for _, target := range []string{"/%C0%AFmembers", "/x%C1%9C..", "/%E0%80%AFmembers", "/%F0%80%80%AF", "http://example.test"} {
		answer := s.Ask(t, target)
		sitetest.WantRefusal(t, answer, http.StatusBadRequest, "The request could not be understood.")
	}
	script := s.Raw(t, "GET /%C0%AFmembers HTTP/1.1\r\nHost: "+sitetest.Host+"\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
	if got := sitetest.Decode(t, script); got["error"] != "bad_request" || script.StatusCode != http.StatusBadRequest {
		t.Errorf("a script got %s %s", script.Status, script.Body)
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
	if answer := s.Raw(t, "OPTIONS * HTTP/1.1\r\nHost: "+sitetest.Host+"\r\nConnection: close\r\n\r\n"); answer.StatusCode != http.StatusOK {
		t.Errorf("OPTIONS * answered %s", answer.Status)
	}
	// Whoever is signed in is let through: there is nothing to open.
	b := s.NewBrowser()
	b.SignIn("/members")
	if answer := b.Get("/caf%C0%AF"); answer.StatusCode != http.StatusOK {
		t.Errorf("with a session: %s", answer.Status)
	}
}

// The docs name this for sites that read //x/members as /members where a matcher says what is
// public.
func TestN7_TwoSlashesCanBeRefused(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "@needed", Before: "@needed not path /public/*\n@doubled vars_regexp {http.request.orig_uri} ^//\nerror @doubled 400"})
	if answer := s.Ask(t, "//public/members"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %s", answer.Status)
	}
	s.WantPublic(t, "/public//members")
}

// What the matchers find in the forms must not replace what they find in the address itself.
func TestN7_PlaceholdersOfMatchersBelongToTheAddressItself(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Before: "@others {\nnot path_regexp user ^/u/([^/]+)/\n}", Matcher: "@others",
		After: "reverse_proxy {upstream} {\nheader_up X-User {re.user.1}\n}",
	})
	for target, want := range map[string]string{"/u/a/x": "a", "/u/a/./x": "a", "/u/a;v=1/b": "a;v=1", "/u/b%2Fc/": "b"} {
		if answer := s.Ask(t, target); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: answered %s", target, answer.Status)
		} else if got := s.Upstream.Last(t).Header.Get("X-User"); got != want {
			t.Errorf("%s: X-User is %q, want %q", target, got, want)
		}
	}
}

func TestN7_ALongAddressAsksForASession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*"})
	for _, target := range []string{
		"/" + strings.Repeat("a;b/..%2f%5c%00%3f%2523.php/", 100), strings.Repeat("/..", 5000) + "/x", strings.Repeat("/x.php", 2000), fmt.Sprintf("/%s/..", strings.Repeat("a", 14<<10)),
	} {
		s.WantSession(t, target)
	}
	s.WantPublic(t, "/"+strings.Repeat("a", 14<<10))
}
