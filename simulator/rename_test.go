package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestAnAccountKeepsItsTokensUnderANewName(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	me := url.Values{"fields": {"username"}, "access_token": {token}}
	if got := i.post("/simulator/rename", url.Values{"user": {"jayposiris"}, "to": {"jay.renamed"}}); got.StatusCode != http.StatusNoContent {
		t.Errorf("renaming was answered %d %s", got.StatusCode, got.body)
	}
	if got := i.get("/me", me); !strings.Contains(got.body, `"jay.renamed"`) {
		t.Errorf("user node = %s", got.body)
	}
	// A code from AutoAllow and the tester role are the account's, not the name's.
	i = start(t, func(c *simulator.Config) {
		c.AutoAllow, c.App.Live, c.App.Testers = "jayposiris", false, []string{"jayposiris"}
	})
	if err := i.Rename("jayposiris", "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	if location := i.get("/oauth/authorize", authorization()).Header.Get("Location"); !strings.Contains(location, "?code=") {
		t.Errorf("the window sends a renamed tester to %q", location)
	}
	for _, form := range []url.Values{{"user": {"jayposiris"}, "to": {"x"}}, {"user": {"jay.renamed"}, "to": {"maria.sees"}}, {"user": {"jay.renamed"}, "to": {"no name"}}, {}} {
		if got := i.post("/simulator/rename", form); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v was answered %d %s", form, got.StatusCode, got.body)
		}
	}
}
