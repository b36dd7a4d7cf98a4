package returnpath_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

const origin = "https://example.com"

// attacks are addresses that want a browser to go elsewhere, each beginning with
// each host and each ending: what login proxies have fallen for, and what their
// parsers and browsers read differently.
func attacks() (all []string) {
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

// browserOrigin says where a browser ends up that follows an address from a page of
// origin, by the rules of the WHATWG URL standard that matter here: control
// characters at the ends, tabs and newlines go; a backslash is a slash.
func browserOrigin(address string) string {
	address = strings.TrimFunc(address, func(r rune) bool { return r <= ' ' })
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(address)
	scheme, rest := "https:", address
	if i := strings.IndexByte(address, ':'); i > 0 && isScheme(address[:i]) {
		scheme, rest = strings.ToLower(address[:i+1]), address[i+1:]
		if scheme != "https:" && scheme != "http:" {
			return scheme
		}
		if scheme == "http:" || strings.HasPrefix(rest, "//") {
			rest = "//" + strings.TrimLeft(rest, "/")
		}
	}
	if !strings.HasPrefix(rest, "//") {
		return origin
	}
	authority := strings.TrimLeft(rest, "/")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority = authority[:i]
	}
	host := strings.ToLower(authority[strings.LastIndexByte(authority, '@')+1:])
	return scheme + "//" + strings.TrimSuffix(host, ":443")
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return true
}

func TestR1_NoAddressLeadsElsewhere(t *testing.T) {
	all := attacks()
	if len(all) < 500 {
		t.Errorf("only %d attacks", len(all))
	}
	elsewhere := 0
	for _, attack := range all {
		if browserOrigin(attack) != origin {
			elsewhere++
		}
		safe := returnpath.Safe(attack, origin)
		if got := browserOrigin(safe); got != origin || !strings.HasPrefix(safe, "/") || strings.HasPrefix(safe, "//") {
			t.Errorf("%q becomes %q, which leads to %q", attack, safe, got)
		}
		// Resolved by Go, too, and once more after its dots are gone.
		base, _ := url.Parse(origin + "/auth/")
		if u, err := base.Parse(safe); err != nil || u.Host != base.Host || strings.HasPrefix(u.Path, "//") {
			t.Errorf("%q becomes %q, which resolves to %v, %v", attack, safe, u, err)
		}
	}
	t.Logf("%d attack strings, of which a browser would follow %d elsewhere", len(all), elsewhere)
	if elsewhere < 300 {
		t.Errorf("only %d of the attacks are any", elsewhere)
	}
}

func TestR1_DotsAreResolvedAlsoWhereTheyAreEscaped(t *testing.T) {
	for _, dots := range []string{"/.", "/..", "/%2e", "/%2E", "/%2e%2e", "/%2E%2e", "/.%2e", "/%2e.", "/x/%2e%2e", "/x/y/../%2e.", "/%2e/%2e"} {
		for _, attack := range []string{dots + "//evil.example", dots + "//evil.example/x?y#z"} {
			if returnpath.OK(attack) {
				t.Errorf("%q is accepted, which is //evil.example where the dots are resolved", attack)
			}
		}
	}
}

func TestR1_HonestAddressesSurviveByteForByte(t *testing.T) {
	for _, honest := range []string{
		"/", "/a", "/a/", "/a/b?c=d&e=f", "/a%20b", "/a/../b", "/a/./b", "/a//b", "/?next=https://evil.example/", "/?//evil.example", "/a?x=//y", "/%C3%A4", "/a;b=c", "/a'b(c)*!$,~", "/a?", "/?", "/#/inbox", "/a#",
		"/a:b", "/a@b", "/a?x={env.HOME}", "/a|b^c`d\"<>", "/%2fa", "/a%2e%2e", "/...", "/.well-known/x", "/" + strings.Repeat("x", returnpath.MaxLength-1),
	} {
		if got := returnpath.Safe(honest, origin); got != honest {
			t.Errorf("%q becomes %q", honest, got)
		}
		if got := returnpath.Safe(origin+honest, "https://other.test", origin); got != honest {
			t.Errorf("%q with its origin becomes %q", honest, got)
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

func FuzzC9_ReturnPath(f *testing.F) {
	for _, attack := range attacks() {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, address string) {
		safe := returnpath.Safe(address, origin)
		if browserOrigin(safe) != origin || !strings.HasPrefix(safe, "/") || strings.HasPrefix(safe, "//") || strings.ContainsAny(safe, "\r\n\\ ") || len(safe) > returnpath.MaxLength {
			t.Errorf("%q becomes %q", address, safe)
		}
		if !returnpath.OK(safe) || safe != returnpath.Root && !strings.HasSuffix(address, safe) {
			t.Errorf("%q becomes %q, which is not what was asked for", address, safe)
		}
	})
}
