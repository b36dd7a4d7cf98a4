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
