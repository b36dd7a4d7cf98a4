package instagram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The targets go through the whole client, with an Instagram of one answer behind it.

const (
	plantedSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	plantedCode   = "AQBx~5%41b-_.z9#tail"
	plantedToken  = "IGQVJplanted+/token=="

	knownID = "17841405793187218"
)

// repeat puts the secrets where an answer repeats one: the words are short, so that the
// fuzzer can move them about.
var repeat = strings.NewReplacer("SECRET", plantedSecret, "CODE", plantedCode, "TOKEN", plantedToken,
	"SCUT", plantedSecret[:20], "CCUT", url.QueryEscape(plantedCode), "TCUT", url.QueryEscape(plantedToken))

// oneAnswer is a transport.
type oneAnswer struct {
	status int
	body   string
}

func (a oneAnswer) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func (a oneAnswer) client(t testing.TB, api API, fields ...string) *Client {
	t.Helper()
	c, err := New(Config{API: api, AppID: "1", AppSecret: plantedSecret, Fields: fields, Transport: a})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantHarmless fails the test if an error tells a secret that was sent, or more of Instagram's words than
// a line of a log has room for. [T6]
func wantHarmless(t *testing.T, body string, err error, sent ...string) {
	t.Helper()
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%q gives %T", body, err)
	}
	for _, text := range []string{failure.Type, failure.Message, failure.TraceID} {
		if len(text) > 200 {
			t.Errorf("%q: %d bytes of Instagram's words are kept", body, len(text))
		}
	}
	text := err.Error()
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 3*3*200+300 {
		t.Errorf("%q gives %q", body, text)
	}
	for _, secret := range sent {
		for _, spelling := range []string{secret, url.QueryEscape(secret)} {
			if strings.Contains(text, spelling[:8]) {
				t.Errorf("%q: %q tells %q", body, text, spelling)
			}
		}
	}
	failure.Remedy()
	failure.Temporary()
	failure.OfOnePerson()
}

var (
	tokenPattern = regexp.MustCompile(`^[!-~]+$`)
	idPattern    = regexp.MustCompile(`^[0-9]{1,32}$`)
)

// oneObject reports whether a text is one JSON object.
func oneObject(body string) bool {
	return json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
}

// fuzzToken feeds one of the calls that return a token, for somebody of knownID where it is
// known who it is.
func fuzzToken(f *testing.F, api API, call func(*Client) (Token, error), sent ...string) {
	for _, seed := range []string{
		`{"access_token":"T","user_id":17841405793187218}`, `{"access_token":"T","user_id":"1","permissions":["instagram_business_basic","a"]}`, `{"data":[{"access_token":"T","user_id":"1","permissions":"user_profile,user_media"}]}`,
		`{"data":[{"data":[]}]}`, `{`, `{}`, `null`, `[]`, `{"access_token":"\u0000"}`, `{"access_token":"\u00e4"}`, `{"user_id":1e999,"access_token":"T"}`, `{"access_token":"T","user_id":17841405793187218.0}`, `{"access_token":"T"}{"access_token":"U"}`,
		`{"access_token":"T","token_type":"bearer","expires_in":5183944,"permissions":"instagram_business_basic"}`, `{"access_token":"T","expires_in":1e300}`, `{"access_token":"T","expires_in":"-1"}`, `{"access_token":"T","expires_in":0.5}`, `{"access_token":"T","user_id":"0000000000000000000000000000000012"}`,
		`{"ACCESS_TOKEN":"T","USER_ID":1,"user_id":2}`, `{"access_token":"T","error":{"message":"TOKEN SECRET","code":190}}`, `{"error_type":"OAuthException","code":400,"error_message":"CODE SCUT CCUT TCUT"}`, `{"access_token":["T"],"user_id":{}}`,
	} {
		f.Add(200, seed)
	}
	for _, status := range []int{100, 204, 302, 400, 429, 500} {
		f.Add(status, `{"error":{"message":"CODE","type":"TOKEN","code":4,"fbtrace_id":"SECRET"}}`)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		body = repeat.Replace(body)
		token, err := call(oneAnswer{status, body}.client(t, api))
		if err != nil {
			wantHarmless(t, body, err, sent...)
			return
		}
		if status != 200 || !oneObject(body) || !tokenPattern.MatchString(token.AccessToken) || len(token.AccessToken) > 4096 || token.Lifetime < 0 || token.Lifetime > 90*24*time.Hour {
			t.Errorf("%d %q gives %q for %s", status, body, token.AccessToken, token.Lifetime)
		}
		if slices.Contains(sent, plantedToken) && token.UserID != knownID {
			t.Errorf("%q makes %q of the ID %q", body, token.UserID, knownID)
		}
		// An ID is the text that came: as a number it might have become its neighbour.
		if token.UserID != "" && token.UserID != knownID && (!idPattern.MatchString(token.UserID) || !strings.Contains(body, token.UserID)) {
			t.Errorf("%q gives the ID %q", body, token.UserID)
		}
	})
}

func exchange(c *Client) (Token, error) {
	return c.Exchange(context.Background(), "https://example.test/auth/", plantedCode)
}

func FuzzC9_TokenAnswerOfInstagramLogin(f *testing.F) {
	fuzzToken(f, InstagramLogin, exchange, plantedSecret, plantedCode)
}

func FuzzC9_TokenAnswerOfBasicDisplay(f *testing.F) {
	fuzzToken(f, BasicDisplay, exchange, plantedSecret, plantedCode)
}

func FuzzC9_LongLivedToken(f *testing.F) {
	fuzzToken(f, InstagramLogin, func(c *Client) (Token, error) {
		return c.LongLived(context.Background(), Token{AccessToken: plantedToken, UserID: knownID})
	}, plantedSecret, plantedToken)
}

func FuzzC9_RefreshedToken(f *testing.F) {
	fuzzToken(f, BasicDisplay, func(c *Client) (Token, error) {
		return c.Refresh(context.Background(), Token{AccessToken: plantedToken, UserID: knownID})
	}, plantedToken)
}

func fuzzUser(f *testing.F, api API, fields ...string) {
	for _, seed := range []string{
		`{"id":"17841405793187218","username":"jayposiris"}`, `{"user_id":17841405793187218,"username":"j","id":"2"}`, `{"data":[{"user_id":"1","username":"j","name":"x"}]}`, `{"data":[{"id":"1"},{"id":"2"}]}`,
		`{"user_id":"1","username":"j","media_count":1e400,"name":null}`, `{"user_id":null,"username":"j"}`, `{}`, `{"data":{}}`, `{"id":"1","username":"a b"}`, `{"id":"1","username":"j","name":"a\r\nX-Admin: 1","media_count":3}`,
		`{"id":17841405793187218.0,"username":"j"}`, `{"id":"1","username":"` + strings.Repeat("j", 31) + `"}`, `{"id":"1","username":"j\n"}`, `{"error":{"message":"TOKEN TCUT SECRET","code":10}}`,
	} {
		f.Add(seed, "")
		f.Add(seed, "17841405793187218")
	}
	name := regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)
	f.Fuzz(func(t *testing.T, body, known string) {
		if known != "" && !idPattern.MatchString(known) {
			return // no token answer has such an ID
		}
		body = repeat.Replace(body)
		user, err := oneAnswer{200, body}.client(t, api, fields...).User(context.Background(), Token{AccessToken: plantedToken, UserID: known})
		if err != nil {
			wantHarmless(t, body, err, plantedToken)
			return
		}
		if !oneObject(body) || !name.MatchString(user.Username) || known != "" && known != user.ID && known != user.AppScopedID {
			t.Errorf("%q gives %+v", body, user)
		}
		for _, id := range []string{user.ID, user.AppScopedID} {
			if !(id == "" && user.ID != "") && !(id == known && id == user.AppScopedID) && (!idPattern.MatchString(id) || !strings.Contains(body, id)) {
				t.Errorf("%q gives the ID %q", body, id)
			}
		}
		at := -1
		for _, field := range user.Fields {
			if next := slices.Index(fields, field.Name); next <= at {
				t.Errorf("%q gives the fields %v, want those of %v in this order", body, user.Fields, fields)
			} else {
				at = next
			}
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
		`{"error_type":"CODE","error_message":"a CCUT b SECRET c"}`, `{"error":{"message":"TOKEN","type":"SCUT","fbtrace_id":"TCUT"}}`, `{"error_message":"` + strings.Repeat("\u00e4", 150) + `CODE"}`, `{"error_message":"` + strings.Repeat("x", 190) + `SECRET"}`,
		`{"error_message":"SSECRET"}`, `{"error_message":"AQBAQBCODECODE"}`, `{"error":{"message":"\r\n\u0000\u2028","code":1e9}}`, `{"error":{"code":99999999999999999999}}`, `{"error_message":"a1b2c3d\u0034"}`,
	} {
		for _, status := range []int{200, 400, 500} {
			f.Add(seed, status)
		}
	}
	f.Fuzz(func(t *testing.T, body string, status int) {
		body = repeat.Replace(body)
		sent := []string{plantedSecret, plantedCode, plantedToken}
		err := (&Error{Kind: BadAnswer, Endpoint: TokenEndpoint, Status: status}).read([]byte(body), sent...)
		if err == nil {
			if status != 200 || !oneObject(body) {
				t.Errorf("%d %q is no error", status, body)
			}
			return
		}
		wantHarmless(t, body, err, sent...)
	})
}

func FuzzT5_Permissions(f *testing.F) {
	for _, seed := range []string{`[]`, `""`, `null`, `["user_media","user_profile"]`, `"user_media, user_profile,"`, `["USER_MEDIA"]`, `["user_media,user_profile"]`, `[1]`, `{}`, `"user\u005fmedia"`, `["instagram_business_basic",null]`, `" user_media\n"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		token, err := parseToken([]byte(`{"access_token":"T","permissions":`+list+`}`), TokenEndpoint)
		if err != nil || !json.Valid([]byte(list)) {
			return
		}
		// What has been granted stands there word for word.
		var given []string
		var text string
		if json.Unmarshal([]byte(list), &given) != nil && json.Unmarshal([]byte(list), &text) == nil {
			given = strings.Split(text, ",")
		}
		for _, name := range token.Permissions.Names() {
			if !slices.ContainsFunc(given, func(g string) bool { return strings.TrimSpace(g) == name }) {
				t.Errorf("%s grants %s", list, name)
			}
		}
		if again := PermissionsOf(token.Permissions.Names()...); again != token.Permissions || token.Permissions.Without(again) != 0 {
			t.Errorf("%s: %v became %v", list, token.Permissions, again)
		}
	})
}

func FuzzT4_RetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "-1", "1e3", "99999999999999999999", "Wed, 21 Oct 2065 07:28:00 GMT", `{"estimated_time_to_regain_access":5}`, `{"estimated_time_to_regain_access":-1}`, `{"1":[{"estimated_time_to_regain_access":99999999999}]}`, `{"1":null}`} {
		f.Add(seed, seed, seed)
		f.Add("", seed, "")
		f.Add("", "", seed)
	}
	f.Fuzz(func(t *testing.T, after, app, cases string) {
		header := http.Header{"Retry-After": {after}, "X-App-Usage": {app}, "X-Business-Use-Case-Usage": {cases}}
		if got := retryAfter(header); got < 0 || got > 24*time.Hour {
			t.Errorf("%v: %s", header, got)
		}
	})
}

// Names of members count byte for byte, and twice is once too often.
func FuzzK2_Members(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"a":{"a":1,"a":2}}`, `{"a":[1,{"b":null}],"c":1e400}`, `{"\u0061":1,"a":2}`, `{}`, `{"a"`, `{"a":}`, `[{"a":1}]`, `{"a":1}{}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got members
		if unmarshalObject([]byte(text), &got) != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &want); err != nil || len(got) != len(want) {
			t.Fatalf("%q has the members %q, want %q, %v", text, got, want, err)
		}
		for name, value := range want {
			if !bytes.Equal(bytes.TrimSpace(got[name]), bytes.TrimSpace(value)) {
				t.Errorf("%q: %q is %s, want %s", text, name, got[name], value)
			}
		}
	})
}
