package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	appID       = "990602627938098"
	appSecret   = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	redirectURI = "https://example.test/auth/"

	jayID       = "17841405793187218"
	jayScopedID = "25025320793187218"
	mariaID     = "17841405822304914"
)

// instagram is a simulator behind a socket, with a clock that stands still.
type instagram struct {
	t *testing.T
	*simulator.Simulator
	url   string
	http  *http.Client
	clock *clock
}

// start runs a simulator until the end of the test. change adapts the usual
// configuration: a live app of instagram_login with two accounts.
func start(t *testing.T, change func(*simulator.Config)) *instagram {
	t.Helper()
	c := &clock{now: time.Date(2026, time.May, 4, 10, 0, 0, 0, time.UTC)}
	config := usual()
	config.Now = c.Now
	if change != nil {
		change(&config)
	}
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close) // before the server's, which waits for answers that hang
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &instagram{t: t, Simulator: s, url: server.URL, http: client, clock: c}
}

// usual is the configuration that most tests use.
func usual() simulator.Config {
	return simulator.Config{
		App: simulator.App{
			ID: appID, Secret: appSecret, Live: true, Name: "Test site",
			RedirectURIs: []string{redirectURI, "https://example.test/auth?x=1"},
		},
		Users: []simulator.User{
			{ID: jayID, AppScopedID: jayScopedID, Username: "jayposiris", AccountType: "Business", Name: "Jay <Posiris>", PictureURL: "https://pictures.test/jay", Biography: "Cafés & cameras", Website: "https://jay.test/?a=1&b=2", Followers: 12, Follows: 3, MediaCount: 30},
			{ID: mariaID, Username: "maria.sees", AccountType: "Media_Creator"},
			{ID: "17841405822304915", Username: "quiet_otter", AccountType: "Personal"},
		},
	}
}

// basicDisplay is a change that makes the app one of the older family.
func basicDisplay(c *simulator.Config) { c.App.API = "basic_display" }

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (i *instagram) do(request *http.Request, err error) answer {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
	response, err := i.http.Do(request)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return answer{response, string(body)}
}

func (i *instagram) get(path string, query url.Values) answer {
	i.t.Helper()
	return i.do(http.NewRequest(http.MethodGet, i.url+path+"?"+query.Encode(), nil))
}

func (i *instagram) post(path string, form url.Values) answer {
	i.t.Helper()
	request, err := http.NewRequest(http.MethodPost, i.url+path, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return i.do(request, err)
}

// authorization is a good request of the window, with what changes: a value for a
// name, "" leaves the parameter out.
func authorization(changes ...string) url.Values {
	return changed(url.Values{
		"client_id": {appID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"instagram_business_basic"}, "state": {"s&t=1"},
	}, changes)
}

// exchange is a good token request for a code, with what changes.
func exchange(code string, changes ...string) url.Values {
	return changed(url.Values{
		"client_id": {appID}, "client_secret": {appSecret}, "grant_type": {"authorization_code"},
		"redirect_uri": {redirectURI}, "code": {code},
	}, changes)
}

func changed(values url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		values.Del(changes[i])
		if changes[i+1] != "" {
			values.Set(changes[i], changes[i+1])
		}
	}
	return values
}

// press presses a button of the window as a user.
func (i *instagram) press(button, user string, query url.Values, permissions ...string) answer {
	i.t.Helper()
	return i.post("/oauth/authorize?"+query.Encode(), url.Values{
		"action": {button}, "user": {user}, "permission": permissions,
	})
}

// code lets a user press Allow and returns the code that the app gets.
func (i *instagram) code(user string, query url.Values) string {
	i.t.Helper()
	asked := strings.FieldsFunc(query.Get("scope"), func(r rune) bool { return r == ',' || r == ' ' })
	back := i.press("allow", user, query, asked...)
	location, err := url.Parse(back.Header.Get("Location"))
	if err != nil || location.Query().Get("code") == "" {
		i.t.Fatalf("no code: %s %s", back.Status, back.body)
	}
	return location.Query().Get("code")
}

// token signs a user in and returns the access token.
func (i *instagram) token(user string, query url.Values) string {
	i.t.Helper()
	got := i.post("/oauth/access_token", exchange(i.code(user, query)))
	var flat struct {
		AccessToken string `json:"access_token"`
		Data        []struct {
			AccessToken string `json:"access_token"`
		}
	}
	if err := json.Unmarshal([]byte(got.body), &flat); err != nil || got.StatusCode != http.StatusOK {
		i.t.Fatalf("no token: %s %s", got.Status, got.body)
	}
	if len(flat.Data) == 1 {
		return flat.Data[0].AccessToken
	}
	return flat.AccessToken
}

// oauthError is the body of a refusal by the window and the token endpoint.
func oauthError(message string) string {
	return `{"error_type":"OAuthException","code":400,"error_message":"` + message + `"}` + "\n"
}

// wantBody checks status and body of an answer.
func wantBody(t *testing.T, got answer, status int, body string) {
	t.Helper()
	if got.StatusCode != status || got.body != body {
		t.Errorf("answer = %d %q\nwant %d %q", got.StatusCode, got.body, status, body)
	}
	if kind := got.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("Content-Type = %q", kind)
	}
}

// wantGraphError checks a refusal of the graph.
func wantGraphError(t *testing.T, got answer, code, subcode int) {
	t.Helper()
	var body struct {
		Error struct {
			Message, Type, FBTraceID string
			Code, ErrorSubcode       int
		}
	}
	// The names are matched without their underscores.
	plain := strings.NewReplacer("error_subcode", "errorsubcode", "fbtrace_id", "fbtraceid").Replace(got.body)
	if err := json.Unmarshal([]byte(plain), &body); err != nil {
		t.Fatalf("no graph error: %d %q", got.StatusCode, got.body)
	}
	e := body.Error
	if got.StatusCode != http.StatusBadRequest || e.Code != code || e.ErrorSubcode != subcode {
		t.Errorf("error = %d %q, want 400 with %d/%d", got.StatusCode, got.body, code, subcode)
	}
	if e.Message == "" || e.Type == "" || e.FBTraceID == "" {
		t.Errorf("error lacks a member: %q", got.body)
	}
}

func TestAddressesThatInstagramDoesNotHaveMeetTheGraphsError(t *testing.T) {
	i := start(t, nil)
	for _, path := range []string{"/", "/you", "/me/", "/me/likes", "/me/media/1", "/v25.0", "/v25/me", "/v25.0/v25.0/me", "/v250.0/me", "/x/v25.0/me", "/oauth/authorize/", "/17841405793187218x", "/v25.0/oauth/authorize"} {
		t.Run(path, func(t *testing.T) {
			got := i.get(path, nil)
			wantGraphError(t, got, 2500, 0)
			if !strings.HasPrefix(got.body, `{"error":{"message":"Unknown path components: `+path+`","type":"IGApiException",`) {
				t.Errorf("error = %s", got.body)
			}
		})
	}
}

func TestABodyOfMoreThan64KBIsRefused(t *testing.T) {
	i := start(t, nil)
	got := i.post("/oauth/access_token", url.Values{"code": {strings.Repeat("a", 64<<10)}})
	if got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answer = %s %s", got.Status, got.body)
	}
}

func TestManyLoginsAtOnceEachGetTheirOwnPerson(t *testing.T) {
	i := start(t, nil)
	var group sync.WaitGroup
	for n := range 40 {
		user := []string{"jayposiris", "maria.sees"}[n%2]
		group.Go(func() {
			got := i.get("/me", url.Values{"fields": {"username"}, "access_token": {i.token(user, authorization())}})
			if !strings.Contains(got.body, `"username":"`+user+`"`) {
				t.Errorf("%s got %s", user, got.body)
			}
		})
	}
	group.Wait()
}
