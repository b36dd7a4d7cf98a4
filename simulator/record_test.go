package simulator_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestRequestsAreRecordedAsTheyArrived(t *testing.T) {
	i := start(t, nil)
	request, err := http.NewRequest(http.MethodGet, i.url+"/v25.0/me?fields=username&access_token=abc", nil)
	if err == nil {
		request.Header.Set("X-Test", "1")
		request.Host = "graph.example.test"
	}
	i.do(request, err)
	form := exchange("AQabc")
	i.post("/oauth/access_token", form)

	nodes := i.Requests(simulator.UserNode)
	if len(nodes) != 1 {
		t.Fatalf("requests = %+v", nodes)
	}
	if got := nodes[0]; got.Method != "GET" || got.URL != "/v25.0/me?fields=username&access_token=abc" || got.Header.Get("X-Test") != "1" || got.Host != "graph.example.test" {
		t.Errorf("request = %+v", got)
	}
	tokens := i.Requests(simulator.Token)
	if len(tokens) != 1 || tokens[0].Method != "POST" || tokens[0].Body != form.Encode() {
		t.Errorf("requests = %+v", tokens)
	}
}

func TestEachEndpointIsCountedForItself(t *testing.T) {
	i := start(t, nil)
	for path, endpoint := range map[string]simulator.Endpoint{
		"/oauth/authorize": simulator.Window, "/oauth/access_token": simulator.Token, "/me": simulator.UserNode, "/v25.0/1": simulator.UserNode,
		"/me/media": simulator.Media, "/v25.0/1/media": simulator.Media, "/access_token": simulator.LongLived,
		"/v25.0/access_token": simulator.LongLived, "/refresh_access_token": simulator.Refresh, "/simulator/redirected": simulator.Redirected,
	} {
		t.Run(path, func(t *testing.T) {
			i.ResetCalls()
			i.get(path, nil)
			for _, e := range []simulator.Endpoint{
				simulator.Window, simulator.Token, simulator.UserNode, simulator.Media, simulator.LongLived, simulator.Refresh, simulator.Redirected,
			} {
				want := 0
				if e == endpoint {
					want = 1
				}
				if got := i.Calls(e); got != want || len(i.Requests(e)) != want {
					t.Errorf("%s: %d calls, %d requests, want %d", e, got, len(i.Requests(e)), want)
				}
			}
		})
	}
}

func TestARequestThatMeetsAFaultIsCounted(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	i.post("/oauth/access_token", exchange("AQ"))
	if i.Calls(simulator.Token) != 1 || len(i.Requests(simulator.Token)) != 1 {
		t.Errorf("calls = %d", i.Calls(simulator.Token))
	}
}

func TestOnlyTheLastThousandRequestsAreKept(t *testing.T) {
	s, err := simulator.New(usual())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for n := range 1100 {
		serve(s, http.MethodGet, "/me", url.Values{"n": {strconv.Itoa(n)}}.Encode(), "")
	}
	requests := s.Requests(simulator.UserNode)
	if s.Calls(simulator.UserNode) != 1100 || len(requests) != 1000 || requests[0].URL != "/me?n=100" || requests[999].URL != "/me?n=1099" {
		t.Errorf("%d calls, %d requests from %s to %s", s.Calls(simulator.UserNode), len(requests), requests[0].URL, requests[len(requests)-1].URL)
	}
}

func TestTheOldestCodeMakesRoomForTheNewest(t *testing.T) {
	s, err := simulator.New(func() simulator.Config { c := usual(); c.AutoAllow = "jayposiris"; return c }())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	query := authorization().Encode()
	allow := func() string {
		location, err := url.Parse(serve(s, http.MethodGet, "/oauth/authorize", query, "").Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return location.Query().Get("code")
	}
	first, second := allow(), allow()
	for range 100_000 - 1 {
		allow()
	}
	if w := serve(s, http.MethodPost, "/oauth/access_token", "", exchange(first).Encode()); w.Body.String() != oauthError("Invalid authorization code") {
		t.Errorf("the oldest code: %s", w.Body)
	}
	if w := serve(s, http.MethodPost, "/oauth/access_token", "", exchange(second).Encode()); w.Code != http.StatusOK {
		t.Errorf("the one after it: %s", w.Body)
	}
}
