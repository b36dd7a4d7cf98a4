package returnpath_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

const origin = "https://example.com"

// attacks are addresses that want a browser to go elsewhere: the list, and each beginning
// with each host and each ending, of what login proxies have fallen for, and what their
// parsers and browsers read differently.
func attacks(t testing.TB) []string {
	t.Helper()
	all, err := attack.Returns("example.com")
	if err != nil {
		t.Fatal(err)
	}
	beginnings := []string{
		"//", "///", "////", "/\\", "\\\\", "\\/", "/\\/", "\\//", "//\\", "/\t/", "/\n/", "/\r/", "/\r\n/", "\t//", "\n//", " //", "\x00//", "\u00a0//", "/ /", "/\x00/", "/\x0b/", "/\x1f/",
		"http://", "https://", "HTTPS://", "hTtPs://", "https:", "https:/", "https:\\", "https:\\\\", "http:///", "https:///", "ftp://", "ws://", "javascript://", "data://", "file://", "blob:https://",
		"https://example.com@", "https://example.com:443@", "https://user:pass@", "//example.com@", "https://example.com.", "https://example.com%2f@", "https://example.com\\@", "https://example.com#@", "https://example.com?@",
		"/.//", "/..//", "/x/..//", "/././/", "/%2e//", "/%2e%2e//", "/%2E%2e//", "/x/%2e%2e//", "//;@", "//%00", "/\u2028/", "/\u3002", "／／", "/／", "⁄⁄", "\u202e//", "\ufeff//", "@", "?@", "#@", ".", "..//",
		"%2f%2f", "%5c%5c", "%09//", "x://", "//%5c", "/\\\\", "/\\\t\\", "https://example.com:80/../..//", "https://example.com:444//", "http://example.com//", "https://EXAMPLE.com:443:", "https://[::1]@", "https://example.com\t.", "https://exa\nmple.com.",
	}
	for _, beginning := range beginnings {
		for _, host := range []string{"evil.example", "evil.example:443", "127.0.0.1", "[::1]", "2130706433", "evil%E3%80%82example"} {
			all = append(all, beginning+host, beginning+host+"/path?next=/")
		}
	}
	return append(all, "", "//", "///", "//?x", "//#x", " ", "\x00", "relative", "?x", "#x", "/%", "/%z", "/%zz", "/a\x7f", "/ä", "/a b", "javascript:alert(1)", "data:text/html,x", "vbscript:x", "about:blank", "/"+strings.Repeat("x", returnpath.MaxLength))
}

// browserOrigin says where a browser ends that follows an address from a page of origin.
func browserOrigin(address string) string {
	end, _ := attack.Follow(origin, "/auth/", address)
	return end
}

// wantHere fails the test if an address, once it has been made safe, leads anywhere else.
func wantHere(t *testing.T, address string) {
	t.Helper()
	safe := returnpath.Safe(address, origin)
	if end, path := attack.Follow(origin, "/auth/", safe); end != origin || strings.HasPrefix(path, "//") || !strings.HasPrefix(safe, "/") || strings.HasPrefix(safe, "//") {
		t.Errorf("%q becomes %q, which leads to %s%s", address, safe, end, path)
	}
	if strings.ContainsFunc(safe, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || len(safe) > returnpath.MaxLength {
		t.Errorf("%q becomes %q, which is no visible ASCII or too long", address, safe)
	}
	path, rest := safe, ""
	if end := strings.IndexAny(safe, "?#"); end >= 0 {
		path, rest = safe[:end], safe[end:]
	}
	if strings.Contains(path, `\`) {
		t.Errorf("%q becomes %q, with a backslash in the path", address, safe)
	}
	// Resolved by Go, too, and once more after its dots are gone.
	base, _ := url.Parse(origin + "/auth/")
	if u, err := base.Parse(safe); err != nil || u.Host != base.Host || strings.HasPrefix(u.EscapedPath(), "//") {
		t.Errorf("%q becomes %q, which resolves to %v, %v", address, safe, u, err)
	}
	asked := encoded(address)
	if rest == "" && len(asked) > returnpath.MaxLength {
		asked, _, _ = strings.Cut(strings.ReplaceAll(asked, "#", "?"), "?")
	}
	if !returnpath.OK(safe) || safe != returnpath.Root && !strings.HasSuffix(asked, safe) {
		t.Errorf("%q becomes %q, which is not what was asked for", address, safe)
	}
}

// encoded returns an address as a browser asks for it: nothing in it but visible ASCII.
func encoded(address string) string {
	var all strings.Builder
	for i := range len(address) {
		if b := address[i]; b == ' ' || b > 0x7f {
			fmt.Fprintf(&all, "%%%X", b)
		} else {
			all.WriteByte(b)
		}
	}
	return all.String()
}

func TestR1_NoAddressLeadsElsewhere(t *testing.T) {
	distinct, elsewhere := make(map[string]bool), 0
	for _, hostile := range attacks(t) {
		if distinct[hostile] {
			continue
		}
		distinct[hostile] = true
		if browserOrigin(hostile) != origin {
			elsewhere++
		}
		wantHere(t, hostile)
	}
	t.Logf("%d distinct attack strings, of which a browser would follow %d elsewhere", len(distinct), elsewhere)
	if elsewhere < 1000 {
		t.Errorf("only %d of the attacks are any", elsewhere)
	}
}

func TestR1_DotsAreResolvedAlsoWhereTheyAreEscaped(t *testing.T) {
	for _, dots := range []string{"/.", "/..", "/%2e", "/%2E", "/%2e%2e", "/%2E%2e", "/.%2e", "/%2e.", "/x/%2e%2e", "/x/y/../%2e.", "/%2e/%2e"} {
		for _, hostile := range []string{dots + "//evil.example", dots + "//evil.example/x?y#z"} {
			if returnpath.OK(hostile) {
				t.Errorf("%q is accepted, which is //evil.example where the dots are resolved", hostile)
			}
		}
	}
}

func TestR1_HonestAddressesSurviveByteForByte(t *testing.T) {
	for _, honest := range []string{
		"/", "/a", "/a/", "/a/b?c=d&e=f", "/a%20b", "/a/../b", "/a/./b", "/a//b", "/?next=https://evil.example/", "/?//evil.example", "/a?x=//y", "/%C3%A4", "/a;b=c", "/a'b(c)*!$,~", "/a?", "/?", "/#/inbox", "/a#",
		"/a:b", "/a@b", "/a?x={env.HOME}", "/a|b^c`d\"<>", "/%2fa", "/a%2e%2e", "/...", "/.well-known/x", "/" + strings.Repeat("x", returnpath.MaxLength-1),
		"/a?discount=50%", "/a?x=%zz&y=%", `/a?dir=C:\Users\x`, `/a?\\evil.example`, "/a?x=%5c", `/a#x\y`, "/a?x=50%#part",
	} {
		if got := returnpath.Safe(honest, origin); got != honest {
			t.Errorf("%q becomes %q", honest, got)
		}
		if got := returnpath.Safe(origin+honest, "https://other.test", origin); got != honest {
			t.Errorf("%q with its origin becomes %q", honest, got)
		}
	}
}

func TestR1_WhatAParameterHasDecodedIsEncodedAgain(t *testing.T) {
	for address, want := range map[string]string{
		"/café": "/caf%C3%A9", "/日本?q=本": "/%E6%97%A5%E6%9C%AC?q=%E6%9C%AC", "/a b?c=d e#f g": "/a%20b?c=d%20e#f%20g", "/a?x=ä%zz": "/a?x=%C3%A4%zz",
		"/\xff": "/%FF", "/\x80?\x80": "/%80?%80", "/a?x=\x7f": "/", "/／evil.example": "/%EF%BC%8Fevil.example", origin + "/ü": "/%C3%BC",
		"／evil.example": "/", "//ü": "/", " /a": "/", "/ä\t/": "/", `/ä\`: "/",
	} {
		if got := returnpath.Safe(address, origin); got != want {
			t.Errorf("%q becomes %q, want %q", address, got, want)
		}
	}
}

func TestR3_OfWhatIsTooLongThePathIsKept(t *testing.T) {
	long := strings.Repeat("x", returnpath.MaxLength)
	for address, want := range map[string]string{
		"/page?" + long: "/page", "/page#" + long: "/page", "/" + long: "/", "/" + long + "?x": "/", "//x?" + long: "/", "/ä?" + long: "/%C3%A4",
		"/page?" + strings.Repeat("ä", returnpath.MaxLength/3): "/page",
		"/page?ä" + long[len("/page?ä"):]:                      "/page", // fits until it is encoded
		"/page?" + long[len("/page?"):]:                        "/page?" + long[len("/page?"):],
	} {
		if got := returnpath.Safe(address, origin); got != want {
			t.Errorf("%.20q of %d bytes becomes %q, want %q", address, len(address), got, want)
		}
	}
}

func TestR3_WhatIsTooLongIsRefusedAsAWhole(t *testing.T) {
	for length, want := range map[int]bool{returnpath.MaxLength: true, returnpath.MaxLength + 1: false} {
		if got := returnpath.OK("/" + strings.Repeat("x", length-1)); got != want {
			t.Errorf("of %d bytes: %v", length, got)
		}
	}
}

func TestR1_WhatIsNotVisibleASCIIIsRefusedAnywhere(t *testing.T) {
	for _, hostile := range []string{"/a b", "/a?b c", "/a#b c", "/a\x7f", "/a?\x7f", "/a?\t", "/\x80", "/?ä"} {
		if returnpath.OK(hostile) {
			t.Errorf("%q is accepted", hostile)
		}
	}
	if !returnpath.OK("/!?!#~") {
		t.Error("the first and the last visible character are refused")
	}
}

func TestThePathOfAnAddressIsWhereABrowserEndsUp(t *testing.T) {
	for address, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/a/?b=/c#d": "/a/", "/a#b?c": "/a", "/a%20b/%C3%A4": "/a b/ä", "/a//b": "/a//b",
		"/a/../b": "/b", "/a/./b": "/a/b", "/../a": "/a", "/a/..": "/", "/a/%2e%2E/b": "/b", "/a/.%2e/": "/", "/.../a": "/.../a",
		"/%zz": "/", // is not OK, and leads nowhere
	} {
		if got := returnpath.Path(address); got != want {
			t.Errorf("%q leads to %q, want %q", address, got, want)
		}
	}
}

func FuzzC9_ReturnPath(f *testing.F) {
	for _, hostile := range attacks(f) {
		f.Add(hostile)
	}
	for _, honest := range []string{"/", "/a?b=c&d=e#f", "/a%20b/../c", origin + "/a?x=//y", "/.well-known/x;y=z"} {
		f.Add(honest)
	}
	f.Fuzz(wantHere)
}
