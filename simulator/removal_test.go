package simulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// app is an app's side of the callbacks: it checks nothing and remembers all.
type app struct {
	url string

	mu     sync.Mutex
	calls  []string // paths
	forms  []url.Values
	kinds  []string
	answer http.HandlerFunc // default: the documented answers
}

func startApp(t *testing.T) *app {
	t.Helper()
	a := &app{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, r.Method+" "+r.URL.Path)
	a.forms = append(a.forms, form)
	a.kinds = append(a.kinds, r.Header.Get("Content-Type"))
	if a.answer != nil {
		a.answer(w, r)
		return
	}
	if r.URL.Path == "/delete" {
		_, _ = io.WriteString(w, `{"url":"https://example.test/status?code=abc","confirmation_code":"abc"}`)
	}
}

// registered makes an app with both callbacks.
func registered(a *app) func(*simulator.Config) {
	return func(c *simulator.Config) {
		c.App.DeauthorizeURL, c.App.DataDeletionURL = a.url+"/deauthorize", a.url+"/delete"
	}
}

func TestRemovingTheAppEndsCodesAndTokensOfThatPersonAlone(t *testing.T) {
	i := start(t, nil)
	short := i.token("jayposiris", authorization())
	long := tokenOf(t, i.get("/access_token", longLived(short)))
	code := i.code("jayposiris", authorization())
	maria, mariasCode := i.token("maria.sees", authorization()), i.code("maria.sees", authorization())

	got := i.press("remove", "jayposiris", authorization("force_reauth", "true"))
	for _, want := range []string{"Test site was removed from jayposiris", `name="force_reauth" value="true"`, "ended with it: 2.", "has registered none", `name="redirect_uri" value="` + redirectURI + `"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, token := range []string{short, long} {
		wantGraphError(t, i.get("/me", url.Values{"access_token": {token}}), 190, 0)
		wantGraphError(t, i.get("/me/media", url.Values{"access_token": {token}}), 190, 0)
	}
	wantGraphError(t, i.get("/access_token", longLived(short)), 190, 0)
	i.clock.advance(25 * time.Hour)
	wantGraphError(t, i.get("/refresh_access_token", refreshed(long)), 190, 0)
	i.clock.advance(-25 * time.Hour)
	wantBody(t, i.post("/oauth/access_token", exchange(code)), http.StatusBadRequest, oauthError("Invalid authorization code"))

	if got := i.get("/me", url.Values{"access_token": {maria}}); got.StatusCode != http.StatusOK {
		t.Errorf("somebody else's token: %s %s", got.Status, got.body)
	}
	if got := i.post("/oauth/access_token", exchange(mariasCode)); got.StatusCode != http.StatusOK {
		t.Errorf("somebody else's code: %s %s", got.Status, got.body)
	}
	// Whoever removed the app can allow it again; the old token stays dead.
	if got := i.get("/me", url.Values{"access_token": {i.token("jayposiris", authorization())}}); got.StatusCode != http.StatusOK {
		t.Errorf("after a new login: %s %s", got.Status, got.body)
	}
	wantGraphError(t, i.get("/me", url.Values{"access_token": {short}}), 190, 0)
}

func TestK1_CallbacksAreSignedOverTheEncodedPayload(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*simulator.Config)
		id     string
	}{
		"instagram_login names the app-scoped ID": {func(*simulator.Config) {}, jayScopedID},
		"basic_display has one ID":                {basicDisplay, jayID},
	} {
		t.Run(name, func(t *testing.T) {
			a := startApp(t)
			i := start(t, func(c *simulator.Config) { row.change(c); registered(a)(c) })
			removal, err := i.RemoveApp(t.Context(), "jayposiris")
			if err != nil || removal.Deauthorize.Status != 200 || removal.Deauthorize.Err != nil {
				t.Fatalf("removal = %+v, %v", removal, err)
			}
			if d := removal.DataDeletion; d.Status != 200 || d.Err != nil || d.ConfirmationCode != "abc" || d.StatusURL != "https://example.test/status?code=abc" {
				t.Errorf("data deletion = %+v", d)
			}
			if got := strings.Join(a.calls, ", "); got != "POST /deauthorize, POST /delete" {
				t.Fatalf("calls = %s", got)
			}
			for n, form := range a.forms {
				if a.kinds[n] != "application/x-www-form-urlencoded" || len(form) != 1 {
					t.Errorf("form = %s %v", a.kinds[n], form)
				}
				wantSignedRequest(t, form.Get("signed_request"), row.id, i.clock.Now())
			}
			wantSignedRequest(t, i.SignedRequest("jayposiris"), row.id, i.clock.Now())
		})
	}
}

func wantSignedRequest(t *testing.T, signed, id string, now time.Time) {
	t.Helper()
	signature, payload, _ := strings.Cut(signed, ".")
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(payload))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); signature != want {
		t.Errorf("signature = %q, want %q", signature, want)
	}
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		Algorithm string
		IssuedAt  int64 `json:"issued_at"`
		Expires   int64
		UserID    string `json:"user_id"`
	}
	if err := json.Unmarshal(decoded, &content); err != nil {
		t.Fatal(err)
	}
	if content.Algorithm != "HMAC-SHA256" || content.IssuedAt != now.Unix() || content.Expires <= content.IssuedAt || content.UserID != id {
		t.Errorf("payload = %s", decoded)
	}
	// The handler's reader, which shares no line with the simulator, reads the same.
	got, err := client.ParseSignedRequest(signed, []string{appSecret}, now)
	if err != nil || got.UserID != id || got.IssuedAt.Unix() != now.Unix() {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestNobodyIsRemovedWhoIsNotThere(t *testing.T) {
	i := start(t, nil)
	if _, err := i.RemoveApp(t.Context(), "nobody"); err == nil || err.Error() != `removing the app: there is no user "nobody"` {
		t.Errorf("error = %v", err)
	}
	if signed := i.SignedRequest("nobody"); signed != "" {
		t.Errorf("signed request = %q", signed)
	}
}

func TestThePageTellsWhatTheAppAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		want   []string
	}{
		"as documented": {nil, []string{
			`<dd id="deauthorize">Delivered: the app answered 200.</dd>`, `<dd id="data-deletion">Delivered: the app answered 200.</dd>`,
			"<code>abc</code>", `<a href="https://example.test/status?code=abc">`,
		}},
		"an error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, []string{
			`id="deauthorize">Failed: the app answered 503 instead of 200.`, `id="data-deletion">Failed: the app answered 503 instead of 200.`,
		}},
		"a redirect, which is not followed": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/x"); w.WriteHeader(307) }, []string{
			`id="deauthorize">Failed: the app answered 307 instead of 200.`,
		}},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }, []string{
			`id="deauthorize">Delivered: the app answered 200.`, `id="data-deletion">Failed: the app&#39;s answer is not the JSON object`,
		}},
		"no code": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"url":"https://a.test/"}`) }, []string{
			`id="data-deletion">Failed: the app&#39;s answer lacks url or confirmation_code.`,
		}},
		"no URL": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"url":"javascript:alert(1)","confirmation_code":"a"}`)
		}, []string{`Failed: the app&#39;s answer lacks url or confirmation_code.`, `href="#ZgotmplZ"`}},
		"a connection that breaks": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{
			`id="deauthorize">Failed: calling the app: EOF.`,
		}},
		"a body that breaks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "{")
		}, []string{`id="data-deletion">Failed: reading the app&#39;s answer: unexpected EOF.`}},
	} {
		t.Run(name, func(t *testing.T) {
			a := startApp(t)
			a.answer = row.answer
			i := start(t, registered(a))
			got := i.press("remove", "jayposiris", authorization())
			for _, want := range row.want {
				if got.StatusCode != http.StatusOK || !strings.Contains(got.body, want) {
					t.Errorf("answer = %s, without %q: %s", got.Status, want, got.body[strings.Index(got.body, "<dl>"):])
				}
			}
		})
	}
}

func TestT6_AFailedCallbackNamesNoURL(t *testing.T) {
	a := startApp(t)
	i := start(t, func(c *simulator.Config) {
		c.App.DeauthorizeURL = strings.Replace(a.url, "http:", "https:", 1) + "/?key=planted"
	})
	removal, err := i.RemoveApp(t.Context(), "jayposiris")
	if err != nil || removal.Deauthorize.Err == nil || strings.Contains(removal.Deauthorize.Text(), "planted") {
		t.Errorf("removal = %v, %v", removal.Deauthorize.Text(), err)
	}
}
