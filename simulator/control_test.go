package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestFaultsAreSetOverHTTP(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]struct {
		form   url.Values
		status int
		body   string
	}{
		"a kind":          {url.Values{"endpoint": {"token"}, "kind": {"status_503"}}, 503, "Service unavailable"},
		"a kind for once": {url.Values{"endpoint": {"token"}, "kind": {"status_500"}, "times": {"1"}, "delay": {"1ms"}}, 500, `"code":2`},
		"an answer": {url.Values{"endpoint": {"token"}, "kind": {"answer"}, "status": {"418"}, "content_type": {"text/x-test"}, "body": {"tea"}},
			418, "tea"},
		"the end of it": {url.Values{"endpoint": {"token"}, "kind": {""}}, 400, "Missing required field"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := i.post("/simulator/fault", row.form); got.StatusCode != http.StatusNoContent {
				t.Fatalf("setting it: %s %s", got.Status, got.body)
			}
			if got := i.post("/oauth/access_token", nil); got.StatusCode != row.status || !strings.Contains(got.body, row.body) {
				t.Errorf("answer = %s %s", got.Status, got.body)
			}
		})
	}
}

func TestMistakesInAFaultAreRefused(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]struct {
		form url.Values
		want string
	}{
		"no endpoint":      {url.Values{"kind": {"hang"}}, "endpoint: there is none of this name"},
		"unknown endpoint": {url.Values{"kind": {"hang"}, "endpoint": {"tokens"}}, "endpoint: there is none of this name"},
		"unknown kind":     {url.Values{"kind": {"hangs"}, "endpoint": {"token"}}, "kind: there is none of this name"},
		"bad delay":        {url.Values{"kind": {"hang"}, "endpoint": {"token"}, "delay": {"5"}}, "delay: not a valid duration; try 500ms or 3s"},
		"negative delay":   {url.Values{"kind": {"hang"}, "endpoint": {"token"}, "delay": {"-5s"}}, "delay: not a valid duration; try 500ms or 3s"},
		"bad times":        {url.Values{"kind": {"hang"}, "endpoint": {"token"}, "times": {"x"}}, "times: is no number that can be used"},
		"negative times":   {url.Values{"kind": {"hang"}, "endpoint": {"token"}, "times": {"-1"}}, "times: is no number that can be used"},
		"bad status":       {url.Values{"kind": {"answer"}, "endpoint": {"token"}, "status": {"99"}}, "status: is not between 200 and 599"},
		"huge status":      {url.Values{"kind": {"answer"}, "endpoint": {"token"}, "status": {"99999999999999999999"}}, "status: is no number that can be used"},
	} {
		t.Run(name, func(t *testing.T) {
			wantBody(t, i.post("/simulator/fault", row.form), http.StatusBadRequest, `{"error":"`+row.want+`"}`+"\n")
			// Nothing of it was set.
			wantBody(t, i.post("/oauth/access_token", nil), http.StatusBadRequest, oauthError("Missing required field client_id"))
		})
	}
}

func TestCountsAreReadAndResetOverHTTP(t *testing.T) {
	i := start(t, nil)
	i.token("jayposiris", authorization())
	i.get("/me", nil)
	i.get("/simulator/redirected", nil)
	i.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.Status500})
	wantBody(t, i.get("/simulator/calls", nil), http.StatusOK,
		`{"window":1,"token":1,"user":1,"media":0,"long_lived":0,"refresh":0,"redirected":1}`+"\n")

	if got := i.post("/simulator/reset", nil); got.StatusCode != http.StatusNoContent {
		t.Fatalf("reset = %s", got.Status)
	}
	wantBody(t, i.get("/simulator/calls", nil), http.StatusOK,
		`{"window":0,"token":0,"user":0,"media":0,"long_lived":0,"refresh":0,"redirected":0}`+"\n")
	if got := i.get("/oauth/authorize", authorization()); got.StatusCode != http.StatusOK {
		t.Errorf("the fault is still there: %s", got.Status)
	}
}

func TestTheAppIsRemovedOverHTTP(t *testing.T) {
	a := startApp(t)
	i := start(t, registered(a))
	token := i.token("jayposiris", authorization())
	wantBody(t, i.post("/simulator/remove", url.Values{"user": {"jayposiris"}}), http.StatusOK,
		`{"username":"jayposiris","tokens":1,"deauthorize":"Delivered: the app answered 200.","data_deletion":"Delivered: the app answered 200.","confirmation_code":"abc","status_url":"https://example.test/status?code=abc"}`+"\n")
	wantGraphError(t, i.get("/me", url.Values{"access_token": {token}}), 190, 0)
	got := i.post("/simulator/remove", nil)
	wantBody(t, got, http.StatusBadRequest, `{"error":"removing the app: there is no user \"\""}`+"\n")
}

func TestTheStateOfTheAppIsSetOverHTTP(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for _, row := range []struct {
		state  string
		status int
		want   string // of the next call
	}{
		{"invitation_pending", http.StatusNoContent, unsupportedBody},
		{"", http.StatusBadRequest, unsupportedBody},
		{"Restricted", http.StatusBadRequest, unsupportedBody},
		{"restricted", http.StatusNoContent, blockedBody},
		{"approved", http.StatusNoContent, `{"id":"`},
	} {
		if got := i.post("/simulator/state", url.Values{"state": {row.state}}); got.StatusCode != row.status {
			t.Errorf("%q = %s %s", row.state, got.Status, got.body)
		}
		if got := i.get("/me", url.Values{"access_token": {token}}); !strings.HasPrefix(got.body, row.want) {
			t.Errorf("after %q: %s %s", row.state, got.Status, got.body)
		}
	}
}

func TestTheControlAddressesAreStrict(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]struct {
		method, path, body string
		status             int
		allow              string
	}{
		"fault by GET":       {http.MethodGet, "/simulator/fault", "", 405, "POST"},
		"reset by GET":       {http.MethodGet, "/simulator/reset", "", 405, "POST"},
		"state by GET":       {http.MethodGet, "/simulator/state", "", 405, "POST"},
		"calls by POST":      {http.MethodPost, "/simulator/calls", "", 405, "GET"},
		"a picture by POST":  {http.MethodPost, "/simulator/media/1.svg", "", 405, "GET"},
		"unknown":            {http.MethodGet, "/simulator/faults", "", 404, ""},
		"the root":           {http.MethodGet, "/simulator/", "", 404, ""},
		"broken form":        {http.MethodPost, "/simulator/fault", "kind=%zz", 400, ""},
		"form of over 64 KB": {http.MethodPost, "/simulator/fault", strings.Repeat("a", 65<<10), 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest(row.method, i.url+row.path, strings.NewReader(row.body))
			if err == nil && row.method == http.MethodPost {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if got := i.do(request, err); got.StatusCode != row.status || got.Header.Get("Allow") != row.allow || !strings.HasPrefix(got.body, `{"error":"`) {
				t.Errorf("answer = %s, Allow %q, %s", got.Status, got.Header.Get("Allow"), got.body)
			}
		})
	}
}

// FuzzControl feeds the control addresses with forms of any kind.
func FuzzControl(f *testing.F) {
	s, err := simulator.New(usual())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Add("/simulator/fault", "endpoint=token&kind=answer&status=200&delay=1s&times=3")
	f.Add("/simulator/remove", "user=jayposiris")
	f.Add("/simulator/reset", "")
	f.Add("/simulator/state", "state=restricted")
	f.Add("/simulator/calls", "%")
	f.Add("/simulator/media/1", "x")
	f.Fuzz(func(t *testing.T, path, form string) {
		if !strings.HasPrefix(path, "/simulator/") || strings.ContainsAny(path, " ?#%\r\n") {
			return // other paths have targets of their own
		}
		if _, err := url.ParseRequestURI(path); err != nil {
			return
		}
		if w := serve(s, http.MethodPost, path, "", form); w.Code >= 500 {
			t.Errorf("status = %d", w.Code)
		}
	})
}
