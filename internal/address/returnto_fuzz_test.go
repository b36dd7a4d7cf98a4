package address_test

import (
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
)

func FuzzR3_SafeReturn(f *testing.F) {
	paths, err := address.New("", []string{"https://example.test/auth/"})
	if err != nil {
		f.Fatal(err)
	}
	addresses, err := attack.Returns("example.test")
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(addresses); i += 10 {
		f.Add(addresses[i]) // all of them would take the fuzzer's first half minute
	}
	for _, own := range []string{"/auth/", "/auth/.", "/%61uth/", "/x/../auth/?x", "https://example.test/auth/#x", "/instagram_auth", "/instagram%5fauth/login", "/instagram_auth/x/..", "/.%2e/instagram_auth/logout"} {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, address string) { attack.WantDestination(t, address, paths.Safe(address)) })
}
