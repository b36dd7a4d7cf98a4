package simulator_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const redirectDiffers = "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"

func TestTheTokenEndpointRefusesEachBadFieldInInstagramsWords(t *testing.T) {
	i := start(t, nil)
	code := i.code("jayposiris", authorization())
	for name, row := range map[string]struct {
		changes []string
		message string
	}{
		"no client_id":               {[]string{"client_id", ""}, "Missing required field client_id"},
		"no client_secret":           {[]string{"client_secret", ""}, "Missing required field client_secret"},
		"no grant_type":              {[]string{"grant_type", ""}, "Missing required field grant_type"},
		"no redirect_uri":            {[]string{"redirect_uri", ""}, "Missing required field redirect_uri"},
		"no code":                    {[]string{"code", ""}, "Missing required field code"},
		"client_id is no number":     {[]string{"client_id", "abc"}, "Invalid client_id"},
		"client_id of another app":   {[]string{"client_id", "12345"}, "Invalid platform app"},
		"wrong secret":               {[]string{"client_secret", appSecret[1:]}, "Error validating client secret."},
		"wrong grant_type":           {[]string{"grant_type", "client_credentials"}, "Invalid grant_type"},
		"unknown code":               {[]string{"code", "AQabc"}, "Invalid authorization code"},
		"code with the fragment":     {[]string{"code", code + "#_"}, "Invalid authorization code"},
		"redirect_uri lacks a slash": {[]string{"redirect_uri", strings.TrimSuffix(redirectURI, "/")}, redirectDiffers},
		"another registered URI":     {[]string{"redirect_uri", "https://example.test/auth?x=1"}, redirectDiffers},
		"secret before code":         {[]string{"client_secret", "x", "code", "y"}, "Error validating client secret."},
	} {
		t.Run(name, func(t *testing.T) {
			wantBody(t, i.post("/oauth/access_token", exchange(code, row.changes...)), http.StatusBadRequest, oauthError(row.message))
		})
	}
	// None of these attempts has used the code up.
	if got := i.post("/oauth/access_token", exchange(code)); got.StatusCode != http.StatusOK {
		t.Errorf("answer = %s %s", got.Status, got.body)
	}
}

func TestACodeIsGoodOnce(t *testing.T) {
	i := start(t, nil)
	code := i.code("jayposiris", authorization())
	if got := i.post("/oauth/access_token", exchange(code)); got.StatusCode != http.StatusOK {
		t.Fatalf("answer = %s %s", got.Status, got.body)
	}
	wantBody(t, i.post("/oauth/access_token", exchange(code)), http.StatusBadRequest, oauthError("Invalid authorization code"))
}

func TestACodeThatIsSentTwentyTimesAtOnceGivesOneToken(t *testing.T) {
	i := start(t, nil)
	code := i.code("jayposiris", authorization())
	statuses := make(chan int)
	for range 20 {
		go func() {
			statuses <- serve(i.Simulator, http.MethodPost, "/oauth/access_token", "", exchange(code).Encode()).Code
		}()
	}
	tokens := 0
	for range 20 {
		if <-statuses == http.StatusOK {
			tokens++
		}
	}
	if tokens != 1 {
		t.Errorf("%d tokens", tokens)
	}
}

func TestACodeIsGoodForAnHour(t *testing.T) {
	for name, row := range map[string]struct {
		config simulator.Config
		age    time.Duration
		want   int
	}{
		"a second before":        {simulator.Config{}, time.Hour - time.Second, http.StatusOK},
		"after an hour":          {simulator.Config{}, time.Hour, http.StatusBadRequest},
		"after another lifetime": {simulator.Config{CodeLifetime: time.Minute}, time.Minute, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, func(c *simulator.Config) { c.CodeLifetime = row.config.CodeLifetime })
			code := i.code("jayposiris", authorization())
			i.clock.advance(row.age)
			got := i.post("/oauth/access_token", exchange(code))
			if got.StatusCode != row.want {
				t.Errorf("answer = %s %s", got.Status, got.body)
			}
			if row.want != http.StatusOK && got.body != oauthError("Invalid authorization code") {
				t.Errorf("body = %s", got.body)
			}
		})
	}
}

func TestTheOlderWordsTellApartWhyACodeIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*simulator.Config)
		scope  string
	}{
		"instagram_login": {func(c *simulator.Config) { c.OldCodeErrors = true }, "instagram_business_basic"},
		"basic_display":   {basicDisplay, "user_profile"},
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, row.change)
			query := authorization("scope", row.scope)
			refused := func(code, message string) {
				t.Helper()
				wantBody(t, i.post("/oauth/access_token", exchange(code)), http.StatusBadRequest, oauthError(message))
			}
			used, expired := i.code("jayposiris", query), i.code("jayposiris", query)
			i.post("/oauth/access_token", exchange(used))
			refused("AQabc", "Matching code was not found or was already used")
			refused(used, "This authorization code has been used")
			i.clock.advance(time.Hour)
			refused(expired, "This authorization code has expired")
			removed := i.code("jayposiris", query)
			if _, err := i.RemoveApp(t.Context(), "jayposiris"); err != nil {
				t.Fatal(err)
			}
			refused(removed, "Matching code was not found or was already used")
		})
	}
}

func TestACodeIsBoundToTheRedirectURIOfItsWindow(t *testing.T) {
	i := start(t, nil)
	code := i.code("jayposiris", authorization("redirect_uri", "https://example.test/auth?x=1"))
	wantBody(t, i.post("/oauth/access_token", exchange(code)), http.StatusBadRequest, oauthError(redirectDiffers))
	got := i.post("/oauth/access_token", exchange(code, "redirect_uri", "https://example.test/auth?x=1"))
	if got.StatusCode != http.StatusOK {
		t.Errorf("answer = %s %s", got.Status, got.body)
	}
}

func TestTheTokenAnswerHasTheShapeThatWasAskedFor(t *testing.T) {
	for name, row := range map[string]struct {
		shape simulator.TokenShape
		id    simulator.TokenID
		basic bool
		body  string
	}{
		"instagram_login by itself":               {"", "", false, `{"access_token":"IGAA…","user_id":25025320793187218,"permissions":["instagram_business_basic"]}`},
		"instagram_login flat":                    {simulator.Flat, "", false, `{"access_token":"IGAA…","user_id":25025320793187218}`},
		"instagram_login wrapped":                 {simulator.Wrapped, "", false, `{"data":[{"access_token":"IGAA…","user_id":"25025320793187218","permissions":"instagram_business_basic"}]}`},
		"instagram_login wrapped list":            {simulator.WrappedList, "", false, `{"data":[{"access_token":"IGAA…","user_id":25025320793187218,"permissions":["instagram_business_basic"]}]}`},
		"instagram_login account's":               {"", simulator.Account, false, `{"access_token":"IGAA…","user_id":17841405793187218,"permissions":["instagram_business_basic"]}`},
		"instagram_login flat, account's":         {simulator.Flat, simulator.Account, false, `{"access_token":"IGAA…","user_id":17841405793187218}`},
		"instagram_login wrapped, account's":      {simulator.Wrapped, simulator.Account, false, `{"data":[{"access_token":"IGAA…","user_id":"17841405793187218","permissions":"instagram_business_basic"}]}`},
		"instagram_login wrapped list, account's": {simulator.WrappedList, simulator.Account, false, `{"data":[{"access_token":"IGAA…","user_id":17841405793187218,"permissions":["instagram_business_basic"]}]}`},
		"basic_display by itself":                 {"", "", true, `{"access_token":"IGQVJ…","user_id":17841405793187218}`},
		"basic_display, account's":                {"", simulator.Account, true, `{"access_token":"IGQVJ…","user_id":17841405793187218}`},
		"basic_display permissions":               {simulator.WithPermissions, "", true, `{"access_token":"IGQVJ…","user_id":17841405793187218,"permissions":["user_profile","user_media"]}`},
		"basic_display wrapped":                   {simulator.Wrapped, "", true, `{"data":[{"access_token":"IGQVJ…","user_id":"17841405793187218","permissions":"user_profile,user_media"}]}`},
		"basic_display wrapped list":              {simulator.WrappedList, "", true, `{"data":[{"access_token":"IGQVJ…","user_id":17841405793187218,"permissions":["user_profile","user_media"]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			query := authorization()
			i := start(t, func(c *simulator.Config) {
				c.TokenShape, c.TokenUserID = row.shape, row.id
				if row.basic {
					basicDisplay(c)
					query.Set("scope", "user_profile,user_media")
				}
			})
			got := i.post("/oauth/access_token", exchange(i.code("jayposiris", query)))
			got.body = regexp.MustCompile(`(IGAA|IGQVJ)[A-Za-z0-9_-]{128}`).ReplaceAllString(got.body, "$1…")
			wantBody(t, got, http.StatusOK, row.body+"\n")
		})
	}
}

func TestTheTokenEndpointTakesBothEncodingsAndNothingElse(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]struct {
		encode func(url.Values) (kind, body string)
		want   string // "" is an answer with a token
	}{
		"urlencoded": {func(v url.Values) (string, string) { return "application/x-www-form-urlencoded", v.Encode() }, ""},
		"urlencoded with charset": {func(v url.Values) (string, string) {
			return "application/x-www-form-urlencoded; charset=UTF-8", v.Encode()
		}, ""},
		"multipart":                  {multipartForm, ""},
		"JSON":                       {func(url.Values) (string, string) { return "application/json", `{"client_id":"` + appID + `"}` }, "Missing required field client_id"},
		"no type":                    {func(v url.Values) (string, string) { return "", v.Encode() }, "Missing required field client_id"},
		"multipart without boundary": {func(v url.Values) (string, string) { return "multipart/form-data", v.Encode() }, "Missing required field client_id"},
		"broken urlencoding":         {func(v url.Values) (string, string) { return "application/x-www-form-urlencoded", v.Encode() + "&x=%zz" }, "Missing required field client_id"},
		"a field twice": {func(v url.Values) (string, string) {
			return "application/x-www-form-urlencoded", v.Encode() + "&code=AQ"
		}, "Missing required field code"},
	} {
		t.Run(name, func(t *testing.T) {
			kind, body := row.encode(exchange(i.code("jayposiris", authorization())))
			request, err := http.NewRequest(http.MethodPost, i.url+"/oauth/access_token", strings.NewReader(body))
			if err == nil && kind != "" {
				request.Header.Set("Content-Type", kind)
			}
			got := i.do(request, err)
			if row.want != "" {
				wantBody(t, got, http.StatusBadRequest, oauthError(row.want))
			} else if got.StatusCode != http.StatusOK {
				t.Errorf("answer = %s %s", got.Status, got.body)
			}
		})
	}
}

func TestT1_FieldsInTheQueryOfATokenRequestDoNotCount(t *testing.T) {
	i := start(t, nil)
	form := exchange(i.code("jayposiris", authorization()))
	got := i.post("/oauth/access_token?"+form.Encode(), nil)
	wantBody(t, got, http.StatusBadRequest, oauthError("Missing required field client_id"))
}

func TestTheTokenEndpointTakesPOSTOnly(t *testing.T) {
	i := start(t, nil)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions} {
		got := i.do(http.NewRequest(method, i.url+"/oauth/access_token", nil))
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "POST" {
			t.Errorf("%s = %s, Allow %q", method, got.Status, got.Header.Get("Allow"))
		}
	}
}

// multipartForm encodes fields as `curl -F` does.
func multipartForm(values url.Values) (kind, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, list := range values {
		for _, value := range list {
			_ = w.WriteField(name, value) // a buffer takes everything
		}
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// serve answers one request without a socket.
func serve(s *simulator.Simulator, method, path, query, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// FuzzToken feeds the token endpoint with bodies of any kind.
func FuzzToken(f *testing.F) {
	s, err := simulator.New(usual())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Add("application/x-www-form-urlencoded", exchange("AQ").Encode())
	kind, body := multipartForm(exchange("AQ"))
	f.Add(kind, body)
	f.Add("multipart/form-data; boundary=x", "--x\r\n\r\n")
	f.Add("multipart/form-data", body)
	f.Add("text/plain", "code=AQ")
	f.Add("application/x-www-form-urlencoded", "code=%&code=a;b")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/oauth/access_token", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status = %d: %s", w.Code, w.Body)
		}
	})
}
