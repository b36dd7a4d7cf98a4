package gate_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// billing is a site whose members stay signed in for a week, and sign in again for their bills.
func billing(more string) sitetest.Config {
	return sitetest.Config{Matcher: "/members*", Options: "max_age 10m /billing*\n" + more}
}

// signedInAgo returns a browser whose visitor was asked by Instagram at a sign-in some time ago.
func signedInAgo(s *sitetest.Site, ago time.Duration) *sitetest.Browser {
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, s.ReauthenticatedCookie(sitetest.Users()[0], ago))
	return b
}

func wantPage(t *testing.T, what string, answer sitetest.Response) {
	t.Helper()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s to %s\n%s", what, answer.Status, answer.Location(), answer.Body)
	}
}

// wantAsked fails the test unless an answer leads to Instagram, which is to ask again.
func wantAsked(t *testing.T, what string, answer sitetest.Response) {
	t.Helper()
	toWindow := answer.StatusCode == http.StatusFound && strings.Contains(answer.Location(), "/oauth/authorize")
	if !toWindow || sitetest.Query(t, answer.Location()).Get("force_reauth") != "true" {
		t.Errorf("%s: %s to %s\n%s", what, answer.Status, answer.Location(), answer.Body)
	}
}

func TestA9_AnOldSignInIsTooOldForThatPageAlone(t *testing.T) {
	s := sitetest.Start(t, billing(""))
	b := signedInAgo(s, 11*time.Minute)
	older := b.CookieHeader()
	wantAsked(t, "the page", b.Get("/billing?month=5"))
	wantPage(t, "another page", b.Get("/members/area"))
	wantPage(t, "a public page", b.Get("/page"))
	if who := s.Upstream.Last(t).Header.Get("X-Instagram-Username"); who != sitetest.Username {
		t.Errorf("on another page the visitor is %q", who)
	}
	answer, windows := b.Follow("/billing?month=5")
	wantPage(t, "after the sign-in", answer)
	if windows != 1 || answer.Request.URL.RequestURI() != "/billing?month=5" {
		t.Errorf("%d windows, and then %s", windows, answer.Request.URL)
	}
	wantPage(t, "the next request", b.Get("/billing/2"))
	wantPage(t, "another page", b.Get("/members/area"))

	// Whoever has stolen the older cookie has nothing of the new sign-in.
	thief := s.NewBrowser()
	request := sitetest.Navigation(t, http.MethodGet, "/billing")
	request.Header.Set("Cookie", older)
	wantAsked(t, "a stolen older cookie", thief.Do(request))
}

func TestA9_AFreshSignInIsEnough(t *testing.T) {
	s := sitetest.Start(t, billing(""))
	b := signedInAgo(s, 9*time.Minute)
	wantPage(t, "the page", b.Get("/billing"))
	if answer := b.Fetch("/billing"); answer.StatusCode != http.StatusOK {
		t.Errorf("a program: %s", answer.Status)
	}
}

// Instagram signs a person in again without a question. So a young session alone proves nothing.
func TestA9_ASignInWithoutAQuestionIsNeverFresh(t *testing.T) {
	s := sitetest.Start(t, billing(""))
	b := s.NewBrowser()
	if start := b.Get("/members"); sitetest.Query(t, start.Location()).Has("force_reauth") {
		t.Errorf("an ordinary sign-in asks for more: %s", start.Location())
	}
	b.SignIn("/members")
	wantPage(t, "another page", b.Get("/members"))
	wantAsked(t, "the page", b.Get("/billing"))
	if answer, windows := b.Follow("/billing"); windows != 1 {
		t.Errorf("%d windows, and then %s", windows, answer.Status)
	} else {
		wantPage(t, "after the sign-in", answer)
	}
}

func TestA9_AVisitorWithoutASessionIsAskedOnce(t *testing.T) {
	s := sitetest.Start(t, billing(""))
	for _, address := range []string{
		"/billing", "/instagram_auth/login?return_to=/billing", "/instagram_auth/login?return_to=%2Fbilling%2Fx%23part",
		"/instagram_auth/login?return_to=/members&fresh=true",
	} {
		b := s.NewBrowser()
		wantAsked(t, address, b.Get(address))
		answer, windows := b.Follow(address)
		if wantPage(t, address, answer); windows != 1 {
			t.Errorf("%s: %d windows", address, windows)
		}
		wantPage(t, address+", and the page", b.Get("/billing"))
	}
	start := s.NewBrowser().Get("/instagram_auth/login?return_to=/members&fresh=false")
	if sitetest.Query(t, start.Location()).Has("force_reauth") {
		t.Errorf("an ordinary link asks for more: %s", start.Location())
	}
}

func TestA9_EachClientGetsAnAnswerThatItUnderstands(t *testing.T) {
	s := sitetest.Start(t, billing(""))
	before := s.Upstream.Count()
	b := signedInAgo(s, time.Hour)

	answer := b.Fetch("/billing/api")
	object := sitetest.Decode(t, answer)
	want := map[string]any{
		"error": "login_required", "reason": "too_old", "login_url": "/instagram_auth/login?fresh=true",
	}
	for name, value := range want {
		if object[name] != value {
			t.Errorf("a program gets %s %v, want %v", name, object[name], value)
		}
	}
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a program: %s %v", answer.Status, object)
	}
	request := sitetest.Navigation(t, http.MethodGet, "/billing/api")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	request.Header.Set("Referer", sitetest.Origin+"/members/area?x=1")
	login := sitetest.Decode(t, b.Do(request))["login_url"]
	if login != "/instagram_auth/login?fresh=true&return_to=%2Fmembers%2Farea%3Fx%3D1" {
		t.Errorf("a program of a page gets %v", login)
	}

	request = sitetest.Navigation(t, http.MethodGet, "/billing/part")
	request.Header.Set("HX-Request", "true")
	request.Header.Set("HX-Current-URL", sitetest.Origin+"/members/area")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	const afterPart = "/instagram_auth/login?fresh=true&return_to=%2Fmembers%2Farea"
	if answer = b.Do(request); answer.Header.Get("Hx-Redirect") != afterPart {
		t.Errorf("htmx: %s %v", answer.Status, answer.Header)
	}

	request = sitetest.Navigation(t, http.MethodPost, "/billing/pay")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	sitetest.SetBody(request, url.Values{"amount": {"5"}}.Encode())
	answer = b.Do(request)
	const notSaved = "What you sent was not saved. This page needs a recent sign-in."
	sitetest.WantRefusal(t, answer, http.StatusUnauthorized, notSaved)
	if !strings.Contains(answer.Body, `href="/billing/pay"`) {
		t.Errorf("a form:\n%s", answer.Body)
	}
	if n := s.Upstream.Count() - before; n != 0 {
		t.Errorf("%d of these requests have reached the site", n)
	}

	// None of that has ended the session.
	wantPage(t, "another page", b.Get("/members"))
	anonymous := sitetest.Decode(t, s.NewBrowser().Fetch("/billing/api"))
	if anonymous["reason"] == "too_old" || anonymous["login_url"] != "/instagram_auth/login?fresh=true" {
		t.Errorf("without a session: %v", anonymous)
	}
	if b := signedInAgo(s, time.Minute); b.Get("/billing").StatusCode != http.StatusOK {
		t.Error("a fresh sign-in is not enough")
	}
}

func TestA9_ThePageWithOneButtonLeadsToANewSignIn(t *testing.T) {
	s := sitetest.Start(t, billing("login_page"))
	for who, b := range map[string]*sitetest.Browser{
		"an old session": signedInAgo(s, time.Hour), "no session": s.NewBrowser(),
	} {
		page := b.Get("/billing")
		const link = "/instagram_auth/login?fresh=true&amp;return_to=%2Fbilling"
		if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Body, `href="`+link+`"`) {
			t.Fatalf("%s: %s\n%s", who, page.Status, page.Body)
		}
		wantAsked(t, who, b.Get(strings.ReplaceAll(link, "&amp;", "&")))
		answer, _ := b.Follow(strings.ReplaceAll(link, "&amp;", "&"))
		wantPage(t, who, answer)
	}
}

func TestA9_WithoutPathsEverythingProtectedNeedsARecentSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "max_age 10m"})
	old := signedInAgo(s, 11*time.Minute)
	wantAsked(t, "a protected page", old.Get("/members"))
	wantPage(t, "a public page", old.Get("/page"))
	wantPage(t, "a fresh sign-in", signedInAgo(s, 9*time.Minute).Get("/members"))
}

func TestA9_TheShortestTimeCounts(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "max_age 12h\n max_age 1h /billing* /admin*\n max_age 2m /admin/keys",
	})
	for ago, open := range map[time.Duration][4]bool{
		time.Minute:      {true, true, true, true},
		3 * time.Minute:  {true, true, true, false},
		2 * time.Hour:    {true, false, false, false},
		13 * time.Hour:   {false, false, false, false},
		59 * time.Minute: {true, true, true, false},
	} {
		b := signedInAgo(s, ago)
		for i, path := range []string{"/page", "/billing/1", "/admin", "/admin/keys"} {
			if answer := b.Get(path); (answer.StatusCode == http.StatusOK) != open[i] {
				t.Errorf("%s, %s after the sign-in: %s", path, ago, answer.Status)
			}
		}
	}
}

func TestA9_APathInAnySpellingNeedsARecentSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "max_age 10m /billing* */export.php"})
	rest := " HTTP/1.1\r\nHost: " + sitetest.Host + "\r\nAccept: text/html\r\nConnection: close\r\n" +
		"Cookie: " + signedInAgo(s, time.Hour).CookieHeader() + "\r\n\r\n"
	for _, path := range []string{
		"/billing", "/BILLING", "/%62illing", "//billing", "/./billing", "/x/../billing", "/x/%2e%2e/billing",
		"/billing/", "/billing;v=1", "/billing%3bv=1",
		"/billing%2fx", "/x/..;/billing", "/x\\..\\billing", "/x%5c..%5cbilling", "/billing%00",
		"/%2562illing", "/x/export.php", "/x/EXPORT.PHP", "/x/export.php;a",
		"/%bilin", "/billing%", "//example.test/../billing", "/..//billing",
	} {
		answer := s.Raw(t, "GET "+path+rest)
		if answer.StatusCode == http.StatusOK {
			t.Errorf("%s reaches the site", path)
		}
	}
	for _, path := range []string{"/members", "/page", "/bill", "/x/billing", "/caf%C3%A9"} {
		answer := s.Raw(t, "GET "+path+rest)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

func TestA9_RewritesDoNotHideAPath(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Matcher: "/members*", Options: "max_age 10m /billing*",
		Before: "rewrite /pretty /billing/1\n rewrite /billing/old /page\n" +
			"@app path /app/*\n uri @app strip_prefix /app",
	})
	b := signedInAgo(s, time.Hour)
	wantAsked(t, "an address that is rewritten to the path", b.Get("/pretty"))
	wantAsked(t, "the path below another one", b.Get("/app/billing"))
	wantAsked(t, "the path, rewritten to another one", b.Get("/billing/old"))
	for _, path := range []string{"/pretty", "/billing/old", "/app/billing"} {
		answer, windows := signedInAgo(s, time.Hour).Follow(path)
		if wantPage(t, path, answer); windows != 1 {
			t.Errorf("%s: %d windows", path, windows)
		}
	}
}

func TestA9_APathOfMaxAgeIsPublicNowhere(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Matcher: "/members*", Options: "max_age 10m / /billing*\n logout_target /billing",
	})
	b := signedInAgo(s, time.Minute)
	answer := b.Logout(nil)
	if !strings.Contains(answer.Body, "Signed out") || answer.Location() != "" {
		t.Errorf("a sign-out leads to %s %s", answer.Status, answer.Location())
	}
	page := s.NewBrowser().Get("/instagram_auth/refused")
	if strings.Contains(page.Body, `href="/"`) {
		t.Errorf("a page leads back to the home, which needs a session:\n%s", page.Body)
	}
}

func TestA9_MaxAgeIsRefusedWhereItCannotWork(t *testing.T) {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	const paths = "max_age 10m /billing*"
	for options, says := range map[string]string{
		paths + "\nafter_login handoff":       "is for sessions of this handler",
		paths + "\napi basic_display":         "is for instagram_login",
		"max_age":                             "max_age: write a duration and the paths",
		"max_age /billing*":                   `max_age: "/billing*" is not a valid duration`,
		"max_age 10s /billing":                "max_age: write a duration between 1m and 366d, and then the paths",
		"max_age 400d":                        "max_age: write a duration between 1m and 366d, and then the paths",
		"max_age 10m billing":                 `max_age: "billing" is not a path; write one such as /billing*`,
		"max_age 10m @billing":                `max_age: "@billing" is not a path; write one such as /billing*`,
		"max_age 10m /billing /x?y=1":         `is more than a path; write one such as /billing*`,
		"max_age 10m billing\nmax_age 20m /x": `"billing" is not a path; write one such as /billing*, at Caddyfile:13`,
		"max_age 10m /instagram_auth/account": `max_age: "/instagram_auth/account" is below path_prefix, whose paths`,
	} {
		block := sitetest.MinimalBlock("session {\n secret 0123456789abcdef0123456789abcdef\n}\n" + options)
		err := sitetest.Validate("http://a.test:8099 {\n"+block+"\n}", nil)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("%s:\n%v", options, err)
		}
	}
	// JSON has no lines.
	err := sitetest.Validate("http://a.test:8099 {\n"+sitetest.MinimalBlock("")+"\n}", func(config map[string]any) {
		var find func(value any)
		find = func(value any) {
			switch value := value.(type) {
			case map[string]any:
				if value["handler"] == "instagram_auth" {
					value["max_age"] = []any{map[string]any{"paths": []string{"/billing"}}}
				}
				for _, inner := range value {
					find(inner)
				}
			case []any:
				for _, inner := range value {
					find(inner)
				}
			}
		}
		find(config)
	})
	if err == nil || !strings.Contains(err.Error(), "max_age: write a duration between 1m and 366d") {
		t.Errorf("JSON without a duration: %v", err)
	}
}

// How a session began is the handler's own business: the site learns the fields that it asked for.
func TestA9_TheSiteDoesNotSeeWhetherASignInWasFresh(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "max_age 10m /billing*\n fields name\n headers {\n name X-Name\n }",
		After:   "route {\n header Seen \"{http.auth.user.}|{http.auth.user.name}\"\n reverse_proxy {upstream}\n}",
	})
	for _, page := range []string{"/page", "/billing"} {
		b := s.NewBrowser()
		b.SignIn(page)
		answer := b.Get(page)
		// Caddy knows no placeholder without a name.
		if seen := answer.Header.Get("Seen"); seen != "{http.auth.user.}|Jay Posiris" {
			t.Errorf("after a sign-in for %s, the placeholders are %q", page, seen)
		}
		header := s.Upstream.Last(t).Header
		if header.Get("X-Name") != "Jay%20Posiris" {
			t.Errorf("the site got %v", header)
		}
		for name, values := range header {
			if values[0] == "r" || values[0] == "" {
				t.Errorf("the site got %s %q", name, values)
			}
		}
		object := sitetest.Decode(t, b.Fetch("/instagram_auth/userinfo"))
		if _, there := object[""]; there || object["name"] != "Jay Posiris" {
			t.Errorf("userinfo is %v", object)
		}
	}
}

// Browsers send preflights without cookies. A client that sends one with an old session gets what
// it would get without it.
func TestA9_APreflightWithAnOldSignInReachesTheSiteWithoutIt(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "allow_preflight\n max_age 10m /billing*",
		After:   "route {\n header Seen \"{http.auth.user.id}\"\n reverse_proxy {upstream}\n}",
	})
	preflight := func(b *sitetest.Browser, path string) sitetest.Response {
		request := sitetest.Navigation(t, http.MethodOptions, path)
		request.Header = http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"PUT"}}
		return b.Do(request)
	}
	ordinary := s.NewBrowser()
	ordinary.SignIn("/page") // never fresh
	for who, c := range map[string]struct {
		b     *sitetest.Browser
		path  string
		known bool
	}{
		"a sign-in that is too old":     {signedInAgo(s, time.Hour), "/billing", false},
		"a sign-in without a question":  {ordinary, "/billing", false},
		"a recent sign-in":              {signedInAgo(s, time.Minute), "/billing", true},
		"a page that takes any session": {signedInAgo(s, time.Hour), "/page", true},
	} {
		answer := preflight(c.b, c.path)
		wantPage(t, who, answer)
		header := s.Upstream.Last(t).Header
		for _, name := range []string{"X-Instagram-User-Id", "X-Instagram-Username"} {
			if known := header.Get(name) != ""; known != c.known {
				t.Errorf("%s: the site gets %v", who, header)
			}
		}
		if seen := answer.Header.Get("Seen"); strings.HasPrefix(seen, "{") == c.known {
			t.Errorf("%s: the placeholder is %q", who, seen)
		}
		if private := answer.Header.Get("Cache-Control") == "private"; private != c.known {
			t.Errorf("%s: counts as signed in: %v", who, answer.Header)
		}
	}
}
