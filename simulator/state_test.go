package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// graphCalls asks each address of the graph with a token, by its name.
func (i *instagram) graphCalls(token string) map[string]answer {
	i.t.Helper()
	query := url.Values{"fields": {"id"}, "access_token": {token}}
	return map[string]answer{
		"me": i.get("/me", query), "version": i.get("/v25.0/me", query), "id": i.get("/"+jayScopedID, query), "media": i.get("/me/media", query),
		"long-lived": i.get("/access_token", longLived(token)), "refresh": i.get("/refresh_access_token", refreshed(token)),
	}
}

const (
	blockedBody     = `{"error":{"message":"API access blocked.","type":"OAuthException","code":200,"fbtrace_id":"`
	unsupportedBody = `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"`
)

// wantEverywhere checks that all calls of the graph meet the same error.
func wantEverywhere(t *testing.T, i *instagram, token, want string) {
	t.Helper()
	for name, got := range i.graphCalls(token) {
		if got.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got.body, want) {
			t.Errorf("%s = %s %s", name, got.Status, got.body)
		}
	}
}

func TestAPendingInvitationLetsConsentPassAndRefusesEveryGraphCall(t *testing.T) {
	for name, live := range map[string]bool{"development mode": false, "live without Advanced Access": true} {
		t.Run(name, func(t *testing.T) {
			i := start(t, func(c *simulator.Config) {
				c.App.State, c.App.Live, c.App.Testers = simulator.InvitationPending, live, []string{"maria.sees"}
			})
			wantEverywhere(t, i, i.token("jayposiris", authorization()), unsupportedBody)

			tester := i.token("maria.sees", authorization())
			if got := i.get("/me", url.Values{"access_token": {tester}}); got.StatusCode != http.StatusOK {
				t.Errorf("a tester's node = %s %s", got.Status, got.body)
			}
			tokenOf(t, i.get("/access_token", longLived(tester)))
		})
	}
}

func TestARestrictedAppIsLockedOutWithItsTesters(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.App.State, c.App.Testers = simulator.Restricted, []string{"maria.sees"} })
	for _, user := range []string{"jayposiris", "maria.sees"} {
		wantEverywhere(t, i, i.token(user, authorization()), blockedBody)
	}
}

func TestTheStateChangesWhileTheSimulatorRuns(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	long := tokenOf(t, i.get("/access_token", longLived(token)))
	for _, step := range []struct {
		state simulator.AppState
		want  string
	}{{simulator.Restricted, blockedBody}, {simulator.InvitationPending, unsupportedBody}, {simulator.Restricted, blockedBody}} {
		if err := i.SetState(step.state); err != nil {
			t.Fatal(err)
		}
		wantEverywhere(t, i, token, step.want)
	}
	if err := i.SetState("tired"); err == nil || err.Error() != `state: "tired" is none of approved, invitation_pending, restricted` {
		t.Errorf("error = %v", err)
	}
	wantEverywhere(t, i, token, blockedBody) // as it was

	if err := i.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	i.clock.advance(25 * time.Hour)
	// What was issued before is good again.
	if got := i.get("/refresh_access_token", refreshed(long)); got.StatusCode != http.StatusOK {
		t.Errorf("refresh = %s %s", got.Status, got.body)
	}
}

func TestInEveryStateABadTokenIsOne(t *testing.T) {
	for _, state := range []simulator.AppState{simulator.Approved, simulator.InvitationPending, simulator.Restricted} {
		i := start(t, func(c *simulator.Config) { c.App.State = state })
		wantGraphError(t, i.get("/me", url.Values{"access_token": {"IGAAabc"}}), 190, 0)
	}
}
