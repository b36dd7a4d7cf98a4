package instagramauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const benchSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

// benchHandler returns a handler as Caddy would have it. It protects everything, or
// nothing that matters here.
func benchHandler(b testing.TB, protect caddyhttp.RawMatcherSets) *Handler {
	b.Helper()
	return provisionedWith(b, &Handler{AppSecret: []string{benchSecret}, ProtectRaw: protect}, &certmagic.FileStorage{Path: b.TempDir()})
}

// provisionedWith completes a handler and provisions it, outside a running Caddy, until
// the end of the test.
func provisionedWith(t testing.TB, h *Handler, storage revocation.Storage) *Handler {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir()) // tests share no local copy of the revoked sessions
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	h.AppID, h.RedirectURI = "1", []string{"https://example.test/auth/"}
	if err := h.provision(ctx, storage, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Cleanup() })
	return h
}

// discard is a ResponseWriter that forgets.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// requests returns what sends the same request to a handler again and again.
func requests(t testing.TB, h *Handler, cookies string) (send func()) {
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r := httptest.NewRequest(http.MethodGet, "https://example.test/page", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
	w := &discard{make(http.Header)}
	r.Header.Set("User-Agent", "benchmark")
	r.Header.Set("Accept", "application/json")
	lines := make([]string, 1)
	return func() {
		if cookies != "" {
			lines[0] = cookies
			r.Header["Cookie"] = lines
		}
		clear(w.header)
		if err := h.ServeHTTP(w, r, next); err != nil {
			t.Fatal(err)
		}
	}
}

func benchmarkRequests(b *testing.B, h *Handler, cookies string) {
	send := requests(b, h, cookies)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

func sealed(b testing.TB, secret string) string {
	b.Helper()
	c, err := session.New(session.Config{Secrets: []string{secret}, Instance: "1 /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	_, line, _, err := c.Create(session.Session{Identity: session.Identity{UserID: "17841405793187218", AppScopedID: "25025320793187218", Username: "jayposiris"}})
	if err != nil {
		b.Fatal(err)
	}
	return pairOf(line)
}

// pairOf returns name and value of a Set-Cookie line.
func pairOf(line string) string {
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// nowhere protects a path that no benchmark asks for.
var nowhere = caddyhttp.RawMatcherSets{caddy.ModuleMap{"path": []byte(`["/private*"]`)}}

func BenchmarkAnonymousOnAPublicPath(b *testing.B) {
	benchmarkRequests(b, benchHandler(b, nowhere), "")
}

func BenchmarkSignedIn(b *testing.B) {
	benchmarkRequests(b, benchHandler(b, nil), sealed(b, benchSecret))
}

func BenchmarkSignedInBehind20ForeignCookies(b *testing.B) {
	benchmarkRequests(b, benchHandler(b, nil), strings.Repeat("_ga=GA1.2.1234567890; ", 20)+sealed(b, benchSecret))
}

// BenchmarkSignedInBehindTinyCookies tells how the cost grows with the number of them.
func BenchmarkSignedInBehindTinyCookies(b *testing.B) {
	for _, n := range []int{0, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchmarkRequests(b, benchHandler(b, nil), strings.Repeat("a=1; ", n)+sealed(b, benchSecret))
		})
	}
}

func BenchmarkForgedCookieOnAPublicPath(b *testing.B) {
	benchmarkRequests(b, benchHandler(b, nowhere), sealed(b, strings.Repeat("x", 32)))
}

func BenchmarkUnauthenticatedAPICall(b *testing.B) { benchmarkRequests(b, benchHandler(b, nil), "") }

// forgetful is a storage that takes what is written and keeps nothing. Once it is unreadable,
// nobody notices that.
type forgetful struct {
	certmagic.FileStorage
	unreadable atomic.Bool
}

func (*forgetful) Store(context.Context, string, []byte) error { return nil }

func (f *forgetful) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	if f.unreadable.Load() {
		return nil, errors.New("unreadable")
	}
	return f.FileStorage.List(ctx, path, recursive)
}

// BenchmarkSignedInAmongEnded tells what a long list of revoked sessions costs a request,
// beside an empty one.
func BenchmarkSignedInAmongEnded(b *testing.B) {
	for _, ended := range []int{0, 1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(ended), func(b *testing.B) {
			storage := &forgetful{FileStorage: certmagic.FileStorage{Path: b.TempDir()}}
			h := provisionedWith(b, &Handler{AppSecret: []string{benchSecret}}, storage)
			h.sessions.List.Await(b.Context())
			storage.unreadable.Store(true)
			for range ended {
				h.sessions.List.EndSessionLater(revocation.Subject{Session: revocation.SessionKey(session.NewID())}, time.Now().Add(time.Hour))
			}
			for h.sessions.List.Status().Queued > 0 {
				h.sessions.List.Sync(b.Context()) // what is still to be written would cost time later
			}
			runtime.GC()
			benchmarkRequests(b, h, sealed(b, benchSecret))
		})
	}
}
