package answer

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Caddy logs the address of an error of 500 that it gets to see. The address of a callback that
// came to another path still holds a code, also if an event handler panics about its refusal.
func TestP1_APanicAboutAnAstrayCallbackKeepsTheCodeFromTheLog(t *testing.T) {
	panics := zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "sign-in refused" {
			panic("an event handler")
		}
		return nil
	})
	recorder, err := telemetry.NewRecorder(zap.NewExample(panics), nil, "astray", telemetry.Privacy{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	paths, err := address.New("", []string{"https://example.test/auth/"})
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := session.New(session.Config{Secrets: []string{"0123456789abcdef0123456789abcdef"}, Instance: "1 /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Telemetry: recorder, Paths: paths, Cookies: cookies, Now: time.Now, HandleErrors: true})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://example.test/auth?code=CODE&state=STATE", nil)
	r.Header.Set("Accept", "text/html")
	v := request.Borrow(w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil))
	refused := RefuseLogin(new(session.Identity), "/", refusal.Reply{Code: refusal.CallbackMoved}, nil)
	refused.Astray = true
	if err := a.Answer(v, refused); err != nil || w.Code != http.StatusInternalServerError || w.Header().Get("Refresh") == "" {
		t.Errorf("answered %d, Refresh %q, left to Caddy: %v", w.Code, w.Header().Get("Refresh"), err)
	}
}
