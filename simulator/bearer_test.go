package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// bear asks with an Authorization header and what else stands in the query.
func (i *instagram) bear(path, header string, query url.Values) answer {
	i.t.Helper()
	request, err := http.NewRequest(http.MethodGet, i.url+path+"?"+query.Encode(), nil)
	if err == nil && header != "" {
		request.Header.Set("Authorization", header)
	}
	return i.do(request, err)
}

func TestEveryGraphCallTakesTheTokenInTheHeader(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for _, path := range []string{"/me", "/v25.0/me", "/" + jayID, "/me/media"} {
		if got := i.bear(path, "Bearer "+token, nil); got.StatusCode != http.StatusOK {
			t.Errorf("%s = %s %s", path, got.Status, got.body)
		}
	}
	long := tokenOf(t, i.bear("/access_token", "Bearer "+token, longLived("")))
	i.clock.advance(24 * time.Hour)
	tokenOf(t, i.bear("/refresh_access_token", "Bearer "+long, refreshed("")))
	if got := i.bear("/me/media", "Bearer "+long, url.Values{"limit": {"1"}}); !strings.Contains(got.body, "access_token="+long) {
		t.Errorf("media = %s, without the token in next", got.body)
	}
}

func TestATokenInTheQueryCountsBeforeTheOneInTheHeader(t *testing.T) {
	i := start(t, nil)
	jay, maria := i.token("jayposiris", authorization()), i.token("maria.sees", authorization())
	got := i.bear("/me", "Bearer "+jay, url.Values{"fields": {"username"}, "access_token": {maria}})
	if !strings.Contains(got.body, `"username":"maria.sees"`) {
		t.Errorf("answer = %s %s", got.Status, got.body)
	}
	wantGraphError(t, i.bear("/me", "Bearer "+jay, url.Values{"access_token": {"IGAAx"}}), 190, 0)
}

func TestACallWithoutATokenIsToldSo(t *testing.T) {
	login := start(t, nil)
	silent := start(t, func(c *simulator.Config) { c.NoBearer = true })
	basic := start(t, basicDisplay)
	for name, row := range map[string]struct {
		i     *instagram
		scope string
		bears bool // the header is sent
	}{
		"no token at all":               {login, "instagram_business_basic", false},
		"the header is ignored":         {silent, "instagram_business_basic", true},
		"basic_display knows no header": {basic, "user_profile,user_media", true},
	} {
		t.Run(name, func(t *testing.T) {
			token, header := row.i.token("jayposiris", authorization("scope", row.scope)), ""
			if row.bears {
				header = "Bearer " + token
			}
			for path, query := range map[string]url.Values{"/me": nil, "/me/media": {"access_token": {""}}, "/access_token": longLived(""), "/refresh_access_token": refreshed("")} {
				got := row.i.bear(path, header, query)
				wantGraphError(t, got, 104, 0)
				if !strings.HasPrefix(got.body, `{"error":{"message":"An access token is required to request this resource.","type":"OAuthException","code":104,`) {
					t.Errorf("%s = %s", path, got.body)
				}
			}
			if got := row.i.get("/me", url.Values{"access_token": {token}}); got.StatusCode != http.StatusOK {
				t.Errorf("token in the query: %s %s", got.Status, got.body)
			}
		})
	}
	token := login.token("jayposiris", authorization())
	for header, code := range map[string]int{"": 104, "Bearer": 190, "Bearer ": 190, "Bearer x": 190, "Basic " + token: 104, token: 104, "Bearer " + token + " x": 190} {
		wantGraphError(t, login.bear("/me", header, nil), code, 0)
	}
	if got := login.bear("/me", "bearer "+token, nil); got.StatusCode != http.StatusOK {
		t.Errorf("the scheme in lower case: %s %s", got.Status, got.body)
	}
}
