package instagramauth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// hostileReturns are addresses that a browser would take elsewhere, or that are
// none. The whole list of attack strings is in internal/returnpath; these go
// through a complete login.
var hostileReturns = []string{
	"https://evil.example/", "http://example.test/", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "/\t/evil.example",
	"https:evil.example", "javascript:alert(1)", "data:text/html,x", "/\r\nSet-Cookie: a=b", "https://example.test@evil.example/", "https://example.test.evil.example/",
	"https://example.test:444/", "/ /evil.example", "/%", "relative", "?x=1", "#x", "", "/./\\evil.example", "/instagram_auth/login", "/instagram_auth", callback, callback + "?code=x",
	"/x/..//evil.example", "/" + strings.Repeat("x", 2100),
}

func TestR1_ALoginOnlyReturnsToThisSite(t *testing.T) {
	s := startSite(t, siteConfig{})
	for i, hostile := range hostileReturns {
		b := s.newBrowser()
		request := navigation(t, http.MethodGet, "/instagram_auth/login?return_to="+url.QueryEscape(hostile))
		// Each from another address, because logins of one client are limited.
		request.RemoteAddr = fmt.Sprint(i)
		got := b.get(b.window(b.do(request))).location()
		if i >= 19 && got == "" {
			// The limit of finished logins for one client; the start is what counts.
			continue
		}
		if u, err := url.Parse(got); err != nil || u.Host != "" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.Contains(got, "evil.example/") {
			t.Errorf("%q came back to %q", hostile, got)
		}
	}
}

func TestR1_HonestAddressesSurviveByteForByte(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, honest := range []string{
		"/", "/a?b=c&d=e", "/a%20b", "/a/../b", "/a//b", "/%C3%A4?q=%F0%9F%93%B7", "/?next=https://evil.example/", "/a?", "/?x={env.HOME}", "/a;b=c", "/a'b(c)*!$,", "/a?x=y%26z#frag",
	} {
		b := s.newBrowser()
		start := b.get("/instagram_auth/login?return_to=" + url.QueryEscape(honest))
		want := honest
		if !strings.Contains(honest, "#") {
			want += "#"
		}
		if got := b.get(b.window(start)).location(); got != want {
			t.Errorf("%q came back to %q", honest, got)
		}
	}
}

func TestR2_TheRequestsOwnAddressIsAttackerDataToo(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, target := range []string{"//evil.example/x", "/\\evil.example", "/%2f/evil.example", "http://evil.example/x", "/%5cevil.example", "///evil.example", "/.//evil.example"} {
		b := s.newBrowser()
		answer := s.raw(t, "GET "+target+" HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusMisdirectedRequest {
			continue // Caddy or we refuse the line itself
		}
		for _, c := range answer.Cookies() {
			b.plant(c.Name, c.Value)
		}
		back := b.get(answer.location()).location()
		got := b.get(back).location()
		if u, err := url.Parse(got); err != nil || u.Host != "" || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") {
			t.Errorf("%q came back to %q", target, got)
		}
	}
}

func TestR2_TheAddressIsTakenFromBeforeARewrite(t *testing.T) {
	s := startSite(t, siteConfig{block: "handle_path /app/* {\n" + strings.ReplaceAll(defaultBlock(""), "redirect_uri "+redirectURI, "redirect_uri "+origin+"/app/auth/") +
		"\nreverse_proxy {upstream}\n}", redirects: []string{origin + "/app/auth/"}})
	b := s.newBrowser()
	if got := b.signIn("/app/page?x=1").location(); got != "/app/page?x=1#" {
		t.Errorf("came back to %q", got)
	}
	if b.get("/app/page?x=1"); s.upstream.last(t).URL.Path != "/page" {
		t.Errorf("the site was asked for %s", s.upstream.last(t).URL)
	}
}

func TestR3_WhatIsTooLongIsNotCutInTheMiddle(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, c := range []struct{ name, page, want string }{
		{"a long query is left out", "/page?x=" + strings.Repeat("y", 1500), "/page#"},
		{"a path that is too long is left out", "/" + strings.Repeat("p", 1500), "/#"},
		{"beyond 2 KB nothing is kept", "/page?x=" + strings.Repeat("y", 3000), "/#"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := s.newBrowser()
			start := b.get(c.page)
			if cookie := start.Header.Get("Set-Cookie"); len(strings.SplitN(cookie, ";", 2)[0]) > 1024 {
				t.Errorf("the login cookie has %d bytes", len(cookie))
			}
			if got := b.get(b.window(start)).location(); got != c.want {
				t.Errorf("came back to %q, want %q", got, c.want)
			}
		})
	}
}

func TestA7_OwnPathsAreNoReturnPathInAnySpelling(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, path := range []string{
		"/instagram_auth/login", "/x/../instagram_auth/login", "/./instagram_auth/logout", "/%2e/auth/", "/auth/%2e", "/auth/.", "/auth/x/..", "/%61uth/", "/instagram_auth", "/instagram_auth/.", "/auth/?x=1", "/auth/#x",
	} {
		b := s.newBrowser()
		back := b.window(b.get("/instagram_auth/login?return_to=" + url.QueryEscape(path)))
		if got := b.get(back).location(); got != "/#" {
			t.Errorf("%s: sent to %q", path, got)
		}
	}
}
