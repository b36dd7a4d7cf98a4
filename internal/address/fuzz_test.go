package address

import (
	"strings"
	"testing"
)

func FuzzA3_Host(f *testing.F) {
	own, err := ParseRedirect("https://kiosk.test/auth/")
	if err != nil {
		f.Fatal(err)
	}
	p := Paths{Redirects: []Redirect{own}, Secure: true}
	for _, seed := range []string{"kiosk.test", "KIOSK.test", "kiosk.test:443", "kiosk.test:", "kiosk.test:80", "kiosk.test.", "\u212aiosk.test", "kio\u017fk.test", "[kiosk.test]", "[kiosk.test]:443", "kiosk.test:443:443", "", "evil.example", "kiosk.test@evil.example", "kiosk.test\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got, ok := p.RedirectFor(host)
		name, port, given := strings.Cut(lowerASCII(host), ":")
		if bare, bracketed := strings.CutPrefix(name, "["); bracketed && given {
			name = strings.TrimSuffix(bare, "]")
		}
		want := name == "kiosk.test" && (port == "" || port == "443")
		if ok != want || ok && got != own {
			t.Errorf("%q is ours: %v, want %v", host, ok, want)
		}
	})
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}
