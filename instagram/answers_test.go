package instagram_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

func TestTokenAnswersOfEveryShapeAreAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		body        string
		user        string
		permissions []string
	}{
		"the tutorial's":      {`{"access_token":"T","user_id":17841405793187218}`, userID, nil},
		"list of permissions": {`{"access_token":"T","user_id":17841405793187218,"permissions":["instagram_business_basic","b"]}`, userID, []string{"instagram_business_basic"}},
		"wrapped":             {`{"data":[{"access_token":"T","user_id":"17841405793187218","permissions":"instagram_business_manage_insights, instagram_business_basic,"}]}`, userID, []string{"instagram_business_basic", "instagram_business_manage_insights"}},
		"without an ID":       {` {"access_token":"T","token_type":"bearer"} `, "", nil},
		"ID is null":          {`{"access_token":"T","user_id":null}`, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, answer(200, c.body)).Exchange(t.Context(), redirectURI, "code")
			want := instagram.Token{AccessToken: "T", UserID: c.user, Permissions: instagram.PermissionsOf(c.permissions...), Lifetime: time.Hour}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, %v", got, err)
			}
		})
	}
}

func TestT5_BadTokenAnswersAreRefused(t *testing.T) {
	for _, body := range []string{
		"", "null", "[]", `"x"`, "{", `{}`, `{"access_token":""}`, `{"access_token":null}`, `{"access_token":1}`, `{"access_token":["T"]}`, `{"access_token":"a b"}`, `{"access_token":"a\nb"}`,
		`{"access_token":"ä"}`, `{"access_token":"` + strings.Repeat("x", 4097) + `"}`, `{"access_token":"T","user_id":1.5}`, `{"access_token":"T","user_id":1e3}`, `{"access_token":"T","user_id":-1}`,
		`{"access_token":"T","user_id":"x"}`, `{"access_token":"T","user_id":""}`, `{"access_token":"T","user_id":{}}`, `{"access_token":"T","user_id":"` + strings.Repeat("1", 33) + `"}`,
		`{"access_token":"T"} {}`, `{"access_token":"T"}x`, `{"data":[]}`, `{"data":[{"access_token":"T"},{"access_token":"U"}]}`, `{"data":"x"}`, `{"access_token":"T","permissions":1}`, `<html>`,
	} {
		_, err := serve(t, answer(200, body)).Exchange(t.Context(), redirectURI, "code")
		wantKind(t, err, instagram.BadAnswer)
	}
}

func TestT5_TheContentTypeIsThatOfJSON(t *testing.T) {
	for kind, good := range map[string]bool{
		"application/json": true, "application/json; charset=UTF-8": true, "text/javascript; charset=UTF-8": true, "application/problem+json": true,
		"text/html": false, "": false, "text/plain": false, "application/x-json-stream": false,
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{kind}
			_, _ = w.Write([]byte(`{"access_token":"T"}`))
		})
		if _, err := client.Exchange(t.Context(), redirectURI, "code"); (err == nil) != good {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestUserNodesOfEveryShapeAreAccepted(t *testing.T) {
	fields := func(c *instagram.Config) {
		c.Fields = []string{"name", "media_count", "profile_picture_url", "account_type", "followers_count"}
	}
	for name, c := range map[string]struct {
		changes []func(*instagram.Config)
		body    string
		want    instagram.User
	}{
		"basic_display":    {[]func(*instagram.Config){basicDisplay}, `{"id":"17841405793187218","username":"jayposiris"}`, instagram.User{ID: userID, AppScopedID: userID, Username: "jayposiris", Permissions: instagram.PermissionsOf("user_profile")}},
		"flat":             {nil, `{"user_id":"17841405793187218","username":"jayposiris","id":"25025320793187218"}`, instagram.User{ID: userID, AppScopedID: appScopedID, Username: "jayposiris", Permissions: instagram.PermissionsOf("instagram_business_basic")}},
		"wrapped, numbers": {nil, `{"data":[{"user_id":17841405793187218,"username":"jayposiris","id":25025320793187218}]}`, instagram.User{ID: userID, AppScopedID: appScopedID, Username: "jayposiris", Permissions: instagram.PermissionsOf("instagram_business_basic")}},
		"without id":       {nil, `{"user_id":"17841405793187218","username":"jayposiris"}`, instagram.User{ID: userID, Username: "jayposiris", Permissions: instagram.PermissionsOf("instagram_business_basic")}},
		"fields in our order": {[]func(*instagram.Config){fields}, `{"user_id":"1","username":"j","media_count":3,"name":"Jay\nP","account_type":null,"followers_count":{},"id":"2"}`,
			instagram.User{ID: "1", AppScopedID: "2", Username: "j", Permissions: instagram.PermissionsOf("instagram_business_basic"), Fields: []instagram.Field{{Name: "name", Value: "Jay\nP"}, {Name: "media_count", Value: "3"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, answer(200, c.body), c.changes...).User(t.Context(), instagram.Token{AccessToken: token})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

func TestTheUserNodeIsAskedAsDocumented(t *testing.T) {
	for want, change := range map[string]func(*instagram.Config){
		"/me?fields=id,user_id,username":               func(*instagram.Config) {},
		"/me?fields=id,username&access_token=" + token: basicDisplay,
		"/17841405793187218?fields=id,username,media_count&access_token=" + token: func(c *instagram.Config) {
			basicDisplay(c)
			c.Node, c.Fields = instagram.NodeID, []string{"media_count"}
		},
		"/v25.0/me?fields=id,user_id,username": func(c *instagram.Config) { c.Endpoints.Graph += "/v25.0/" },
	} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.RequestURI != want {
				t.Errorf("asked %s %s, want %s", r.Method, r.RequestURI, want)
			}
			if header := r.Header.Get("Authorization"); (header == "Bearer "+token) == strings.Contains(want, "access_token") {
				t.Errorf("%s: Authorization = %q", want, header)
			}
			answer(200, `{"id":"17841405793187218","user_id":"17841405793187218","username":"j"}`)(w, r)
		}, change)
		if _, err := client.User(t.Context(), instagram.Token{AccessToken: token, UserID: userID}); err != nil {
			t.Error(err)
		}
	}
	client := serve(t, answer(200, `{}`), func(c *instagram.Config) { c.Node = instagram.NodeID })
	_, err := client.User(t.Context(), instagram.Token{AccessToken: token})
	wantKind(t, err, instagram.BadProfile)
}

func TestT5_H4_BadProfilesAreRefused(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"data":[]}`, `{"user_id":"1"}`, `{"username":"j"}`, `{"user_id":"","username":"j"}`, `{"user_id":"x","username":"j"}`, `{"user_id":1.5,"username":"j"}`, `{"user_id":true,"username":"j"}`,
		`{"user_id":"1","username":""}`, `{"user_id":"1","username":"a b"}`, `{"user_id":"1","username":"a\r\nX: 1"}`, `{"user_id":"1","username":"ä"}`, `{"user_id":"1","username":"` + strings.Repeat("a", 31) + `"}`,
		`{"user_id":"1","username":7}`, `{"user_id":"1","username":null}`, `{"user_id":["1"],"username":"j"}`,
	} {
		_, err := serve(t, answer(200, body)).User(t.Context(), instagram.Token{AccessToken: token})
		wantKind(t, err, instagram.BadProfile)
	}
	for _, body := range []string{"", "[]", "null", `{"user_id":"1","username":"j"}{}`, "<html>"} {
		_, err := serve(t, answer(200, body)).User(t.Context(), instagram.Token{AccessToken: token})
		wantKind(t, err, instagram.BadAnswer)
	}
}

func TestT5_TheTokenAnswerAndTheProfileNameTheSamePerson(t *testing.T) {
	client := serve(t, answer(200, `{"user_id":"17841405793187218","username":"j","id":"25025320793187218"}`))
	for id, good := range map[string]bool{"": true, userID: true, appScopedID: true, "17841405793187219": false} {
		_, err := client.User(t.Context(), instagram.Token{AccessToken: token, UserID: id})
		if good && err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if !good {
			wantKind(t, err, instagram.BadProfile)
		}
	}
}

func TestT5_IDsBeyondFloatsStayApart(t *testing.T) {
	for _, id := range []string{"17841405822304914", "17841405822304915"} {
		got, err := serve(t, answer(200, `{"user_id":`+id+`,"username":"j"}`)).User(t.Context(), instagram.Token{AccessToken: token})
		if err != nil || got.ID != id {
			t.Errorf("%s became %s, %v", id, got.ID, err)
		}
	}
}

func TestErrorsOfBothShapesAreRead(t *testing.T) {
	graph := `{"error":{"message":"Invalid OAuth access token","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A1b"}}`
	for name, c := range map[string]struct {
		status    int
		body      string
		kind      instagram.Kind
		code      int
		subcode   int
		temporary bool
		remedy    string
	}{
		"of the token endpoint":   {400, `{"error_type":"OAuthException","code":400,"error_message":"Error validating client secret."}`, instagram.Refused, 400, 0, false, "app_secret"},
		"of the graph":            {400, graph, instagram.Refused, 190, 463, false, "token"},
		"with status 401":         {401, graph, instagram.Refused, 190, 463, false, "token"},
		"with status 200":         {200, graph, instagram.Refused, 190, 463, false, "token"},
		"code as text":            {400, `{"error_type":"O","code":"400","error_message":"Invalid platform app"}`, instagram.Refused, 400, 0, false, "Instagram app ID"},
		"code of another type":    {400, `{"error_type":"O","code":{},"error_message":"Insufficient developer role"}`, instagram.Refused, 0, 0, false, "development mode"},
		"rate limit":              {400, `{"error":{"message":"Application request limit reached","code":4}}`, instagram.Refused, 4, 0, true, "rate limit"},
		"passing fault":           {400, `{"error":{"message":"Unknown","code":1}}`, instagram.Refused, 1, 0, true, "Instagram failed"},
		"permission":              {403, `{"error":{"message":"No permission","code":10}}`, instagram.Refused, 10, 0, false, "permission"},
		"permission, in the 200s": {403, `{"error":{"message":"No permission","code":230}}`, instagram.Refused, 230, 0, false, "permission"},
		"unknown field":           {400, `{"error":{"message":"Tried accessing nonexisting field","code":100}}`, instagram.Refused, 100, 0, false, "fields"},
		"500":                     {500, `{"error":{"message":"An unexpected error","code":2}}`, instagram.BadAnswer, 2, 0, true, "Instagram failed"},
		"503 that is empty":       {503, ``, instagram.BadAnswer, 0, 0, true, "Instagram failed"},
		"400 without an error":    {400, `{"hello":1}`, instagram.BadAnswer, 0, 0, false, "endpoints"},
		"429":                     {429, `{"x":1}`, instagram.BadAnswer, 0, 0, true, "rate limit"},
		"redirect URI":            {400, `{"error_type":"O","code":400,"error_message":"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"}`, instagram.Refused, 400, 0, false, "redirect_uri"},
		"used code":               {400, `{"error_type":"O","code":400,"error_message":"Matching code was not found or was already used"}`, instagram.Refused, 400, 0, false, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer(c.status, c.body)).User(t.Context(), instagram.Token{AccessToken: token})
			got := wantKind(t, err, c.kind)
			if got.Status != c.status || got.Code != c.code || got.Subcode != c.subcode || got.Temporary() != c.temporary || got.Endpoint != instagram.UserEndpoint {
				t.Errorf("got %+v, temporary %v", got, got.Temporary())
			}
			if !strings.Contains(got.Remedy(), c.remedy) || c.remedy == "" && got.Remedy() != "" {
				t.Errorf("remedy = %q, want something about %q", got.Remedy(), c.remedy)
			}
		})
	}
}

func TestT6_InstagramsWordsAreQuotedAndCut(t *testing.T) {
	long := strings.Repeat("x", 5000)
	_, err := serve(t, answer(400, `{"error_type":"a\nb","code":400,"error_message":"evil\r\nline `+long+`"}`)).Exchange(t.Context(), redirectURI, "code")
	wantKind(t, err, instagram.Refused)
	if strings.Contains(err.Error(), strings.Repeat("x", 201)) || !strings.Contains(err.Error(), `evil\r\nline`) {
		t.Errorf("error = %q", err)
	}
}

func TestT6_ATokenIsNeverPrinted(t *testing.T) {
	secret := instagram.Token{AccessToken: token, UserID: userID}
	text := new(strings.Builder)
	slog.New(slog.NewTextHandler(text, nil)).Info("x", "token", secret)
	for _, printed := range []string{fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret), text.String()} {
		if strings.Contains(printed, token) {
			t.Errorf("printed %q", printed)
		}
	}
}

func TestRetryAfterIsReadFromEachHeader(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"Retry-After: 30": 30 * time.Second, "Retry-After: 999999": 24 * time.Hour, "Retry-After: -1": 0, "Retry-After: soon": 0,
		`X-App-Usage: {"call_count":100,"estimated_time_to_regain_access":5}`:                                  5 * time.Minute,
		`X-Business-Use-Case-Usage: {"1784":[{"call_count":100,"estimated_time_to_regain_access":7},{"x":1}]}`: 7 * time.Minute,
		`X-Business-Use-Case-Usage: broken`:                                                                    0,
	} {
		name, value, _ := strings.Cut(header, ": ")
		_, err := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			answer(400, `{"error":{"code":4,"message":"limit"}}`)(w, r)
		}).User(t.Context(), instagram.Token{AccessToken: token})
		if got := wantKind(t, err, instagram.Refused); got.RetryAfter != want || !got.RateLimited() {
			t.Errorf("%s: %v", header, got.RetryAfter)
		}
	}
}
