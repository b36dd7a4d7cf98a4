package instagram

import (
	"errors"
	"strings"
	"testing"
)

var tokenSeeds = []string{
	`{"access_token":"T","user_id":17841405793187218}`, `{"access_token":"T","user_id":"1","permissions":["a"]}`, `{"data":[{"access_token":"T","user_id":"1","permissions":"a,b"}]}`,
	`{"data":[{"data":[]}]}`, `{`, `{}`, `null`, `[]`, `{"access_token":"\u0000"}`, `{"user_id":1e999,"access_token":"T"}`, `{"access_token":"T"}{"access_token":"U"}`,
	`{"access_token":"T","token_type":"bearer","expires_in":5183944,"permissions":"instagram_business_basic"}`, `{"access_token":"T","expires_in":1e300}`, `{"access_token":"T","expires_in":"-1"}`,
}

func FuzzC9_TokenAnswer(f *testing.F) {
	for _, seed := range tokenSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		token, err := parseToken([]byte(body), TokenEndpoint)
		if err == nil && (token.AccessToken == "" || len(token.AccessToken) > maxToken || strings.ContainsAny(token.AccessToken, " \r\n\x00") || token.UserID != "" && !isID(token.UserID) || token.Lifetime < 0 || token.Lifetime > maxLifetime) {
			t.Errorf("%q gives %q, %q", body, token.AccessToken, token.UserID)
		}
	})
}

func fuzzUser(f *testing.F, api API, fields ...string) {
	client, err := New(Config{API: api, AppID: "1", AppSecret: "s", Fields: fields})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"id":"17841405793187218","username":"jayposiris"}`, `{"user_id":17841405793187218,"username":"j","id":"2"}`, `{"data":[{"user_id":"1","username":"j","name":"x"}]}`,
		`{"user_id":"1","username":"j","media_count":1e400,"name":null}`, `{"user_id":null,"username":"j"}`, `{}`, `{"data":{}}`,
	} {
		f.Add(seed, "")
		f.Add(seed, "17841405793187218")
	}
	f.Fuzz(func(t *testing.T, body, tokenUser string) {
		user, err := client.parseUser([]byte(body), Token{UserID: tokenUser})
		if err != nil {
			return
		}
		if !isID(user.ID) || !usernamePattern.MatchString(user.Username) || tokenUser != "" && tokenUser != user.ID && tokenUser != user.AppScopedID {
			t.Errorf("%q gives %+v", body, user)
		}
	})
}

func FuzzC9_UserNodeOfInstagramLogin(f *testing.F) {
	fuzzUser(f, InstagramLogin, "name", "media_count")
}

func FuzzC9_UserNodeOfBasicDisplay(f *testing.F) { fuzzUser(f, BasicDisplay, "media_count") }

func FuzzC9_ErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"error_type":"OAuthException","code":400,"error_message":"x"}`, `{"error":{"message":"x","type":"y","code":190,"error_subcode":463,"fbtrace_id":"z"}}`, `{"error":"x"}`, `{"error":{}}`, ``, `{"code":"4"}`,
	} {
		f.Add(seed, 400)
		f.Add(seed, 200)
		f.Add(seed, 500)
	}
	f.Fuzz(func(t *testing.T, body string, status int) {
		e := &Error{Kind: BadAnswer, Endpoint: TokenEndpoint, Status: status}
		err := e.read([]byte(body))
		e.Remedy()
		e.Temporary()
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*Error](err); !ok || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 3000 {
			t.Errorf("%q gives %q", body, err)
		}
	})
}
