package simulator_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestTheWindowShowsItsPagesOfErrors(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.AutoAllow = "jayposiris" })
	for name, row := range map[string]struct {
		fault  simulator.Fault
		status int
		text   string
	}{
		"page unavailable":                {simulator.Fault{Kind: simulator.PageUnavailable}, 400, "Sorry, this page isn't available."},
		"page unavailable, with a status": {simulator.Fault{Kind: simulator.PageUnavailable, Status: 404}, 404, "Sorry, this page isn't available."},
		"session invalid":                 {simulator.Fault{Kind: simulator.SessionInvalid}, 400, "Session Invalid"},
		"session invalid, with a status":  {simulator.Fault{Kind: simulator.SessionInvalid, Status: 200}, 200, "Session Invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			i.Misbehave(simulator.Window, row.fault)
			wantPage(t, i.get("/oauth/authorize", authorization()), row.status, row.text)
		})
	}
}

func TestThePersonIsSentBackWithAnyError(t *testing.T) {
	const foreign = "https://evil.test/auth/"
	for name, row := range map[string]struct {
		body     string
		changes  []string
		location string // "" is a page
	}{
		"an error":                  {"error=server_error&error_description=x+y", nil, redirectURI + "?error=server_error&error_description=x+y&state=s%26t%3D1"},
		"Facebook's style":          {"error_code=1349048&error_message=Can%27t+load", nil, redirectURI + "?error_code=1349048&error_message=Can%27t+load&state=s%26t%3D1"},
		"without state":             {"error=invalid_scope", []string{"state", ""}, redirectURI + "?error=invalid_scope"},
		"redirect URI with a query": {"error=invalid_scope", []string{"redirect_uri", "https://example.test/auth?x=1"}, "https://example.test/auth?x=1&error=invalid_scope&state=s%26t%3D1"},
		"nothing but the state":     {"", nil, redirectURI + "?state=s%26t%3D1"},
		"to a foreign address":      {"error=server_error", []string{"redirect_uri", foreign}, ""},
		"to no address":             {"error=server_error", []string{"redirect_uri", ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, func(c *simulator.Config) { c.AutoAllow = "jayposiris" })
			i.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.SendBack, Body: row.body, Times: 1})
			got := i.get("/oauth/authorize", authorization(row.changes...))
			if row.location == "" {
				wantPage(t, got, http.StatusBadRequest, badRequest+"Invalid redirect_uri")
				return
			}
			if location := got.Header.Get("Location"); got.StatusCode != http.StatusFound || location != row.location {
				t.Errorf("answer = %s to %q, want %q", got.Status, location, row.location)
			}
			// The next visit is an honest one.
			i.token("maria.sees", authorization())
		})
	}
}

func TestThePersonIsSentBackOverHTTP(t *testing.T) {
	i := start(t, nil)
	if got := i.post("/simulator/fault", url.Values{"endpoint": {"window"}, "kind": {"send_back"}, "body": {"error=server_error"}}); got.StatusCode != http.StatusNoContent {
		t.Fatalf("setting it: %s %s", got.Status, got.body)
	}
	got := i.get("/oauth/authorize", authorization("state", "1"))
	if location := got.Header.Get("Location"); location != redirectURI+"?error=server_error&state=1" {
		t.Errorf("answer = %s to %q", got.Status, location)
	}
}

func TestTheWindowRedirectsToItsErrorPage(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.AutoAllow = "jayposiris" })
	for message, location := range map[string]string{
		"Insufficient Developer Role": "/oauth/authorize/third_party/error/?message=Insufficient+Developer+Role",
		"開發人員角色不足 <b>&":               "/oauth/authorize/third_party/error/?message=%E9%96%8B%E7%99%BC%E4%BA%BA%E5%93%A1%E8%A7%92%E8%89%B2%E4%B8%8D%E8%B6%B3+%3Cb%3E%26",
		"":                            "/oauth/authorize/third_party/error/?message=",
	} {
		set := i.post("/simulator/fault", url.Values{"endpoint": {"window"}, "kind": {"error_redirect"}, "body": {message}, "times": {"1"}})
		got := i.get("/oauth/authorize", authorization())
		if set.StatusCode != http.StatusNoContent || got.StatusCode != http.StatusFound || got.Header.Get("Location") != location {
			t.Errorf("%q: %s, %s to %q", message, set.Status, got.Status, got.Header.Get("Location"))
		}
		to, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, i.get(to.Path, to.Query()), http.StatusBadRequest, message)
	}
	i.token("jayposiris", authorization()) // the fault is over
	if got := i.post("/oauth/authorize/third_party/error/", nil); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST = %s, %q", got.Status, got.Header.Get("Allow"))
	}
	i.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.ErrorRedirect, Status: http.StatusSeeOther, Body: "x"})
	if got := i.get("/oauth/authorize", authorization()); got.StatusCode != http.StatusSeeOther {
		t.Errorf("with a status: %s", got.Status)
	}
}
