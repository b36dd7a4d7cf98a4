package attack

import (
	"net/url"
	"strings"
	"testing"
)

// WantDestination fails the test if an address that was made from a hostile one leads away from
// https://example.test, or to one of the handler's own paths.
func WantDestination(t *testing.T, hostile, address string) {
	t.Helper()
	const origin = "https://example.test"
	end, path := Follow(origin, "/auth/", address)
	if end != origin || strings.HasPrefix(path, "//") {
		t.Errorf("%q leads to %q, which is %s%s", hostile, address, end, path)
	}
	plain, err := url.PathUnescape(path)
	if err != nil || plain == "/auth/" || strings.HasPrefix(plain+"/", "/instagram_auth/") {
		t.Errorf("%q leads to %q, an own path", hostile, address)
	}
	before, _, _ := strings.Cut(strings.ReplaceAll(address, "#", "?"), "?")
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Contains(before, `\`) {
		t.Errorf("%q leads to %q, which is no visible ASCII", hostile, address)
	}
}
