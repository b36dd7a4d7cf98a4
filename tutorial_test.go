package instagramauth_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Meta's "Get Started" tutorial for the Basic Display API, step by step.
func TestTheSixStepsOfTheTutorialInBasicDisplay(t *testing.T) {
	for _, node := range []string{"me", "id"} {
		t.Run("user node as "+node, func(t *testing.T) { tutorial(t, node) })
	}
}

func tutorial(t *testing.T, node string) {
	// Steps 1 to 3: create an app, configure Basic Display with a redirect URI, add
	// a test user. Here: an app in development mode with one tester.
	s := startSite(t, siteConfig{
		api: instagram.BasicDisplay, testers: []string{username}, shape: simulator.Flat, options: "api basic_display\nuser_node " + node,
		users: []simulator.User{{ID: userID, AppScopedID: userID, Username: username, AccountType: "PERSONAL"}},
	})
	b := s.newBrowser()

	// Step 4: the authorization window opens, and the user authorizes the app.
	start := b.get("/private")
	window, err := url.Parse(start.location())
	if err != nil || window.Path != "/oauth/authorize" {
		t.Fatalf("window = %q", start.location())
	}
	asked := window.Query()
	state := asked.Get("state")
	want := url.Values{"client_id": {appID}, "redirect_uri": {redirectURI}, "scope": {"user_profile,user_media"}, "response_type": {"code"}, "state": {state}}
	if asked.Encode() != want.Encode() {
		t.Errorf("parameters = %v, want %v", asked, want)
	}
	back := b.window(start)
	if !strings.HasPrefix(back, redirectURI+"?code=") || !strings.HasSuffix(back, "#_") {
		t.Errorf("Instagram redirected to %q", back)
	}
	code := query(t, back).Get("code")

	// Step 5: the code is exchanged for a token, in a multipart form.
	arrived := b.get(back)
	if arrived.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback answered %s %s", arrived.Status, arrived.body)
	}
	token := s.instagram.Requests(simulator.Token)[0]
	if token.Method != http.MethodPost {
		t.Errorf("method = %s", token.Method)
	}
	names, fields := multipartForm(t, token.Header.Get("Content-Type"), token.Body)
	if !slices.Equal(names, []string{"client_id", "client_secret", "grant_type", "redirect_uri", "code"}) {
		t.Errorf("fields = %v", names)
	}
	for name, value := range map[string]string{"client_id": appID, "client_secret": appSecret, "grant_type": "authorization_code", "redirect_uri": redirectURI, "code": code} {
		if fields[name] != value {
			t.Errorf("%s = %q, want %q", name, fields[name], value)
		}
	}

	// Step 6: the user node is queried.
	request := s.instagram.Requests(simulator.UserNode)[0]
	path, parameters := map[string]string{"me": "/me", "id": "/" + userID}[node], query(t, request.URL)
	if request.Method != http.MethodGet || !strings.HasPrefix(request.URL, path+"?") || parameters.Get("fields") != "id,username" || parameters.Get("access_token") == "" {
		t.Errorf("user node request = %s %s", request.Method, request.URL)
	}
	if page := b.get("/private"); page.body != "hello "+username {
		t.Errorf("page = %q", page.body)
	}
	if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != userID {
		t.Errorf("X-Instagram-User-Id = %q", got)
	}
}

func multipartForm(t *testing.T, contentType, body string) (names []string, fields map[string]string) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		t.Fatalf("content type = %q", contentType)
	}
	fields = make(map[string]string)
	reader := multipart.NewReader(strings.NewReader(body), parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return names, fields
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, part.FormName())
		fields[part.FormName()] = string(value)
	}
}

func TestTheSameStoryInInstagramLogin(t *testing.T) {
	for _, shape := range []simulator.TokenShape{simulator.Flat, simulator.WithPermissions, simulator.Wrapped, simulator.WrappedList} {
		t.Run(string(shape), func(t *testing.T) {
			s := startSite(t, siteConfig{shape: shape, after: "header >X-App-Scoped {http.auth.user.app_scoped_id}\nreverse_proxy {upstream}"})
			b := s.newBrowser()
			start := b.get("/private")
			if got := query(t, start.location()); got.Get("scope") != "instagram_business_basic" {
				t.Errorf("parameters = %v", got)
			}
			b.get(b.window(start))
			if form := s.tokenForm(); len(form) != 5 || form.Get("grant_type") != "authorization_code" {
				t.Errorf("token request = %v", form)
			}
			request := s.instagram.Requests(simulator.UserNode)[0]
			if !strings.HasPrefix(request.URL, "/me?") || query(t, request.URL).Get("fields") != "id,user_id,username" {
				t.Errorf("user node request = %s", request.URL)
			}
			if strings.Contains(request.URL, "access_token") || !strings.HasPrefix(request.Header.Get("Authorization"), "Bearer ") {
				t.Errorf("the token stands in the address: %s", request.URL)
			}
			// The person is known by the account's ID; the ID that is scoped to the app
			// goes beside it, because Meta's callbacks name that one.
			page := b.get("/private")
			if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != userID {
				t.Errorf("X-Instagram-User-Id = %q, want %q", got, userID)
			}
			if got := page.Header.Get("X-App-Scoped"); got != appScopedID {
				t.Errorf("app-scoped ID = %q, want %q", got, appScopedID)
			}
		})
	}
}

func TestT5_TwoIDsThatAreOneAsFloatsAreTwoPeople(t *testing.T) {
	for _, person := range []struct{ username, id string }{{"maria.sees", "17841405822304914"}, {"maria.saw", "17841405822304915"}} {
		s := startSite(t, siteConfig{window: person.username})
		b := s.newBrowser()
		b.signIn("/")
		b.get("/")
		if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != person.id {
			t.Errorf("%s has ID %q, want %q", person.username, got, person.id)
		}
	}
}
