package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const required = "app_id 990602627938098\napp_secret s3cr3t\nredirect_uri http://localhost:8080/auth/\n"

// adapt translates a Caddyfile whose only site has this body to JSON.
func adapt(t *testing.T, body string) (string, error) {
	t.Helper()
	source := caddyfile.Format([]byte(":0 {\n" + body + "\n}\n"))
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(source, map[string]any{"filename": "Caddyfile"})
	for _, w := range warnings {
		t.Errorf("warning: %v", w)
	}
	return string(config), err
}

func TestTheDirectiveAdaptsToJSON(t *testing.T) {
	got, err := adapt(t, `respond "never reached"
	instagram_simulator /instagram/* {
		app_id         {env.ID}
		app_secret     {file./run/secret}
		app_name       "Example site"
		redirect_uri   http://localhost:8080/auth/ https://example.test/auth/
		api            basic_display
		mode           development
		state          invitation_pending
		testers        jay maria
		token_shape    wrapped_list
		token_user_id  account
		node_without_id
		node_without_user_id
		no_bearer
		window_error_status 200
		old_code_errors
		subcodes
		auto_allow     jay
		code_lifetime  10m
		token_lifetime 1d
		deauthorize    http://localhost:8080/d
		data_deletion  http://localhost:8080/e
		user jay {
			id            17841405793187218
			app_scoped_id 25025320793187218
			account_type  creator
			private
			name          "Jay P"
			picture       https://example.test/p
			biography     "Cafés and cameras"
			website       https://jay.test/
			followers     1
			follows       2
			media         3
		}
		user maria {
			id 17841405822304914
		}
	}`)
	if err != nil {
		t.Fatal(err)
	}
	const handler = `{
		"handler": "instagram_simulator", "app_id": "{env.ID}", "app_secret": "{file./run/secret}", "app_name": "Example site",
		"redirect_uri": ["http://localhost:8080/auth/", "https://example.test/auth/"], "api": "basic_display",
		"mode": "development", "testers": ["jay", "maria"], "state": "invitation_pending", "token_shape": "wrapped_list",
		"token_user_id": "account", "node_without_id": true, "node_without_user_id": true, "no_bearer": true,
		"window_error_status": 200, "old_code_errors": true, "subcodes": true, "auto_allow": "jay",
		"code_lifetime": 600000000000, "token_lifetime": 86400000000000,
		"deauthorize": "http://localhost:8080/d", "data_deletion": "http://localhost:8080/e",
		"users": [
			{"id": "17841405793187218", "app_scoped_id": "25025320793187218", "username": "jay", "account_type": "creator",
			 "private": true, "name": "Jay P", "picture_url": "https://example.test/p",
			 "biography": "Cafés and cameras", "website": "https://jay.test/", "followers": 1, "follows": 2, "media_count": 3},
			{"id": "17841405822304914", "username": "maria"}
		]
	}`
	want := `{"apps":{"http":{"servers":{"srv0":{"listen":[":0"],"routes":[
		{"match":[{"path":["/instagram/*"]}],"handle":[` + handler + `]},
		{"handle":[{"body":"never reached","handler":"static_response"}]}
	]}}}}}`
	if canonical(t, got) != canonical(t, want) {
		t.Errorf("adapted to\n%s\nwant\n%s", canonical(t, got), canonical(t, want))
	}
}

// canonical sorts the members of a JSON document.
func canonical(t *testing.T, document string) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber() // durations are integers
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMistakesInTheBlockAreReportedWithTheirLine(t *testing.T) {
	for name, row := range map[string]struct{ block, want string }{
		"unknown option":        {"app_ids 1", `unrecognized subdirective "app_ids", at Caddyfile:3`},
		"option twice":          {"app_id 1\napp_id 2", `app_id already specified, at Caddyfile:4`},
		"list twice":            {"testers a\ntesters b", `testers already specified, at Caddyfile:4`},
		"no value":              {"app_id", `wrong argument count or unexpected line ending after 'app_id', at Caddyfile:3`},
		"too many values":       {"api a b", `wrong argument count or unexpected line ending after 'a', at Caddyfile:3`},
		"empty value":           {`app_secret ""`, `app_secret is empty, at Caddyfile:3`},
		"empty list":            {"redirect_uri", `wrong argument count or unexpected line ending after 'redirect_uri', at Caddyfile:3`},
		"no testers":            {"testers", `wrong argument count or unexpected line ending after 'testers', at Caddyfile:3`},
		"bad duration":          {"code_lifetime soon", `parsing code_lifetime: time: invalid duration "soon", at Caddyfile:3`},
		"no duration":           {"token_lifetime", `wrong argument count or unexpected line ending after 'token_lifetime', at Caddyfile:3`},
		"flag with a value":     {"subcodes yes", `wrong argument count or unexpected line ending after 'yes', at Caddyfile:3`},
		"flag of a user":        {"user jay {\nprivate yes\n}", `wrong argument count or unexpected line ending after 'yes', at Caddyfile:4`},
		"flag twice":            {"no_bearer\nno_bearer", `no_bearer already specified, at Caddyfile:4`},
		"status of letters":     {"window_error_status ok", `window_error_status: "ok" is not a number of zero or more, at Caddyfile:3`},
		"negative duration":     {"token_lifetime -1h", `token_lifetime must be longer than zero, at Caddyfile:3`},
		"user without name":     {"user {\nid 1\n}", `wrong argument count`},
		"unknown option of it":  {"user jay {\nage 7\n}", `user jay: unrecognized subdirective "age", at Caddyfile:4`},
		"option of it twice":    {"user jay {\nid 1\nid 2\n}", `user jay: id already specified, at Caddyfile:5`},
		"option of it empty":    {"user jay {\nname\n}", `wrong argument count or unexpected line ending after 'name', at Caddyfile:4`},
		"number of letters":     {"user jay {\nmedia many\n}", `media: "many" is not a number of zero or more, at Caddyfile:4`},
		"negative number":       {"user jay {\nfollows -1\n}", `follows: "-1" is not a number of zero or more, at Caddyfile:4`},
		"number without number": {"user jay {\nfollowers\n}", `wrong argument count or unexpected line ending after 'followers', at Caddyfile:4`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adapt(t, "instagram_simulator {\n"+row.block+"\n}")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error = %v\nwant %s", err, row.want)
			}
		})
	}
	t.Run("value beside the directive", func(t *testing.T) {
		_, err := adapt(t, "instagram_simulator /x y {\n}")
		if err == nil || !strings.Contains(err.Error(), "wrong argument count or unexpected line ending after 'y', at Caddyfile:2") {
			t.Errorf("error = %v", err)
		}
	})
}

// provision sets a handler up as Caddy does, from a block of the directive.
func provision(t *testing.T, block string) (*simulator.Handler, error) {
	t.Helper()
	adapted := new(simulator.Handler)
	if err := adapted.UnmarshalCaddyfile(caddyfile.NewTestDispenser("instagram_simulator {\n" + block + "\n}")); err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(adapted)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("http.handlers.instagram_simulator", document)
	if err != nil {
		return nil, err
	}
	return module.(*simulator.Handler), nil
}

func TestTheHandlerAnswersAsASimulator(t *testing.T) {
	t.Setenv("SIMULATED_APP", "990602627938098")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cr3t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := provision(t, "app_id {env.SIMULATED_APP}\napp_secret {file."+file+"}\nredirect_uri http://localhost:8080/auth/\nauto_allow jayposiris")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/oauth/authorize?"+authorization("redirect_uri", "http://localhost:8080/auth/").Encode(), nil)
	// It is terminal: a next handler, which would be nil here, never runs.
	if err := h.ServeHTTP(w, r, nil); err != nil {
		t.Fatal(err)
	}
	if location := w.Header().Get("Location"); w.Code != http.StatusFound || !strings.HasPrefix(location, "http://localhost:8080/auth/?code=AQ") {
		t.Errorf("answer = %d to %q: %s", w.Code, location, w.Body)
	}
	if h.AppSecret != "{file."+file+"}" {
		t.Error("the exported field holds the secret, which configuration dumps show")
	}
}

func TestAHandlerThatCannotBeSetUpSaysWhichOptionIsWrong(t *testing.T) {
	for name, row := range map[string]struct{ block, want string }{
		"nothing":               {"", `instagram_simulator: app_id: "" is not decimal`},
		"unset variable":        {"app_id {env.NOT_SET_ANYWHERE}", `instagram_simulator: app_id: replacing placeholders: evaluated placeholder {env.NOT_SET_ANYWHERE} is empty`},
		"unknown placeholder":   {"app_secret {not.known}", `instagram_simulator: app_secret: replacing placeholders: unrecognized placeholder {not.known}`},
		"placeholder in a list": {"redirect_uri http://localhost/ {env.NOT_SET_ANYWHERE}", `instagram_simulator: redirect_uri: replacing placeholders`},
		"placeholder, tester":   {"testers jay {env.NOT_SET_ANYWHERE}", `instagram_simulator: testers: replacing placeholders`},
		"bad mode":              {required + "mode test", `instagram_simulator: mode: "test" is neither live nor development`},
		"bad family":            {required + "api graph", `instagram_simulator: api: "graph" is neither`},
		"bad shape":             {required + "token_shape round", `instagram_simulator: token_shape: "round" is none of`},
		"bad state":             {required + "state blocked", `instagram_simulator: state: "blocked" is none of`},
		"bad token ID":          {required + "token_user_id both", `instagram_simulator: token_user_id: "both" is neither`},
		"bad status":            {required + "window_error_status 7", `instagram_simulator: window_error_status: 7 is not`},
		"placeholder, state":    {"state {env.NOT_SET_ANYWHERE}", `instagram_simulator: state: replacing placeholders`},
		"user without ID":       {required + "user jay", `instagram_simulator: user "jay": id: "" is not`},
		"callback elsewhere":    {required + "deauthorize https://example.com/", `instagram_simulator: deauthorize: "https://example.com/" is not`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := provision(t, row.block)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("error = %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestADevelopmentModeOfTheDirectiveIsOne(t *testing.T) {
	for mode, want := range map[string]int{"": http.StatusFound, "mode live": http.StatusFound, "mode development": http.StatusBadRequest, "mode development\ntesters jayposiris": http.StatusFound} {
		t.Run(mode, func(t *testing.T) {
			h, err := provision(t, required+"auto_allow jayposiris\n"+mode)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			query := authorization("redirect_uri", "http://localhost:8080/auth/").Encode()
			if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/oauth/authorize?"+query, nil), nil); err != nil || w.Code != want {
				t.Errorf("answer = %d %s, %v", w.Code, w.Body, err)
			}
		})
	}
}

func TestTheOptionsOfTheDirectiveReachTheSimulator(t *testing.T) {
	for name, row := range map[string]struct{ block, method, path, body, want string }{
		"window_error_status": {"window_error_status 200", http.MethodGet, "/oauth/authorize", "", "200 <h1>Invalid Request: "},
		"token_user_id":       {"token_user_id account", http.MethodPost, "/oauth/access_token", "{code}", `200 "user_id":17841405793187218`},
		"token_shape":         {"token_shape wrapped_list", http.MethodPost, "/oauth/access_token", "{code}", `200 {"data":[{"access_token":`},
		"old_code_errors":     {"old_code_errors", http.MethodPost, "/oauth/access_token", exchangeAt("x"), "400 Matching code was not found"},
		"state":               {"state restricted", http.MethodGet, "/me?access_token={token}", "", "400 API access blocked."},
		"node_without_id":     {"node_without_id", http.MethodGet, "/me?fields=id,username&access_token={token}", "", `200 {"username":"jayposiris"}`},
		"node_without_user_id": {"node_without_user_id", http.MethodGet, "/me?fields=user_id,username&access_token={token}", "",
			`200 {"username":"jayposiris",`},
		"no_bearer": {"no_bearer", http.MethodGet, "/me", "", `400 "code":104`},
		"a bearer":  {"", http.MethodGet, "/me", "", `200 {"id":`},
		"subcodes":  {"subcodes\ntoken_lifetime 1ns", http.MethodGet, "/me?access_token={token}", "", `400 "error_subcode":463`},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := provision(t, required+"auto_allow jayposiris\n"+row.block)
			if err != nil {
				t.Fatal(err)
			}
			ask := func(method, path, body, token string) *httptest.ResponseRecorder {
				w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Authorization", "Bearer "+token)
				if err := h.ServeHTTP(w, r, nil); err != nil {
					t.Fatal(err)
				}
				return w
			}
			code := func() string {
				w := ask(http.MethodGet, "/oauth/authorize?"+authorization("redirect_uri", "http://localhost:8080/auth/").Encode(), "", "")
				location, err := url.Parse(w.Header().Get("Location"))
				if err != nil {
					t.Fatal(err)
				}
				return exchangeAt(location.Query().Get("code"))
			}
			token := regexp.MustCompile(`IGAA[\w-]+`).FindString(ask(http.MethodPost, "/oauth/access_token", code(), "").Body.String())
			got := ask(row.method, strings.ReplaceAll(row.path, "{token}", token), strings.ReplaceAll(row.body, "{code}", code()), token)
			status, text, _ := strings.Cut(row.want, " ")
			if strconv.Itoa(got.Code) != status || !strings.Contains(got.Body.String(), text) {
				t.Errorf("answer = %d %.2000s, want %s", got.Code, got.Body, row.want)
			}
		})
	}
}

// exchangeAt is a token request of the app that required describes.
func exchangeAt(code string) string {
	return exchange(code, "client_secret", "s3cr3t", "redirect_uri", "http://localhost:8080/auth/").Encode()
}

func TestCleanupEndsWhatHangsAndCopesWithAFailedStart(t *testing.T) {
	if err := new(simulator.Handler).Cleanup(); err != nil {
		t.Errorf("cleaning up what was never set up: %v", err)
	}
	h, err := provision(t, required)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Cleanup(); err != nil {
		t.Error(err)
	}
}

// FuzzCaddyfile feeds the parser with blocks of any kind.
func FuzzCaddyfile(f *testing.F) {
	f.Add(required + "user jay {\nid 1\nmedia 3\n}")
	f.Add("code_lifetime 1d\ntesters a b\nuser {\n}")
	f.Add("user jay\nuser jay {\n}\n}\n{")
	f.Add(required + "user jay {\nid x\nmedia -1\nname \"a\\r\\nb\"\n}")
	f.Add(required + required)
	f.Add("")
	f.Fuzz(func(t *testing.T, block string) {
		tokens, err := caddyfile.Tokenize([]byte("instagram_simulator {\n"+block+"\n}"), "Caddyfile")
		if err != nil {
			return
		}
		h := new(simulator.Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)) == nil {
			if _, err := json.Marshal(h); err != nil {
				t.Errorf("what was parsed has no JSON form: %v", err)
			}
		}
	})
}
