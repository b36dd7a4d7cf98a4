package instagramauth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const fuzzedOrigin, fuzzedRedirect = "https://example.test", "https://example.test/auth/"

// wantArrival fails the test if an address leads off the site or into an endpoint of ours.
func wantArrival(t *testing.T, hostile, address string) {
	t.Helper()
	end, path := attack.Follow(fuzzedOrigin, "/auth/", address)
	if end != fuzzedOrigin || strings.HasPrefix(path, "//") {
		t.Errorf("%q leads to %q, which is %s%s", hostile, address, end, path)
	}
	plain, err := url.PathUnescape(path)
	if err != nil || plain == "/auth/" || strings.HasPrefix(plain+"/", "/instagram_auth/") {
		t.Errorf("%q leads to %q, an address of ours", hostile, address)
	}
	before, _, _ := strings.Cut(strings.ReplaceAll(address, "#", "?"), "?")
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Contains(before, `\`) {
		t.Errorf("%q leads to %q, which is no visible ASCII", hostile, address)
	}
}

// sealedLogin returns the cookies of a visitor who is signed in and has another login under
// way, which has been finished in another tab: the callback sends them to its page. What
// that page is, nobody has checked before it was sealed.
func sealedLogin(t *testing.T, h *Handler, address string) (state, cookies string) {
	t.Helper()
	state, lines, err := h.settings.cookies.Start(session.Login{RedirectURI: fuzzedRedirect, ReturnTo: address}, &session.Found{})
	if err != nil {
		t.Fatal(err)
	}
	login := pairOf(lines[0])
	found := h.settings.cookies.Find([]string{login})
	resumed, ok := h.settings.cookies.Resume(&found, state, fuzzedRedirect)
	if !ok {
		t.Fatal("the login cookie does not open")
	}
	h.limits.nonces.First(resumed.Nonce)
	_, line, _, err := h.settings.cookies.Create(h.newSession(session.Identity{UserID: "17841405793187218", Username: "jayposiris"}, session.Token{}))
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
		wantArrival(t, hostile, location[0])
	}
}
