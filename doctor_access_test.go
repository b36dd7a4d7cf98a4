package instagramauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// node makes the user node answer.
func node(status int, body string) func(*clinic) {
	return misdeed(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: status, Body: body})
}

const (
	unsupported = `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"A"}}`
	blocked     = `{"error":{"message":"API access blocked.","type":"OAuthException","code":200,"fbtrace_id":"A"}}`
	deactivated = `{"error":{"message":"API access deactivated. To reactivate, go to the app dashboard.","type":"OAuthException","code":200,"fbtrace_id":"A"}}`
)

// Consent works and the code is exchanged, and then nothing does: that is where a new operator
// gives up.
func TestTheDoctorNamesWhatTheAppLacks(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(*clinic)
		words []string // in this order
	}{
		{"an invitation that is pending, or no Advanced Access", node(400, unsupported),
			[]string{"user node", "Unsupported request - method type: get", "invit", "Website permissions", "Advanced Access", "business verification", "access verification", "data use checkup"}},
		{"an app that is blocked", node(400, blocked), []string{"user node", "API access blocked.", "restricted", "nobody can sign in", "dashboard"}},
		{"an app that is deactivated", node(403, deactivated), []string{"user node", "API access deactivated.", "restricted", "nobody can sign in", "dashboard"}},
		{"a private account", node(200, `{"id":"`+appScopedID+`"}`), []string{"user node", "private"}},
		{"no user_id", node(200, `{"id":"`+appScopedID+`","username":"`+username+`"}`), []string{"user_id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newClinic(t, siteConfig{})
			out, _, _ := k.person(k.file(), func(window string) string {
				came := opened(t, window)
				c.after(k)
				return came + "\n"
			})
			_, line, found := strings.Cut(out, " login: ")
			line, _, _ = strings.Cut(line, "\n")
			if !found || strings.Contains(out, "✓ login") {
				t.Fatalf("the login is fine:\n%s", out)
			}
			for rest := line; len(c.words) > 0; c.words = c.words[1:] {
				if _, rest, found = strings.Cut(rest, c.words[0]); !found {
					t.Errorf("%q does not say %q there", line, c.words[0])
				}
			}
		})
	}
}

// Meta documents the header in one place and the query in another.
func TestTheDoctorSignsInWhereTheHeaderIsNotRead(t *testing.T) {
	k := newClinic(t, siteConfig{})
	target, err := url.Parse(k.endpoints)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/me") {
			asked++
		}
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"message":"An access token is required to request this resource.","type":"OAuthException","code":104}}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	k.endpoints = server.URL
	out, said, err := k.person(k.file(), func(window string) string { return opened(t, window) + "\n" })
	if err != nil || !strings.Contains(out, "✓ login: signed in as "+username) || asked == 0 {
		t.Errorf("asked %d times, %v:\n%s%s", asked, err, said, out)
	}
}
