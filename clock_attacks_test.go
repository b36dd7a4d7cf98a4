package instagramauth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// countingStorage counts what is asked of it, less the marker, which each look into the
// storage asks for, however many requests come.
type countingStorage struct {
	certmagic.FileStorage
	reads, writes atomic.Int64
}

func (c *countingStorage) Load(ctx context.Context, key string) ([]byte, error) {
	if !strings.HasSuffix(key, "/marker") {
		c.reads.Add(1)
	}
	return c.FileStorage.Load(ctx, key)
}

func (c *countingStorage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	c.reads.Add(1)
	return c.FileStorage.Stat(ctx, key)
}

func (c *countingStorage) Store(ctx context.Context, key string, value []byte) error {
	if !strings.HasSuffix(key, "/marker") {
		c.writes.Add(1)
	}
	return c.FileStorage.Store(ctx, key, value)
}

// flooded returns a handler for a flood and its storage.
func flooded(t *testing.T) (*Handler, *countingStorage) {
	t.Helper()
	storage := &countingStorage{FileStorage: certmagic.FileStorage{Path: t.TempDir()}}
	h := provisionedWith(t, &Handler{AppSecret: []string{benchSecret}}, storage)
	h.telemetry.Logger = zap.NewNop()
	return h, storage
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestD1_AFloodOfLoginStartsCostsNothing(t *testing.T) {
	for _, addresses := range []int{1, 10_000} {
		h, storage := flooded(t)
		start := func(i int) {
			w, asked, err := serve(h, func(r *http.Request) {
				caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, fmt.Sprintf("10.0.%d.%d", i%addresses/256, i%addresses%256))
				r.Header.Set("Accept", "text/html")
			})
			if err != nil || asked || w.Code != http.StatusFound {
				t.Fatalf("start %d: %d, %v", i, w.Code, err)
			}
		}
		start(0)
		before := heap()
		for i := range 100_000 {
			start(i)
		}
		grown := int64(heap()) - int64(before)
		t.Logf("100,000 login starts from %d addresses: heap %+d bytes, %d writes", addresses, grown, storage.writes.Load())
		if grown > 1<<20 || storage.writes.Load() != 0 || storage.reads.Load() != 0 {
			t.Errorf("the flood left %d bytes, %d writes and %d reads", grown, storage.writes.Load(), storage.reads.Load())
		}
	}
}

func TestD4_JunkCookiesAreRefusedWithoutTheStorage(t *testing.T) {
	h, storage := flooded(t)
	junk := make([]byte, 180)
	for i := range 50_000 {
		_, _ = rand.Read(junk)
		w, asked, err := serve(h, func(r *http.Request) {
			r.Header.Set("Cookie", "__Host-Http-instagram_auth="+base64.RawURLEncoding.EncodeToString(junk))
			r.Header.Set("Accept", "application/json")
		})
		if err != nil || asked || w.Code != http.StatusUnauthorized {
			t.Fatalf("request %d: %d, %v", i, w.Code, err)
		}
	}
	if storage.reads.Load() != 0 || storage.writes.Load() != 0 {
		t.Errorf("%d reads, %d writes", storage.reads.Load(), storage.writes.Load())
	}
}

// watchLog has a handler log into memory.
func watchLog(h *Handler) *observer.ObservedLogs {
	core, logs := observer.New(zap.DebugLevel)
	h.telemetry.Logger = zap.New(core)
	return logs
}

func TestP2_AStormOfRefusalsDoesNotFillTheLog(t *testing.T) {
	w := newWorld(t, &Handler{})
	n := w.nodes[0]
	logs := watchLog(n.Handler)
	refused := func(times int) {
		for range times {
			answer, _, err := serve(n.Handler, func(r *http.Request) {
				r.URL = mustURL("https://example.test/auth/?code=x&state=" + strings.Repeat("s", 43))
				*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, *r))
			})
			if err != nil || answer.Code != http.StatusBadRequest {
				t.Fatalf("answered %d, %v", answer.Code, err)
			}
		}
	}
	refused(1000)
	if got := logs.FilterMessage("sign-in refused").Len(); got != telemetry.SampleLines {
		t.Errorf("%d lines about a thousand refusals", got)
	}
	w.at.advance(telemetry.SampleTime)
	refused(1)
	lines := logs.FilterMessage("sign-in refused").All()
	if last := lines[len(lines)-1].ContextMap(); len(lines) != telemetry.SampleLines+1 || last["not_logged"] != int64(1000-telemetry.SampleLines) {
		t.Errorf("%d lines, the last one %v", len(lines), last)
	}
}

func TestP2_TheBreakerTellsWhenItOpensAndCloses(t *testing.T) {
	w := newWorld(t, &Handler{})
	logs := watchLog(w.nodes[0].Handler)
	count := func(text string) int {
		return logs.Filter(func(e observer.LoggedEntry) bool {
			return strings.HasPrefix(e.Message, text) && e.ContextMap()["request_id"] != ""
		}).Len()
	}
	fail := func() {
		v := w.newVisitor()
		v.get(v.get(v.get("/page").Header.Get("Location")).Header.Get("Location"))
	}
	w.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range provider.BreakAfter {
		fail()
	}
	for range 3 { // trials that fail
		w.at.advance(provider.BreakFor)
		fail()
	}
	if opened, closed := count("breaker opened"), count("breaker closed"); opened != 1 || closed != 0 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	w.instagram.Misbehave(simulator.Token, simulator.Fault{})
	w.at.advance(provider.BreakFor + time.Second)
	for range 2 {
		w.newVisitor().signIn()
	}
	if opened, closed := count("breaker opened"), count("breaker closed"); opened != 1 || closed != 1 {
		t.Errorf("after the mending: opened %d times, closed %d times", opened, closed)
	}
}

const fuzzedRedirect = "https://example.test/auth/"

// sealedLogin returns the cookies of a visitor who is signed in and has another login under
// way, which has been finished in another tab: the callback sends them to its page. What
// that page is, nobody has checked before it was sealed.
func sealedLogin(t *testing.T, h *Handler, address string) (state, cookies string) {
	t.Helper()
	state, lines, err := h.settings.Cookies.Start(session.Login{RedirectURI: fuzzedRedirect, ReturnTo: address}, &session.Found{})
	if err != nil {
		t.Fatal(err)
	}
	login := pairOf(lines[0])
	found := h.settings.Cookies.Find([]string{login})
	resumed, ok := h.settings.Cookies.Resume(&found, state, fuzzedRedirect)
	if !ok {
		t.Fatal("the login cookie does not open")
	}
	h.logins.Memory.Nonces.First(resumed.Nonce)
	_, line, _, err := h.settings.Cookies.Create(h.sessions.NewSession(session.Identity{UserID: "17841405793187218", Username: "jayposiris"}, session.Token{}))
	if err != nil {
		t.Fatal(err)
	}
	return state, login + "; " + pairOf(line)
}

// A login cookie has been in the visitor's hands, and one that an older version has sealed
// may hold what is no longer accepted. So what it says is checked once more.
func TestR2_NoLoginCookieLeadsElsewhere(t *testing.T) {
	h := provisionedWith(t, &Handler{AppSecret: []string{benchSecret}}, &certmagic.FileStorage{Path: t.TempDir()})
	h.telemetry.Logger = zap.NewNop()
	addresses, err := attack.Returns("example.test")
	if err != nil {
		t.Fatal(err)
	}
	for client, hostile := range addresses {
		state, cookies := sealedLogin(t, h, hostile)
		w, asked, err := serve(h, func(r *http.Request) {
			asked := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request).URL
			asked.Path, asked.RawQuery = "/auth/", "code=x&state="+state
			r.Header.Set("Cookie", cookies)
			caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, fmt.Sprintf("10.0.%d.%d", client/256, client%256))
		})
		location := w.Header()["Location"]
		if err != nil || asked || w.Code != http.StatusSeeOther || len(location) != 1 {
			t.Fatalf("%q: answered %d to %q, asked %v, %v", hostile, w.Code, location, asked, err)
		}
		attack.WantDestination(t, hostile, location[0])
	}
}
