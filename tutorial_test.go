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
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
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
	s := sitetest.Start(t, sitetest.Config{
		Api: instagram.BasicDisplay, Testers: []string{sitetest.Username}, Shape: simulator.Flat, Options: "api basic_display\nuser_node " + node,
		Users: []simulator.User{{ID: sitetest.UserID, AppScopedID: sitetest.UserID, Username: sitetest.Username, AccountType: "PERSONAL"}},
	})
	b := s.NewBrowser()

	// Step 4: the authorization window opens, and the user authorizes the app.
	start := b.Get("/private")
	window, err := url.Parse(start.Location())
	if err != nil || window.Path != "/oauth/authorize" {
		t.Fatalf("window = %q", start.Location())
	}
	asked := window.Query()
	state := asked.Get("state")
	want := url.Values{"client_id": {sitetest.AppID}, "redirect_uri": {sitetest.RedirectURI}, "scope": {"user_profile,user_media"}, "response_type": {"code"}, "state": {state}}
	if asked.Encode() != want.Encode() {
		t.Errorf("parameters = %v, want %v", asked, want)
	}
	back := b.Window(start)
	if !strings.HasPrefix(back, sitetest.RedirectURI+"?code=") || !strings.HasSuffix(back, "#_") {
		t.Errorf("Instagram redirected to %q", back)
	}
	code := sitetest.Query(t, back).Get("code")

	// Step 5: the code is exchanged for a token, in a multipart form.
	arrived := b.Get(back)
	if arrived.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback answered %s %s", arrived.Status, arrived.Body)
	}
	token := s.Instagram.Requests(simulator.Token)[0]
	if token.Method != http.MethodPost {
		t.Errorf("method = %s", token.Method)
	}
	names, fields := multipartForm(t, token.Header.Get("Content-Type"), token.Body)
	if !slices.Equal(names, []string{"client_id", "client_secret", "grant_type", "redirect_uri", "code"}) {
		t.Errorf("fields = %v", names)
	}
	for name, value := range map[string]string{"client_id": sitetest.AppID, "client_secret": sitetest.AppSecret, "grant_type": "authorization_code", "redirect_uri": sitetest.RedirectURI, "code": code} {
		if fields[name] != value {
			t.Errorf("%s = %q, want %q", name, fields[name], value)
		}
	}

	// Step 6: the user node is queried.
	request := s.Instagram.Requests(simulator.UserNode)[0]
	path, parameters := map[string]string{"me": "/me", "id": "/" + sitetest.UserID}[node], sitetest.Query(t, request.URL)
	if request.Method != http.MethodGet || !strings.HasPrefix(request.URL, path+"?") || parameters.Get("fields") != "id,username" || parameters.Get("access_token") == "" {
		t.Errorf("user node request = %s %s", request.Method, request.URL)
	}
	if page := b.Get("/private"); page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %q", page.Body)
	}
	if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != sitetest.UserID {
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
			s := sitetest.Start(t, sitetest.Config{Shape: shape, After: "header >X-App-Scoped {http.auth.user.app_scoped_id}\nreverse_proxy {upstream}"})
			b := s.NewBrowser()
			start := b.Get("/private")
			if got := sitetest.Query(t, start.Location()); got.Get("scope") != "instagram_business_basic" {
				t.Errorf("parameters = %v", got)
			}
			b.Get(b.Window(start))
			if form := s.TokenForm(); len(form) != 5 || form.Get("grant_type") != "authorization_code" {
				t.Errorf("token request = %v", form)
			}
			request := s.Instagram.Requests(simulator.UserNode)[0]
			if !strings.HasPrefix(request.URL, "/me?") || sitetest.Query(t, request.URL).Get("fields") != "id,user_id,username" {
				t.Errorf("user node request = %s", request.URL)
			}
			if strings.Contains(request.URL, "access_token") || !strings.HasPrefix(request.Header.Get("Authorization"), "Bearer ") {
				t.Errorf("the token stands in the address: %s", request.URL)
			}
			// The person is known by the account's ID; the ID that is scoped to the app
			// goes beside it, because Meta's callbacks name that one.
			page := b.Get("/private")
			if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != sitetest.UserID {
				t.Errorf("X-Instagram-User-Id = %q, want %q", got, sitetest.UserID)
			}
			if got := page.Header.Get("X-App-Scoped"); got != sitetest.AppScopedID {
				t.Errorf("app-scoped ID = %q, want %q", got, sitetest.AppScopedID)
			}
		})
	}
}

func TestT5_TwoIDsThatAreOneAsFloatsAreTwoPeople(t *testing.T) {
	for _, person := range []struct{ username, id string }{{"maria.sees", "17841405822304914"}, {"maria.saw", "17841405822304915"}} {
		s := sitetest.Start(t, sitetest.Config{Window: person.username})
		b := s.NewBrowser()
		b.SignIn("/")
		b.Get("/")
		if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != person.id {
			t.Errorf("%s has ID %q, want %q", person.username, got, person.id)
		}
	}
}
