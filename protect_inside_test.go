package instagramauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
)

// visitOf returns a visit of an address as Caddy would hand it over.
func visitOf(target string) *visit {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	return &visit{w: w, r: r, asked: address.Asked(r)}
}

// protecting returns a handler with one matcher, which has these options.
func protecting(t testing.TB, matcher, options string) *Handler {
	t.Helper()
	h := provisioned(t)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	h.ProtectRaw = caddyhttp.RawMatcherSets{caddy.ModuleMap{matcher: []byte(options)}}
	var err error
	if h.protect, err = h.loadMatchers(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

type copied struct{}

// Per-route timeouts and error routes pass a copy of the request on, and placeholders stay with
// the first one.
func TestN7_PlaceholdersSeeTheAddressBehindACopyOfTheRequest(t *testing.T) {
	h := protecting(t, "vars_regexp", `{"{http.request.uri.path}": {"pattern": "^/members"}}`)
	for target, want := range map[string]bool{"/members/x": true, "/x/../members/y": true, "/%6dembers": true, "/x": false, "/a%2Fb": false} {
		v := visitOf(target)
		v.r.URL.Path, v.r.URL.RawPath = "/index.html", ""
		v.r = v.r.WithContext(context.WithValue(v.r.Context(), copied{}, true))
		if got := h.required(v); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}

func TestN7_APlainAddressIsScannedAndNoMore(t *testing.T) {
	h := protecting(t, "path", `["/members*"]`)
	for _, target := range []string{"/page", "/caf%C3%A9/menu?x=..//%2F", "/a/b/c.d/e"} {
		v := visitOf(target)
		matcher := testing.AllocsPerRun(100, func() { h.matches(v.r, h.protect) })
		if n := testing.AllocsPerRun(100, func() { h.required(v) }); n > matcher {
			t.Errorf("%s: %g allocations, where the matcher makes %g", target, n, matcher)
		}
	}
}

// watching is a matcher that notes the addresses it is asked about, and gives up at the last one.
type watching struct {
	asked []string
	at    int
}

func (m *watching) MatchWithError(r *http.Request) (bool, error) {
	m.asked = append(m.asked, r.URL.Path)
	if len(m.asked) == m.at {
		panic("bug")
	}
	return false, nil
}

func TestN7_TheAddressIsPutBackAlsoAfterAPanic(t *testing.T) {
	for _, at := range []int{0, 1, 2, 3, 5} {
		h := provisioned(t)
		h.protect = caddyhttp.MatcherSets{{&watching{at: at}}}
		v := visitOf("/a%2Fb/..;x/c")
		*v.r.URL = *visitOf("/rewritten/%2e%2e/x").r.URL
		current, asked, uri := *v.r.URL, *v.asked, v.r.RequestURI
		func() {
			defer func() { _ = recover() }()
			h.required(v)
		}()
		if *v.r.URL != current || *v.asked != asked || v.r.RequestURI != uri {
			t.Errorf("after a panic at %d the address is %v, asked for as %v", at, v.r.URL, v.asked)
		}
	}
}

func TestN7_TheFirstFormThatMatchesEndsTheSearch(t *testing.T) {
	h := provisioned(t)
	seen := &watching{}
	h.protect = caddyhttp.MatcherSets{{seen}, {failing{}}}
	if !h.required(visitOf("/a%2Fb/..;x/c")) || len(seen.asked) != 1 {
		t.Errorf("asked about %q", seen.asked)
	}
}

func BenchmarkAnonymousOnAnOddPath(b *testing.B) {
	h := protecting(b, "not", `[{"path": ["/public/*"]}]`)
	for name, target := range map[string]string{"plain": "/public/a/b", "encoded slash": "/public/a%2Fb", "everything": "/public/a;b/x/..%2fy%5cz%00%3f%2523.php/"} {
		b.Run(name, func(b *testing.B) {
			v := visitOf(target)
			b.ReportAllocs()
			for b.Loop() {
				h.required(v)
			}
		})
	}
}

func TestA6_WhatAnOwnPathDoesNotAnswerGoesNowhere(t *testing.T) {
	if _, refused := errors.AsType[*refusalError](new(visit).onOwnPath(nil)); !refused {
		t.Error("the site gets a request for an own path")
	}
	for _, v := range []*visit{{handedOff: true}, {delivery: new(delivery)}} {
		if err := v.onOwnPath(nil); err != nil {
			t.Errorf("a callback that goes on to the site: %v", err)
		}
	}
}
