package simulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// wantPage checks a page with an error in its only heading.
func wantPage(t *testing.T, got answer, status int, text string) {
	t.Helper()
	heading := regexp.MustCompile(`<h1>([^<]*)</h1>`).FindStringSubmatch(got.body)
	if got.StatusCode != status || got.Header.Get("Content-Type") != "text/html; charset=utf-8" || heading == nil || html.UnescapeString(heading[1]) != text {
		t.Errorf("answer = %s, %s, heading %q\nwant %d %q", got.Status, got.Header.Get("Content-Type"), heading, status, text)
	}
	if location := got.Header.Get("Location"); location != "" {
		t.Errorf("redirected to %q", location)
	}
}

const badRequest = "Invalid Request: Request parameters are invalid: "

func TestTheWindowRefusesBadParametersInItselfInInstagramsOrder(t *testing.T) {
	login, basic := start(t, nil), start(t, basicDisplay)
	for name, row := range map[string]struct {
		changes []string
		message string
		older   string // in basic_display, where it differs
	}{
		"no client_id":                      {[]string{"client_id", ""}, "Invalid platform app", ""},
		"another app":                       {[]string{"client_id", "990602627938099"}, "Invalid platform app", ""},
		"client_id that is no number":       {[]string{"client_id", appID + " "}, "Invalid platform app", ""},
		"no redirect_uri":                   {[]string{"redirect_uri", ""}, "Invalid redirect_uri", ""},
		"redirect_uri without host":         {[]string{"redirect_uri", "/auth/"}, "Invalid redirect_uri", ""},
		"redirect_uri of another scheme":    {[]string{"redirect_uri", "ftp://example.test/auth/"}, "Invalid redirect_uri", ""},
		"redirect_uri that is no URL":       {[]string{"redirect_uri", "https://example.test/%zz"}, "Invalid redirect_uri", ""},
		"redirect_uri without its slash":    {[]string{"redirect_uri", "https://example.test/auth"}, "Invalid redirect_uri", doesNotMatch},
		"redirect_uri with a query":         {[]string{"redirect_uri", redirectURI + "?a=1"}, "Invalid redirect_uri", doesNotMatch},
		"redirect_uri in another case":      {[]string{"redirect_uri", "https://EXAMPLE.test/auth/"}, "Invalid redirect_uri", doesNotMatch},
		"redirect_uri of another host":      {[]string{"redirect_uri", "https://evil.test/auth/"}, "Invalid redirect_uri", doesNotMatch},
		"redirect_uri with its port":        {[]string{"redirect_uri", "https://example.test:443/auth/"}, "Invalid redirect_uri", doesNotMatch},
		"no response_type":                  {[]string{"response_type", ""}, "Invalid response_type", ""},
		"response_type token":               {[]string{"response_type", "token"}, "Invalid response_type", ""},
		"no scope":                          {[]string{"scope", ""}, "No valid scopes requested", ""},
		"scope of commas":                   {[]string{"scope", ", ,"}, "No valid scopes requested", ""},
		"unknown scope":                     {[]string{"scope", "basic"}, "Invalid scope: ['basic']", ""},
		"two unknown scopes":                {[]string{"scope", "a,b"}, "Invalid scope: ['a', 'b']", ""},
		"scope with markup":                 {[]string{"scope", "<b>&amp;"}, "Invalid scope: ['<b>&amp;']", ""},
		"client_id before redirect_uri":     {[]string{"client_id", "1", "redirect_uri", ""}, "Invalid platform app", ""},
		"redirect_uri before response_type": {[]string{"redirect_uri", "", "response_type", ""}, "Invalid redirect_uri", ""},
		"response_type before scope":        {[]string{"response_type", "", "scope", ""}, "Invalid response_type", ""},
	} {
		t.Run(name, func(t *testing.T) {
			query := authorization(row.changes...)
			wantPage(t, login.get("/oauth/authorize", query), http.StatusBadRequest, badRequest+row.message)
			// Pressing a button of such a window does not help.
			wantPage(t, login.press("allow", "jayposiris", query), http.StatusBadRequest, badRequest+row.message)
			if row.older == "" {
				row.older = row.message
			}
			if query.Get("scope") == "instagram_business_basic" {
				query.Set("scope", "user_profile")
			}
			wantBody(t, basic.get("/oauth/authorize", query), http.StatusBadRequest, oauthError(row.older))
		})
	}
	for scope, message := range map[string]string{
		"user_profile,user_media":                           "Invalid scope: ['user_profile', 'user_media']",
		"instagram_business_basic,business_manage_comments": "Invalid scope: ['business_manage_comments']",
	} {
		wantPage(t, login.get("/oauth/authorize", authorization("scope", scope)), http.StatusBadRequest, badRequest+message)
	}
	wantBody(t, basic.get("/oauth/authorize", authorization()), http.StatusBadRequest, oauthError("Invalid scope: ['instagram_business_basic']"))
}

const doesNotMatch = "Redirect URI does not match registered redirect URI"

func TestErrorPagesOfTheWindowCanHaveAnotherStatus(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.WindowErrorStatus, c.App.Live = http.StatusOK, false })
	wantPage(t, i.get("/oauth/authorize", authorization("client_id", "1")), http.StatusOK, badRequest+"Invalid platform app")
	wantPage(t, i.press("allow", "jayposiris", authorization()), http.StatusOK, "Insufficient Developer Role: Insufficient developer role")
	i.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.SessionInvalid})
	wantPage(t, i.get("/oauth/authorize", authorization()), http.StatusOK, "Session Invalid")
}

func TestAParameterThatIsThereTwiceIsRefused(t *testing.T) {
	i := start(t, nil)
	for name, message := range map[string]string{
		"client_id": "Invalid platform app", "redirect_uri": "Invalid redirect_uri",
		"response_type": "Invalid response_type", "scope": "No valid scopes requested",
	} {
		t.Run(name, func(t *testing.T) {
			query := authorization()
			query.Add(name, query.Get(name))
			wantPage(t, i.get("/oauth/authorize", query), http.StatusBadRequest, badRequest+message)
		})
	}
}

func TestFurtherParametersAreIgnored(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.AutoAllow = "jayposiris" })
	for _, query := range []string{"enable_fb_login=0", "enable_fb_login=false", "enable_fb_login=1&force_reauth=true", "force_authentication=1", "logger_id=a&logger_id=b"} {
		got := i.do(http.NewRequest(http.MethodGet, i.url+"/oauth/authorize?"+authorization().Encode()+"&"+query, nil))
		if location := got.Header.Get("Location"); got.StatusCode != http.StatusFound || !strings.HasPrefix(location, redirectURI+"?code=AQ") {
			t.Errorf("%s = %s to %q", query, got.Status, location)
		}
		if requests := i.Requests(simulator.Window); !strings.Contains(requests[len(requests)-1].URL, query) {
			t.Errorf("recorded as %q", requests[len(requests)-1].URL)
		}
	}
}

func TestAllowSendsACodeAndTheStateBackWithTheFragmentOfInstagram(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]struct {
		changes []string
		pattern string
	}{
		"with state":              {nil, `^https://example\.test/auth/\?code=AQ[A-Za-z0-9_-]{128}&state=s%26t%3D1#_$`},
		"without state":           {[]string{"state", ""}, `^https://example\.test/auth/\?code=AQ[A-Za-z0-9_-]{128}#_$`},
		"redirect URI with query": {[]string{"redirect_uri", "https://example.test/auth?x=1", "state", "1"}, `^https://example\.test/auth\?x=1&code=AQ[A-Za-z0-9_-]{128}&state=1#_$`},
		"scope parted by spaces":  {[]string{"state", "", "scope", "instagram_business_basic instagram_business_manage_comments"}, `^https://example\.test/auth/\?code=AQ[A-Za-z0-9_-]{128}#_$`},
		"an optional parameter":   {[]string{"state", "1", "force_reauth", "true"}, `^https://example\.test/auth/\?code=AQ[A-Za-z0-9_-]{128}&state=1#_$`},
	} {
		t.Run(name, func(t *testing.T) {
			got := i.press("allow", "jayposiris", authorization(row.changes...), "instagram_business_basic")
			if location := got.Header.Get("Location"); got.StatusCode != http.StatusFound || !regexp.MustCompile(row.pattern).MatchString(location) {
				t.Errorf("answer = %s to %q, want %s", got.Status, location, row.pattern)
			}
		})
	}
}

func TestCancelSendsTheDocumentedDenialBack(t *testing.T) {
	i := start(t, nil)
	const denial = redirectURI + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request"
	for name, row := range map[string]struct{ state, location string }{
		"with state":    {"s&t=1", denial + "&state=s%26t%3D1"},
		"without state": {"", denial},
	} {
		t.Run(name, func(t *testing.T) {
			// Cancel needs no account.
			got := i.press("cancel", "", authorization("state", row.state))
			if location := got.Header.Get("Location"); got.StatusCode != http.StatusFound || location != row.location {
				t.Errorf("answer = %s to %q, want %q", got.Status, location, row.location)
			}
		})
	}
}

func TestTheFormIsChecked(t *testing.T) {
	i := start(t, nil)
	for name, row := range map[string]url.Values{
		"no button":                     {"user": {"jayposiris"}},
		"unknown button":                {"user": {"jayposiris"}, "action": {"maybe"}},
		"no user":                       {"action": {"allow"}},
		"unknown user":                  {"action": {"allow"}, "user": {"nobody"}},
		"two users":                     {"action": {"allow"}, "user": {"jayposiris", "maria.sees"}},
		"permission that was not asked": {"action": {"allow"}, "user": {"jayposiris"}, "permission": {"instagram_business_manage_messages"}},
		"remove without user":           {"action": {"remove"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := i.post("/oauth/authorize?"+authorization().Encode(), row)
			wantPage(t, got, http.StatusBadRequest, "Invalid form")
		})
	}
	t.Run("form that cannot be read", func(t *testing.T) {
		request, err := http.NewRequest(http.MethodPost, i.url+"/oauth/authorize?"+authorization().Encode(), strings.NewReader("action=%zz"))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		wantPage(t, i.do(request, err), http.StatusBadRequest, "Invalid form")
	})
}

func TestTheWindowTakesGETHEADAndPOSTOnly(t *testing.T) {
	i := start(t, nil)
	address := i.url + "/oauth/authorize?" + authorization().Encode()
	got := i.do(http.NewRequest(http.MethodPut, address, nil))
	if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("PUT = %s, Allow %q", got.Status, got.Header.Get("Allow"))
	}
	if got := i.do(http.NewRequest(http.MethodHead, address, nil)); got.StatusCode != http.StatusOK || got.body != "" {
		t.Errorf("HEAD = %s %q", got.Status, got.body)
	}
}

func TestInDevelopmentModeOnlyTestersGetIn(t *testing.T) {
	i := start(t, func(c *simulator.Config) {
		c.App.Live, c.App.Testers = false, []string{"maria.sees"}
	})
	for _, user := range []string{"jayposiris", "quiet_otter"} {
		got := i.press("allow", user, authorization())
		wantPage(t, got, http.StatusBadRequest, "Insufficient Developer Role: Insufficient developer role")
	}
	i.code("maria.sees", authorization())
	if page := i.get("/oauth/authorize", authorization()).body; strings.Count(page, "· tester") != 1 || !strings.Contains(page, "development mode") {
		t.Error("the window does not show who is a tester")
	}
	i = start(t, func(c *simulator.Config) { basicDisplay(c); c.App.Live = false })
	got := i.press("allow", "jayposiris", authorization("scope", "user_profile"))
	wantBody(t, got, http.StatusBadRequest, oauthError("Insufficient developer role"))
}

func TestAPersonalAccountIsToldThatAProfessionalOneIsNeeded(t *testing.T) {
	i := start(t, nil)
	got := i.press("allow", "quiet_otter", authorization())
	if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "A professional account is needed") || !strings.Contains(got.body, `value="not_professional"`) {
		t.Fatalf("answer = %s %s", got.Status, got.body)
	}
	back := i.press("not_professional", "", authorization("state", "1"))
	want := redirectURI + "?error=access_denied&error_reason=not_professional&error_description=A+professional+account+is+required&state=1"
	if location := back.Header.Get("Location"); back.StatusCode != http.StatusFound || location != want {
		t.Errorf("answer = %s to %q, want %q", back.Status, location, want)
	}
}

func TestAPersonalAccountSignsInWithBasicDisplay(t *testing.T) {
	i := start(t, basicDisplay)
	i.code("quiet_otter", authorization("scope", "user_profile,user_media"))
}

func TestAutoAllowAnswersWithoutAPerson(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.AutoAllow = "maria.sees" })
	got := i.get("/oauth/authorize", authorization())
	location, err := url.Parse(got.Header.Get("Location"))
	if err != nil || got.StatusCode != http.StatusFound || location.Fragment != "_" {
		t.Fatalf("answer = %s to %q", got.Status, location)
	}
	token := i.post("/oauth/access_token", exchange(location.Query().Get("code")))
	if node := i.get("/me", url.Values{"fields": {"username"}, "access_token": {tokenOf(t, token)}}); !strings.Contains(node.body, `"username":"maria.sees"`) {
		t.Errorf("user node = %s", node.body)
	}
}

func TestThePageAsksForWhatTheAppAskedFor(t *testing.T) {
	i := start(t, nil)
	got := i.get("/oauth/authorize", authorization("scope", "instagram_business_manage_insights,instagram_business_basic"))
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("answer = %s %s", got.Status, got.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		"This is a simulator, not Instagram.", "Test site asks for access", `value="jayposiris" id="user-jayposiris" required checked>`,
		`value="maria.sees" id="user-maria.sees" required>`, "Jay &lt;Posiris&gt; · Business account", "Creator account", "Personal account",
		`value="instagram_business_basic" checked disabled>`, `value="instagram_business_manage_insights" checked>`,
		`id="allow"`, `id="cancel"`, `id="remove"`, "<strong>example.test</strong>", `lang="en"`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(got.body, "instagram_business_manage_comments") {
		t.Error("the page shows a permission that was not asked for")
	}
	if strings.Count(got.body, "<h1>") != 1 || strings.Count(got.body, "<main>") != 1 {
		t.Error("the page has not exactly one main and one h1")
	}
}

func TestE3_PagesHaveNoScriptAndLoadNothing(t *testing.T) {
	i := start(t, nil)
	for name, got := range map[string]answer{
		"window":   i.get("/oauth/authorize", authorization()),
		"personal": i.press("allow", "quiet_otter", authorization()),
		"removed":  i.press("remove", "jayposiris", authorization()),
		"problem":  i.get("/oauth/authorize", authorization("client_id", "1")),
	} {
		t.Run(name, func(t *testing.T) {
			style := got.body[strings.Index(got.body, "<style>")+len("<style>") : strings.Index(got.body, "</style>")]
			sum := sha256.Sum256([]byte(style))
			want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
			if policy := got.Header.Get("Content-Security-Policy"); policy != want {
				t.Errorf("Content-Security-Policy = %q\nwant %q", policy, want)
			}
			for header, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			} {
				if value := got.Header.Get(header); value != want {
					t.Errorf("%s = %q, want %q", header, value, want)
				}
			}
			if found := regexp.MustCompile(`<script|<link|<img|src=|url\(|@import|://`).FindString(strings.ReplaceAll(html.UnescapeString(got.body), redirectURI, "")); found != "" {
				t.Errorf("the page contains %q", found)
			}
		})
	}
}

func TestUntickedPermissionsAreNotGrantedButTheBasicOneIs(t *testing.T) {
	i := start(t, func(c *simulator.Config) { basicDisplay(c); c.TokenShape = simulator.WithPermissions })
	query := authorization("scope", "user_profile,user_media")
	for name, row := range map[string]struct {
		ticked []string
		want   string
	}{
		"only the basic one, which browsers do not send": {nil, `"permissions":["user_profile"]`},
		"both": {[]string{"user_media"}, `"permissions":["user_profile","user_media"]`},
	} {
		t.Run(name, func(t *testing.T) {
			back := i.press("allow", "jayposiris", query, row.ticked...)
			location, err := url.Parse(back.Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			got := i.post("/oauth/access_token", exchange(location.Query().Get("code")))
			if !strings.Contains(got.body, row.want) {
				t.Errorf("token answer = %s, want %s", got.body, row.want)
			}
		})
	}
}

// FuzzWindow feeds the window with queries and forms of any kind.
func FuzzWindow(f *testing.F) {
	s, err := simulator.New(usual())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Add(authorization().Encode(), "action=allow&user=jayposiris")
	f.Add(authorization("scope", "a b,c", "redirect_uri", "//x").Encode(), "action=cancel")
	f.Add("client_id=%zz;scope", "user=%")
	f.Add(authorization("redirect_uri", "https://example.test/auth/../../x").Encode(), "action=allow&user=jayposiris")
	f.Add(authorization("redirect_uri", "https://example.test@evil.example/auth/").Encode(), "action=allow&user=jayposiris")
	f.Add(authorization("state", "a\r\nLocation: //evil.example").Encode(), "action=allow&user=jayposiris&permission=x")
	f.Fuzz(func(t *testing.T, query, form string) {
		w := serve(s, http.MethodPost, "/oauth/authorize", query, form)
		switch location := w.Header().Get("Location"); w.Code {
		case http.StatusFound:
			if !strings.HasPrefix(location, "https://example.test/auth") {
				t.Errorf("redirected to %q", location)
			}
		case http.StatusBadRequest, http.StatusOK:
		default:
			t.Errorf("status = %d", w.Code)
		}
	})
}
