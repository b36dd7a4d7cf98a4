package instagramauth

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"
)

// Every page of a site pays for these. The limits are today's figures: a change that needs more
// must say why.
func TestWhatARequestAllocates(t *testing.T) {
	everything, elsewhere := benchHandler(t, nil), benchHandler(t, nowhere)
	listed := benchHandlerWith(t, &Handler{Allow: userIDs(100_000, "17841405793187218"), Deny: userIDs(100_000)})
	for _, c := range []struct {
		name    string
		handler *Handler
		cookies string
		most    float64
	}{
		{"signed in", everything, sealed(t, benchSecret), 2},
		{"signed in, on long lists", listed, sealed(t, benchSecret), 2},
		{"signed in, behind foreign cookies", everything, strings.Repeat("_ga=GA1.2.1234567890; ", 20) + sealed(t, benchSecret), 2},
		{"anonymous, on a public path", elsewhere, "", 1},
		{"a forged cookie, on a public path", elsewhere, sealed(t, strings.Repeat("x", 32)), 2},
	} {
		if got := testing.AllocsPerRun(200, requests(t, c.handler, c.cookies)); got > c.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", c.name, got, c.most)
		}
	}
}

func benchHandlerWith(t testing.TB, h *Handler) *Handler {
	t.Helper()
	h.AppSecret = []string{benchSecret}
	return provisionedWith(t, h, &certmagic.FileStorage{Path: t.TempDir()})
}

// userIDs makes user IDs up, and adds more.
func userIDs(n int, more ...string) []string {
	ids := make([]string, 0, n+len(more))
	for i := range n {
		ids = append(ids, "2"+strconv.Itoa(1_000_000_000+i))
	}
	return append(ids, more...)
}

// BenchmarkSignedInOnAList tells how the cost grows with the length of allow and deny.
func BenchmarkSignedInOnAList(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := benchHandlerWith(b, &Handler{Allow: userIDs(n, "17841405793187218"), Deny: userIDs(n)})
			benchmarkRequests(b, h, sealed(b, benchSecret))
		})
	}
}
