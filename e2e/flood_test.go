package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// All floods go through one process, so that each one meets what the others have left.
func TestD1_FloodsLeaveNothingBehind(t *testing.T) {
	f := startFloods(t)
	f.warm()
	for _, kind := range slices.Concat(f.requestFloods(), f.bodyFloods(), f.slowFloods()) {
		f.flood(kind)
	}
	f.wantRateLimit()
	f.wantCallsLimited()
	f.writeDown()
}

// warm does once what costs memory once.
func (f *floods) warm() {
	f.t.Helper()
	f.honest()
	size := f.size
	f.size = max(1, size/10)
	for _, kind := range slices.Concat(f.requestFloods(), f.bodyFloods()) {
		kind.run(func() {})
	}
	f.size = 10
	f.replays(nil) // so many addresses that no more of them are remembered [D5]
	f.size = size
	f.client.CloseIdleConnections()
}

// addressOf is one of n addresses.
func addressOf(i, n int) string {
	i %= n
	return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
}

func (f *floods) requestFloods() []flooding {
	starts, many := f.of(100_000), f.of(10_000)
	start := func(addresses int) func(func()) (int, map[string]int) {
		return func(halfway func()) (int, map[string]int) {
			return starts, f.volley(starts, halfway, func(i int) (*http.Request, error) { return f.get("/private/page", addressOf(i, addresses), byLink) })
		}
	}
	return []flooding{
		{name: "login starts, 1 address", run: start(1), want: []string{"302 to Instagram"}},
		{name: fmt.Sprintf("login starts, %d addresses", many), run: start(many), want: []string{"302 to Instagram"}},
		{name: "forged callbacks", run: f.forgedCallbacks, want: []string{"400 login_expired", "400 bad_request"}},
		{name: fmt.Sprintf("one login brought back from %d addresses", starts), run: f.replays, want: []string{"400 login_expired", "403 cancelled"}},
		{name: "junk cookies", run: f.junkCookies, want: []string{"401 login_required"}},
	}
}

// forgedCallbacks come without the cookie of their login, with one of another login, or
// are odd.
func (f *floods) forgedCallbacks(halfway func()) (int, map[string]int) {
	n := f.of(10_000)
	other := f.begun("")
	return n, f.volley(n, halfway, func(i int) (*http.Request, error) {
		state := base64.RawURLEncoding.EncodeToString(random(32))
		uris := []string{
			"/auth/?code=" + rand.Text() + "&state=" + state,
			"/auth/?error=access_denied&error_reason=user_denied&state=" + state,
			"/auth/?code=" + rand.Text(),
			"/auth/?code=" + rand.Text() + "&code=" + rand.Text() + "&state=" + state,
			"/auth/?code=" + strings.Repeat("x", 1500) + "&state=" + state,
		}
		request, err := f.get(uris[i%len(uris)], addressOf(i, 1000), byScript)
		if err == nil && i%2 == 0 {
			request.Header.Set("Cookie", other.cookie)
		}
		return request, err
	})
}

// replays come from ever more addresses, each of which is remembered for a while. [D5]
func (f *floods) replays(halfway func()) (int, map[string]int) {
	n := f.of(100_000)
	login := f.begun("")
	return n, f.volley(n, halfway, func(i int) (*http.Request, error) {
		return login.callback("error=access_denied", addressOf(i, n))
	})
}

// junkCookies are random bytes, and cookies of another installation.
func (f *floods) junkCookies(halfway func()) (int, map[string]int) {
	n := f.of(50_000)
	foreign := sealedWith(f.t, strings.Repeat("another secret! ", 2), session.Identity{UserID: userID, Username: username})
	return n, f.volley(n, halfway, func(i int) (*http.Request, error) {
		request, err := f.get("/private/page", "", byScript)
		if err != nil {
			return nil, err
		}
		value := foreign
		if i%2 == 0 {
			value = base64.RawURLEncoding.EncodeToString(random(180))
		}
		request.Header.Set("Cookie", cookie+"="+value)
		return request, nil
	})
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes)
	return bytes
}
