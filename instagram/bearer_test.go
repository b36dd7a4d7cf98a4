package instagram_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// answers makes replies of bodies, with the status 400 where a body is an error.
func answers(bodies ...string) *script {
	s := new(script)
	for _, body := range bodies {
		status := http.StatusOK
		if strings.HasPrefix(body, `{"error`) {
			status = http.StatusBadRequest
		}
		s.replies = append(s.replies, reply{status: status, body: body})
	}
	return s
}

const (
	goodNode  = `{"id":"` + appScopedID + `","user_id":"` + userID + `","username":"jayposiris"}`
	goodToken = `{"access_token":"LONG","token_type":"bearer","expires_in":5183944}`

	noToken     = `{"error":{"message":"An access token is required to request this resource.","type":"OAuthException","code":104}}`
	notActive   = `{"error":{"message":"An active access token must be used to query information about the current user.","type":"OAuthException","code":2500}}`
	cannotParse = `{"error":{"message":"Invalid OAuth access token - Cannot parse access token","type":"OAuthException","code":190}}`
	badPath     = `{"error":{"message":"Unknown path components: /v26.0/me","type":"IGApiException","code":2500}}`
)

// The token goes into the header. Where Instagram does not read it there, it goes into the
// query, and stays there for the endpoint and the client.
func TestT6_TheTokenMovesToTheQueryOnlyWhereTheHeaderIsNotRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  []string // the answers to the first calls; from then on everything is good
		calls  int
		places string
		failed int // of the calls
	}{
		{"header that is read", nil, 3, "hhh", 0},
		{"104: no token at all", []string{noToken}, 3, "hqqq", 0},
		{"2500 about a token", []string{notActive}, 3, "hqqq", 0},
		{"190 that may be about the place", []string{cannotParse}, 3, "hqqq", 0},
		{"102 that may be about the place", []string{`{"error":{"message":"Session key invalid","code":102}}`}, 3, "hqqq", 0},
		{"190 in both places: the token is bad, and nothing is learned", []string{cannotParse, cannotParse}, 2, "hqh", 1},
		{"190 in both places, again", []string{cannotParse, cannotParse, cannotParse, cannotParse}, 3, "hqhqh", 2},
		{"190 after a success is about the token", []string{goodNode, cannotParse}, 3, "hhh", 1},
		{"104 after a success is about the place all the same", []string{goodNode, noToken}, 3, "hhqq", 0},
		{"104 in the header, the token bad in the query: the query is read", []string{noToken, cannotParse}, 3, "hqqq", 1},
		{"104 in both places: something takes the token away", []string{noToken, noToken}, 2, "hqh", 1},

		{"190/463: expired", []string{`{"error":{"message":"x","code":190,"error_subcode":463}}`}, 2, "hh", 1},
		{"190/460: password changed", []string{`{"error":{"message":"x","code":190,"error_subcode":460}}`}, 2, "hh", 1},
		{"190: Session has expired", []string{`{"error":{"message":"Error validating access token: Session has expired on Tuesday, 01-Dec-26","code":190}}`}, 2, "hh", 1},
		{"2500: the path", []string{badPath}, 2, "hh", 1},
		{"4: rate limit", []string{`{"error":{"message":"(#4) Application request limit reached","code":4}}`}, 2, "hh", 1},
		{"80002: rate limit", []string{`{"error":{"message":"x","code":80002,"error_subcode":2446079}}`}, 2, "hh", 1},
		{"190 that is transient", []string{`{"error":{"message":"Please retry","is_transient":true,"code":190}}`}, 2, "hh", 1},
		{"10: permission", []string{`{"error":{"message":"(#10) x","code":10}}`}, 2, "hh", 1},
		{"the app has no access", []string{`{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100}}`}, 2, "hh", 1},
		{"the app is restricted", []string{`{"error":{"message":"API access blocked.","code":200}}`}, 2, "hh", 1},
		{"an unknown field", []string{`{"error":{"message":"(#100) Tried accessing nonexisting field (x) on node type (IGUser)","code":100}}`}, 2, "hh", 1},
		{"no error that Instagram knows", []string{`{"hello":1}`}, 2, "hh", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answers(append(c.first, goodNode)...)
			client, failed := s.client(t, instagram.InstagramLogin), 0
			for range c.calls {
				if _, err := client.User(t.Context(), instagram.Token{AccessToken: token}); err != nil {
					failed++
				}
			}
			if got := s.places(); got != c.places || failed != c.failed {
				t.Errorf("the token stood in %q, %d calls failed; want %q, %d", got, failed, c.places, c.failed)
			}
			for _, r := range s.asked {
				if strings.Contains(r.URL.String(), token[:8]) != (r.Header.Get("Authorization") == "") {
					t.Errorf("asked %s with %v", r.URL, r.Header)
				}
			}
		})
	}
}

func TestT6_ThePlaceOfTheTokenIsRememberedPerEndpointAndClient(t *testing.T) {
	s := answers(noToken, goodNode, goodToken, noToken, goodToken, goodToken, goodNode)
	client := s.client(t, instagram.InstagramLogin)
	old := instagram.Token{AccessToken: token, UserID: userID}
	user := func(c *instagram.Client) {
		if _, err := c.User(t.Context(), old); err != nil {
			t.Error(err)
		}
	}
	lengthen := func(call func() (instagram.Token, error)) {
		if got, err := call(); err != nil || got.AccessToken != "LONG" {
			t.Errorf("got %q, %v", got.AccessToken, err)
		}
	}
	user(client)                                                                            // header, then query
	lengthen(func() (instagram.Token, error) { return client.LongLived(t.Context(), old) }) // header
	lengthen(func() (instagram.Token, error) { return client.Refresh(t.Context(), old) })   // header, then query
	lengthen(func() (instagram.Token, error) { return client.LongLived(t.Context(), old) }) // still the header
	user(client)                                                                            // still the query
	if got := s.places(); got != "hqhhqhq" {
		t.Errorf("the token stood in %q", got)
	}
	other := answers(goodNode)
	user(other.client(t, instagram.InstagramLogin))
	if got := other.places(); got != "h" {
		t.Errorf("another client begins with %q", got)
	}
}

func TestT6_BasicDisplayHasTheTokenInTheQuery(t *testing.T) {
	s := answers(`{"id":"`+userID+`","username":"jayposiris"}`, goodToken, goodToken, noToken)
	client := s.client(t, instagram.BasicDisplay)
	old := instagram.Token{AccessToken: token, UserID: userID}
	_, errUser := client.User(t.Context(), old)
	_, errLong := client.LongLived(t.Context(), old)
	_, errRefresh := client.Refresh(t.Context(), old)
	_, err := client.User(t.Context(), old)
	if errUser != nil || errLong != nil || errRefresh != nil || s.places() != "qqqq" {
		t.Errorf("the token stood in %q: %v, %v, %v", s.places(), errUser, errLong, errRefresh)
	}
	if got := wantKind(t, err, instagram.Refused); !strings.Contains(got.Remedy(), "got no access token") {
		t.Errorf("remedy = %q", got.Remedy())
	}
}

// The fallback to the query works for concurrent sign-ins.
func TestT6_ConcurrentSignInsFindThePlaceOfTheToken(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("access_token") != token {
			answer(http.StatusBadRequest, noToken)(w, r)
			return
		}
		answer(http.StatusOK, goodNode)(w, r)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if user, err := client.User(t.Context(), instagram.Token{AccessToken: token}); err != nil || user.ID != userID {
				t.Errorf("%+v, %v", user, err)
			}
		})
	}
	all.Wait()
}
