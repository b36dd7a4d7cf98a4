package doctor_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// inState puts the app into a state, once the person has consented.
func inState(state simulator.AppState) func(*sitetest.DoctorEnv) {
	return func(env *sitetest.DoctorEnv) {
		if err := env.Instagram.SetState(state); err != nil {
			env.T.Error(err)
		}
	}
}

// deactivated is recorded: the simulator plays the sentence of a blocked app.
const deactivated = `{"error":{"message":"API access deactivated. To reactivate, go to the app dashboard.","type":"OAuthException","code":200,"fbtrace_id":"A"}}`

// Consent works and the code is exchanged, and then nothing does: that is where a new operator
// gives up.
func TestTheDoctorNamesWhatTheAppLacks(t *testing.T) {
	for _, c := range []struct {
		name     string
		simulate func(*simulator.Config)
		after    func(*sitetest.DoctorEnv)
		words    []string // in this order
	}{
		{"an invitation that is pending, or no Advanced Access", nil, inState(simulator.InvitationPending),
			[]string{"user node", "Unsupported request - method type: get", "invit", "Website permissions", "Advanced Access", "business verification", "access verification", "data use checkup"}},
		{"an app that is blocked", nil, inState(simulator.Restricted), []string{"user node", "API access blocked.", "restricted", "nobody can sign in", "dashboard"}},
		{"an app that is deactivated", nil, misdeed(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: 403, Body: deactivated}), []string{"user node", "API access deactivated.", "restricted", "nobody can sign in", "dashboard"}},
		{"a private account", func(c *simulator.Config) { c.Users[0].Private = true }, nil, []string{"user node", "private"}},
		{"no user_id", func(c *simulator.Config) { c.NodeWithoutUserID = true }, nil, []string{"user_id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := sitetest.NewDoctorEnv(t, sitetest.Config{Simulate: c.simulate})
			out, _, _ := person(t, env, env.File(), func(window string) string {
				address := opened(t, window)
				if c.after != nil {
					c.after(env)
				}
				return address + "\n"
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
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Simulate: func(c *simulator.Config) { c.NoBearer = true }})
	out, said, err := person(t, env, env.File(), func(window string) string { return opened(t, window) + "\n" })
	if err != nil || !strings.Contains(out, "✓ login: signed in as "+sitetest.Username) {
		t.Errorf("%v:\n%s%s", err, said, out)
	}
	headers, queries := 0, 0
	for _, asked := range env.Instagram.Requests(simulator.UserNode) {
		switch {
		case strings.Contains(asked.URL, "access_token="):
			queries++
		case asked.Header.Get("Authorization") != "":
			headers++
		}
	}
	if headers != 1 || queries != 1 {
		t.Errorf("asked %d times with the header, %d times with the query", headers, queries)
	}
}
