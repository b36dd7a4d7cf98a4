package instagramauth

import (
	"net/http"
	"testing"
)

func TestP4_SharedAnswersAreKnownByTheirHeaders(t *testing.T) {
	for _, c := range []struct {
		header, value string
		shared        bool
	}{
		{"Cache-Control", "", false},
		{"Cache-Control", "private, max-age=3600", false},
		{"Cache-Control", "no-store", false},
		{"Cache-Control", "no-cache", false},
		{"Cache-Control", "no-cache, max-age=60", false},
		{"Cache-Control", "max-age=0", false},
		{"Cache-Control", `max-age="0"`, false},
		{"Cache-Control", "max-age=0, must-revalidate", false},
		{"Cache-Control", "max-age=3600", true},
		{"Cache-Control", "Max-Age=3600, must-revalidate", true},
		{"Cache-Control", "public", true},
		{"Cache-Control", "s-maxage=1, private", true},
		{"CDN-Cache-Control", "max-age=3600", true},
		{"Surrogate-Control", "max-age=3600", true},
	} {
		header := make(http.Header)
		if c.value != "" {
			header.Set(c.header, c.value)
		}
		if got := isShared(header); got != c.shared {
			t.Errorf("%s: %s is shared: %v", c.header, c.value, got)
		}
	}
}
