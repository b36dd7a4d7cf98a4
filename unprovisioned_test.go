package instagramauth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// serve sends a request through a handler and reports its answer and whether the
// site was asked.
func serve(h *Handler, change func(*http.Request)) (w *httptest.ResponseRecorder, asked bool, err error) {
	r := httptest.NewRequest(http.MethodGet, "https://example.test/private", nil)
	w = httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	if change != nil {
		change(r)
	}
	err = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		asked = true
		return nil
	}))
	return w, asked, err
}

func TestA6_AHandlerThatWasNeverProvisionedLetsNobodyPass(t *testing.T) {
	_, asked, err := serve(new(Handler), nil)
	failure, ok := errors.AsType[caddyhttp.HandlerError](err)
	if asked || !ok || failure.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("asked %v, error %v", asked, err)
	}
	if err := new(Handler).Cleanup(); err != nil {
		t.Errorf("cleaning up what was never provisioned: %v", err)
	}
}

func provisioned(t testing.TB) *Handler {
	t.Helper()
	h := provisionedWith(t, &Handler{AppSecret: []string{"s"}}, &certmagic.FileStorage{Path: t.TempDir()})
	h.telemetry.Logger = zap.NewNop()
	return h
}

func TestA6_APanicOfOursIsA500AndNeverTheSite(t *testing.T) {
	for name, breakIt := range map[string]func(*Handler, *http.Request){
		"stripping": func(h *Handler, r *http.Request) {
			r.Header.Set("X-Any", "x")
			h.settings.Identity = nil
		},
		"the session": func(h *Handler, _ *http.Request) { h.sessions = nil },
		"the gate": func(h *Handler, r *http.Request) {
			h.settings.Paths.Redirects = []address.Redirect{{Host: "example.test"}}
			h.logins.Cookies = nil
		},
		"the matcher": func(h *Handler, _ *http.Request) { h.protect.Sets = caddyhttp.MatcherSets{{panicking{}}} },
		"the callback": func(h *Handler, r *http.Request) {
			h.logins.Memory, h.logins.Cookies = nil, nil
			r.URL.Path, r.URL.RawQuery = "/auth/", "error=x&state="
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := provisioned(t)
			sessions := h.sessions
			w, asked, err := serve(h, func(r *http.Request) { breakIt(h, r) })
			h.sessions = sessions // for Cleanup
			if asked || err != nil || w.Code != http.StatusInternalServerError {
				t.Errorf("asked %v, status %d, error %v", asked, w.Code, err)
			}
		})
	}
}

func TestAnAbortedRequestStaysAborted(t *testing.T) {
	h := provisioned(t)
	h.protect.Sets = caddyhttp.MatcherSets{{aborting{}}}
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler {
			t.Errorf("recovered %v", cause)
		}
	}()
	_, _, _ = serve(h, nil)
	t.Error("the abort was swallowed")
}

// panicking is a matcher with a bug.
type panicking struct{}

func (panicking) MatchWithError(*http.Request) (bool, error) { panic("bug") }

// failing is a matcher that cannot tell.
type failing struct{}

func (failing) MatchWithError(*http.Request) (bool, error) { return false, errors.New("cannot tell") }

func TestA6_AMatcherThatFailsProtects(t *testing.T) {
	h := provisioned(t)
	h.protect.Sets = caddyhttp.MatcherSets{{failing{}}}
	w, asked, err := serve(h, nil)
	if asked || err != nil || w.Code != http.StatusFound {
		t.Errorf("asked %v, status %d, error %v", asked, w.Code, err)
	}
}

// aborting is a matcher that ends the request.
type aborting struct{}

func (aborting) MatchWithError(*http.Request) (bool, error) { panic(http.ErrAbortHandler) }

func TestN1_EarlyDataIsNotACallback(t *testing.T) {
	h := provisioned(t)
	w, asked, err := serve(h, func(r *http.Request) {
		r.TLS.HandshakeComplete = false
		original := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
		original.URL.Path = "/auth/"
	})
	if asked || err != nil || w.Code != http.StatusTooEarly {
		t.Errorf("asked %v, status %d, error %v", asked, w.Code, err)
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

// A secret may have braces in it, which Caddy takes for a placeholder.
func TestASecretWithBracesIsNotRepeated(t *testing.T) {
	h := &Handler{AppID: "{env.NOBODY_HAS_SET_THIS}", AppSecret: []string{"hunter2{x}!"}, RedirectURI: []string{"https://example.com/auth/"}}
	h.Session.Secret = []string{"pass{env.NOBODY_HAS_SET_THIS}word"}
	for name, err := range map[string]error{
		"all at once": h.missing(option.AtLoad(caddy.NewReplacer())),
		"braces":      second(option.AtLoad(caddy.NewReplacer())("app_secret", "hunter2{x}!")),
		"in between":  second(option.AtLoad(caddy.NewReplacer())("session secret", "pass{env.NOBODY_HAS_SET_THIS}word")),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range []string{"hunter2", "{x}", "pass", "word"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func second(_ string, err error) error { return err }
