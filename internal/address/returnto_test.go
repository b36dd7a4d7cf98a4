package address_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestR1_HonestAddressesSurviveByteForByte(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, honest := range []string{
		"/", "/a?b=c&d=e", "/a%20b", "/a/../b", "/a//b", "/%C3%A4?q=%F0%9F%93%B7", "/?next=https://evil.example/", "/a?", "/?x={env.HOME}", "/a;b=c", "/a'b(c)*!$,", "/a?x=y%26z#frag",
		"/shop?discount=50%", `/files?dir=C:\Users`, "/search?q=" + strings.Repeat("y", 2038),
	} {
		b := s.NewBrowser()
		start := b.Get("/instagram_auth/login?return_to=" + url.QueryEscape(honest))
		want := honest
		if !strings.Contains(honest, "#") {
			want += "#"
		}
		if got := b.Get(b.Window(start)).Location(); got != want {
			t.Errorf("%q came back to %q", honest, got)
		}
	}
}

func TestR2_TheRequestsOwnAddressIsAttackerDataToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, target := range []string{"//evil.example/x", "/\\evil.example", "/%2f/evil.example", "http://evil.example/x", "/%5cevil.example", "///evil.example", "/.//evil.example"} {
		b := s.NewBrowser()
		answer := s.Raw(t, "GET "+target+" HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusMisdirectedRequest {
			continue // Caddy or we refuse the line itself
		}
		if moved := answer.Location(); strings.HasPrefix(moved, sitetest.Origin+"/") {
			answer = b.Get(moved) // from the host of the line, which has no redirect URI
		}
		for _, c := range answer.Cookies() {
			b.Plant(c.Name, c.Value)
		}
		back := b.Get(answer.Location()).Location()
		got := b.Get(back).Location()
		if u, err := url.Parse(got); err != nil || u.Host != "" || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") {
			t.Errorf("%q came back to %q", target, got)
		}
	}
}

func TestR2_TheAddressIsTakenFromBeforeARewrite(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Block: "handle_path /app/* {\n" + strings.ReplaceAll(sitetest.DefaultBlock(""), "redirect_uri "+sitetest.RedirectURI, "redirect_uri "+sitetest.Origin+"/app/auth/") +
		"\nreverse_proxy {upstream}\n}", Redirects: []string{sitetest.Origin + "/app/auth/"}})
	b := s.NewBrowser()
	if got := b.SignIn("/app/page?x=1").Location(); got != "/app/page?x=1#" {
		t.Errorf("came back to %q", got)
	}
	if b.Get("/app/page?x=1"); s.Upstream.Last(t).URL.Path != "/page" {
		t.Errorf("the site was asked for %s", s.Upstream.Last(t).URL)
	}
}

func TestR1_ADecodedReturnAddressIsEncodedAgain(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for address, want := range map[string]string{"/café/münchen": "/caf%C3%A9/m%C3%BCnchen#", "/a b?q=日本": "/a%20b?q=%E6%97%A5%E6%9C%AC#"} {
		b := s.NewBrowser()
		if got := b.Get(b.Window(b.Get("/instagram_auth/login?return_to=" + url.QueryEscape(address)))).Location(); got != want {
			t.Errorf("%q came back to %q, want %q", address, got, want)
		}
	}
}

func TestR3_TheLongestAddressIsKeptWholeAndNoneIsCutInTheMiddle(t *testing.T) {
	for _, options := range []string{"", "token {\n long_lived\n}"} {
		s := sitetest.Start(t, sitetest.Config{Options: options})
		for _, c := range []struct{ name, page, want string }{
			{"a long query", "/page?x=" + strings.Repeat("y", 2040), "/page?x=" + strings.Repeat("y", 2040) + "#"},
			{"a long path", "/" + strings.Repeat("p", 2047), "/" + strings.Repeat("p", 2047) + "#"},
			{"as it is asked for", `/page?discount=50%&dir=C:\x`, `/page?discount=50%&dir=C:\x#`},
			{"a query that is too long is left out", "/page?x=" + strings.Repeat("y", 2041), "/page#"},
			{"a path that is too long is left out", "/" + strings.Repeat("p", 2048), "/#"},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := s.NewBrowser()
				request := sitetest.Navigation(t, http.MethodGet, "/")
				request.URL.Opaque = "//" + sitetest.Host + c.page // to the byte
				start := b.Do(request)
				if size := headerSize(start.Header); size > 4000 {
					t.Errorf("the headers have %d bytes, more than some proxies let through", size)
				}
				if got := b.Get(b.Window(start)).Location(); got != c.want {
					t.Errorf("came back to %q, want %q", got, c.want)
				}
			})
		}
	}
}

func headerSize(header http.Header) (size int) {
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}

func TestA7_OwnPathsAreNoReturnPathInAnySpelling(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, path := range []string{
		"/instagram_auth/login", "/x/../instagram_auth/login", "/./instagram_auth/logout", "/%2e/auth/", "/auth/%2e", "/auth/.", "/auth/x/..", "/%61uth/", "/instagram_auth", "/instagram_auth/.", "/auth/?x=1", "/auth/#x",
	} {
		b := s.NewBrowser()
		back := b.Window(b.Get("/instagram_auth/login?return_to=" + url.QueryEscape(path)))
		if got := b.Get(back).Location(); got != "/#" {
			t.Errorf("%s: sent to %q", path, got)
		}
	}
}
