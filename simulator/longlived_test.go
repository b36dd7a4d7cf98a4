package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const sixtyDays = 60 * 24 * time.Hour

// longLived is a request for a long-lived token, refreshed one for a new one.
func longLived(token string, changes ...string) url.Values {
	return changed(url.Values{"grant_type": {"ig_exchange_token"}, "client_secret": {appSecret}, "access_token": {token}}, changes)
}

func refreshed(token string, changes ...string) url.Values {
	return changed(url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {token}}, changes)
}

// tokenOf takes the token from the answer of both.
func tokenOf(t *testing.T, got answer) string {
	t.Helper()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.AccessToken == "" {
		t.Fatalf("no token: %s %s", got.Status, got.body)
	}
	return body.AccessToken
}

func TestAShortTokenIsExchangedForOneOf60Days(t *testing.T) {
	for name, row := range map[string]struct {
		i       *instagram
		scope   string
		subcode int // of an expired token
		want    string
	}{
		"instagram_login": {start(t, nil), "instagram_business_basic,instagram_business_manage_comments", 0,
			`{"access_token":"IGAA…","token_type":"bearer","expires_in":5184000}`},
		"basic_display": {start(t, basicDisplay), "user_profile", 463, `{"access_token":"IGQVJ…","token_type":"bearer","expires_in":5184000}`},
	} {
		t.Run(name, func(t *testing.T) {
			short := row.i.token("jayposiris", authorization("scope", row.scope))
			got := row.i.get("/access_token", longLived(short))
			long := tokenOf(t, got)
			if long == short {
				t.Error("the long-lived token is the short-lived one")
			}
			got.body = regexp.MustCompile(`(IGAA|IGQVJ)[A-Za-z0-9_-]{128}`).ReplaceAllString(got.body, "$1…")
			wantBody(t, got, http.StatusOK, row.want+"\n")

			row.i.clock.advance(sixtyDays - time.Second)
			if got := row.i.get("/me", url.Values{"access_token": {long}}); got.StatusCode != http.StatusOK {
				t.Errorf("the day before: %s %s", got.Status, got.body)
			}
			wantGraphError(t, row.i.get("/me", url.Values{"access_token": {short}}), 190, row.subcode)
			row.i.clock.advance(time.Second)
			wantGraphError(t, row.i.get("/me", url.Values{"access_token": {long}}), 190, row.subcode)
		})
	}
}

func TestTheExchangeOfAShortTokenIsStrict(t *testing.T) {
	i := start(t, nil)
	short := i.token("jayposiris", authorization())
	long := tokenOf(t, i.get("/v25.0/access_token", longLived(short)))
	for name, row := range map[string]struct {
		query url.Values
		code  int
	}{
		"no grant_type":            {longLived(short, "grant_type", ""), 100},
		"the refresh's grant_type": {longLived(short, "grant_type", "ig_refresh_token"), 100},
		"no secret":                {longLived(short, "client_secret", ""), 100},
		"wrong secret":             {longLived(short, "client_secret", "x"), 100},
		"no token":                 {longLived(""), 104},
		"unknown token":            {longLived("IGAA"), 190},
		"token long-lived already": {longLived(long), 100},
	} {
		t.Run(name, func(t *testing.T) {
			wantGraphError(t, i.get("/access_token", row.query), row.code, 0)
		})
	}
	i.clock.advance(time.Hour)
	wantGraphError(t, i.get("/access_token", longLived(short)), 190, 0)
}

func TestALongTokenIsRefreshedWhenItIsADayOld(t *testing.T) {
	i := start(t, nil)
	long := tokenOf(t, i.get("/access_token", longLived(i.token("jayposiris", authorization()))))

	i.clock.advance(24*time.Hour - time.Second)
	tooYoung := i.get("/refresh_access_token", refreshed(long))
	wantGraphError(t, tooYoung, 100, 0)
	if !strings.Contains(tooYoung.body, "less than 24 hours old") {
		t.Errorf("body = %s", tooYoung.body)
	}

	i.clock.advance(time.Second)
	renewed := i.get("/v25.0/refresh_access_token", refreshed(long))
	fresh := tokenOf(t, renewed)
	if want := `{"access_token":"` + fresh + `","token_type":"bearer","expires_in":5184000}` + "\n"; renewed.body != want {
		t.Errorf("answer = %s, want %s", renewed.body, want)
	}
	// The new one begins a day of its own, and both are good.
	wantGraphError(t, i.get("/refresh_access_token", refreshed(fresh)), 100, 0)
	i.clock.advance(sixtyDays - 24*time.Hour)
	wantGraphError(t, i.get("/me", url.Values{"access_token": {long}}), 190, 0)
	if got := i.get("/me", url.Values{"access_token": {fresh}}); got.StatusCode != http.StatusOK {
		t.Errorf("refreshed token: %s %s", got.Status, got.body)
	}
}

func TestRefreshingIsStrict(t *testing.T) {
	i := start(t, nil)
	short := i.token("jayposiris", authorization())
	long := tokenOf(t, i.get("/access_token", longLived(short)))
	for name, row := range map[string]struct {
		query url.Values
		code  int
	}{
		"no grant_type":    {refreshed(long, "grant_type", ""), 100},
		"short-lived":      {refreshed(short), 100},
		"no token":         {refreshed(""), 104},
		"unknown token":    {refreshed("IGAA"), 190},
		"other grant_type": {refreshed(long, "grant_type", "ig_exchange_token"), 100},
	} {
		t.Run(name, func(t *testing.T) {
			wantGraphError(t, i.get("/refresh_access_token", row.query), row.code, 0)
		})
	}
	i.clock.advance(24 * time.Hour)
	comments := i.token("jayposiris", authorization("scope", "instagram_business_manage_comments"))
	comments = tokenOf(t, i.get("/access_token", longLived(comments)))
	i.clock.advance(24 * time.Hour)
	wantGraphError(t, i.get("/refresh_access_token", refreshed(comments)), 10, 0)
	i.clock.advance(sixtyDays)
	wantGraphError(t, i.get("/refresh_access_token", refreshed(long)), 190, 0)
}
