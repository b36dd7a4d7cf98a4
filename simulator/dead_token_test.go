package simulator_test

import (
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestADeadTokenIsToldInTheWordsOfTheGraph(t *testing.T) {
	const trace = `,"fbtrace_id":"…"}}` + "\n"
	const expired = `{"error":{"message":"Error validating access token: Session has expired on Monday, 04-May-26 03:00:00 PST. The current time is Monday, 04-May-26 03:30:00 PST.","type":"OAuthException","code":190`
	const removed = `{"error":{"message":"Error validating access token: The user has not authorized application ` + appID + `.","type":"OAuthException","code":190`
	for name, row := range map[string]struct {
		change           func(*simulator.Config)
		scope            string
		expired, removed string
	}{
		"instagram_login":               {nil, "instagram_business_basic", expired + trace, removed + trace},
		"instagram_login with subcodes": {func(c *simulator.Config) { c.Subcodes = true }, "instagram_business_basic", expired + `,"error_subcode":463` + trace, removed + `,"error_subcode":458` + trace},
		"basic_display":                 {basicDisplay, "user_profile", expired + `,"error_subcode":463` + trace, removed + `,"error_subcode":458` + trace},
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, row.change)
			ask := url.Values{"access_token": {i.token("jayposiris", authorization("scope", row.scope))}}
			wantMessage := func(want string) {
				t.Helper()
				got := i.get("/me", ask)
				got.body = regexp.MustCompile(`"fbtrace_id":"[^"]+"`).ReplaceAllString(got.body, `"fbtrace_id":"…"`)
				wantBody(t, got, 400, want)
			}
			i.clock.advance(90 * time.Minute) // the token was good for an hour
			wantMessage(row.expired)
			if _, err := i.RemoveApp(t.Context(), "jayposiris"); err != nil {
				t.Fatal(err)
			}
			wantMessage(row.removed)
		})
	}
}
