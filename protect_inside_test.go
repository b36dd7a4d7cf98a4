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
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// visitOf returns a visit of an address as Caddy would hand it over.
func visitOf(target string) *request.State {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	return &request.State{W: w, R: r, OriginalURL: address.OriginalURL(r)}
}

// protecting returns a handler with one matcher, which has these options.
func protecting(t testing.TB, matcher, options string) *Handler {
	t.Helper()
	h := provisioned(t)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	h.ProtectRaw = caddyhttp.RawMatcherSets{caddy.ModuleMap{matcher: []byte(options)}}
	var err error
	if h.protect.Sets, err = h.loadMatchers(ctx); err != nil {
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
		v.R.URL.Path, v.R.URL.RawPath = "/index.html", ""
		v.R = v.R.WithContext(context.WithValue(v.R.Context(), copied{}, true))
		if got := h.protect.Required(v); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}

func TestN7_APlainAddressIsScannedAndNoMore(t *testing.T) {
	h := protecting(t, "path", `["/members*"]`)
	for _, target := range []string{"/page", "/caf%C3%A9/menu?x=..//%2F", "/a/b/c.d/e"} {
		v := visitOf(target)
		matcher := testing.AllocsPerRun(100, func() { h.protect.Matches(v.R, h.protect.Sets) })
		if n := testing.AllocsPerRun(100, func() { h.protect.Required(v) }); n > matcher {
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
		h.protect.Sets = caddyhttp.MatcherSets{{&watching{at: at}}}
		v := visitOf("/a%2Fb/..;x/c")
		*v.R.URL = *visitOf("/rewritten/%2e%2e/x").R.URL
		current, asked, uri := *v.R.URL, *v.OriginalURL, v.R.RequestURI
		func() {
			defer func() { _ = recover() }()
			h.protect.Required(v)
		}()
		if *v.R.URL != current || *v.OriginalURL != asked || v.R.RequestURI != uri {
			t.Errorf("after a panic at %d the address is %v, asked for as %v", at, v.R.URL, v.OriginalURL)
		}
	}
}

func TestN7_TheFirstFormThatMatchesEndsTheSearch(t *testing.T) {
	h := provisioned(t)
	seen := &watching{}
	h.protect.Sets = caddyhttp.MatcherSets{{seen}, {failing{}}}
	if !h.protect.Required(visitOf("/a%2Fb/..;x/c")) || len(seen.asked) != 1 {
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
				h.protect.Required(v)
			}
		})
	}
}

func TestA6_WhatAnOwnPathDoesNotAnswerGoesNowhere(t *testing.T) {
	if _, refused := errors.AsType[*answer.Refusal](onOwnPath(new(request.State), nil)); !refused {
		t.Error("the site gets a request for an own path")
	}
	for _, v := range []*request.State{{HandedOff: true}, {Deliver: func(func(http.ResponseWriter) error) error { return nil }}} {
		if err := onOwnPath(v, nil); err != nil {
			t.Errorf("a callback that goes on to the site: %v", err)
		}
	}
}
