package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
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
	for _, form := range []url.Values{{"user": {"jayposiris"}, "to": {"x"}}, {"user": {"jay.renamed"}, "to": {"maria.sees"}}, {"user": {"jay.renamed"}, "to": {"no name"}}, {}} {
		if got := i.post("/simulator/rename", form); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v was answered %d %s", form, got.StatusCode, got.body)
		}
	}
}
