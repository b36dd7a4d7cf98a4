package instagramauth_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

const logoutPath = "/instagram_auth/logout"

// logout presses the button of the sign-out page.
func (b *browser) logout(form url.Values) response {
	b.t.Helper()
	return b.do(b.logoutRequest(form))
}

func (b *browser) logoutRequest(form url.Values) *http.Request {
	request := navigation(b.t, http.MethodPost, logoutPath)
	setBody(request, form.Encode())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return request
}

// with sends a request to a page with these cookies and nothing else of a browser.
func (s *site) with(cookies string) response {
	s.t.Helper()
	request := navigation(s.t, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookies)
	request.Header.Set("Sec-Fetch-Mode", "cors")
	return s.newBrowser().do(request)
}

func (s *site) wantAlive(cookies string, alive bool) {
	s.t.Helper()
	want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[alive]
	if answer := s.with(cookies); answer.StatusCode != want {
		s.t.Errorf("answered %s, want %d", answer.Status, want)
	}
}

func TestL1_ASignedOutCookieIsDead(t *testing.T) {
	s := startSite(t, siteConfig{options: "logout_target /goodbye?x=1"})
	b := s.newBrowser()
	b.signIn("/page")
	stolen := b.cookieHeader()
	s.wantAlive(stolen, true)
	wantSignedOutPage(t, b.logout(nil), "/instagram_auth/login?return_to=%2Fgoodbye%3Fx%3D1")
	s.wantAlive(stolen, false)
	// A configuration that replaces another forgets nothing.
	s.load(siteConfig{options: "logout_target /goodbye?x=1"})
	s.wantAlive(stolen, false)
	if lines := s.logged("signed out"); len(lines) != 1 || lines[0]["user_id"] != userID || len(lines[0]["session"].(string)) != 16 {
		t.Errorf("log lines = %v", lines)
	}
}

func TestL1_EverywhereEndsTheSessionsOfAllBrowsers(t *testing.T) {
	s := startSite(t, siteConfig{})
	var all []string
	for range 3 {
		b := s.newBrowser()
		b.signIn("/page")
		all = append(all, b.cookieHeader())
	}
	b := s.newBrowser()
	b.signIn("/page")
	b.logout(nil)
	s.wantAlive(all[0], true)
	b.signIn("/page")
	b.logout(url.Values{"everywhere": {"1"}})
	for _, cookies := range all {
		s.wantAlive(cookies, false)
	}
	// Whoever signs in again is in, at once and with the same account.
	b.signIn("/page")
	s.wantAlive(b.cookieHeader(), true)
	b.logout(url.Values{"everywhere": {"1"}})
	b.signIn("/page")
	s.wantAlive(b.cookieHeader(), true)
}

func TestL2_OnlyAFormOfThisSiteSignsOut(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*"})
	b := s.newBrowser()
	b.signIn("/page")
	cookies := b.cookieHeader()
	for _, c := range []struct {
		name   string
		method string
		change func(http.Header)
		status int
	}{
		{"an image", http.MethodGet, func(h http.Header) { h.Set("Sec-Fetch-Dest", "image"); h.Set("Sec-Fetch-Mode", "no-cors") }, 200},
		{"a link", http.MethodGet, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") }, 200},
		{"a prefetch", http.MethodGet, func(h http.Header) { h.Set("Sec-Purpose", "prefetch") }, 200},
		{"HEAD", http.MethodHead, func(http.Header) {}, 200},
		{"a form elsewhere", http.MethodPost, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", origin) }, 403},
		{"a sibling subdomain", http.MethodPost, func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site"); h.Set("Origin", "https://other.test") }, 403},
		{"the same host without TLS", http.MethodPost, func(h http.Header) { h.Set("Origin", "http://"+host) }, 403},
		{"another port", http.MethodPost, func(h http.Header) { h.Set("Origin", origin+":444") }, 403},
		{"an opaque origin", http.MethodPost, func(h http.Header) { h.Set("Origin", "null") }, 403},
		{"nothing said", http.MethodPost, func(http.Header) {}, 403},
		{"a Referer alone", http.MethodPost, func(h http.Header) { h.Set("Referer", origin+"/page") }, 403},
		{"a form elsewhere, through a service worker", http.MethodPost, func(h http.Header) {
			h.Set("Sec-Fetch-Site", "same-origin")
			h.Set("Origin", "https://evil.example")
		}, 403},
		{"a form that hides where it comes from, through a service worker", http.MethodPost, func(h http.Header) {
			h.Set("Sec-Fetch-Site", "same-origin")
			h.Set("Sec-Fetch-Dest", "empty")
			h.Set("Origin", "null")
		}, 403},
		{"the same, through one of Firefox's", http.MethodPost, func(h http.Header) {
			h.Set("Sec-Fetch-Site", "same-origin")
			h.Set("Sec-Fetch-Mode", "same-origin")
			h.Set("Sec-Fetch-Dest", "empty")
			h.Set("Origin", "null")
		}, 403},
		{"another method", http.MethodDelete, func(h http.Header) { h.Set("Sec-Fetch-Site", "same-origin") }, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := navigation(t, c.method, logoutPath)
			request.Header.Set("Cookie", cookies)
			if c.method == http.MethodPost {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			c.change(request.Header)
			answer := s.newBrowser().do(request)
			if answer.StatusCode != c.status || len(answer.Header["Set-Cookie"]) != 0 {
				t.Errorf("answered %s with %q", answer.Status, answer.Header["Set-Cookie"])
			}
			if c.status == 403 && !strings.Contains(answer.body, `href="`+logoutPath+`"`) {
				t.Errorf("no way to the sign-out page:\n%s", answer.body)
			}
			s.wantAlive(cookies, true)
		})
	}
	page := b.get(logoutPath)
	for _, needed := range []string{`<form method="post" action="` + logoutPath + `">`, `name="everywhere"`, username, "Sign out"} {
		if !strings.Contains(page.body, needed) {
			t.Errorf("the page has no %s:\n%s", needed, page.body)
		}
	}
	for name, change := range map[string]func(http.Header){
		"Sec-Fetch-Site": func(h http.Header) { h.Set("Sec-Fetch-Site", "same-origin") },
		"typed again":    func(h http.Header) { h.Set("Sec-Fetch-Site", "none") },
		"Origin":         func(h http.Header) { h.Set("Origin", origin) },
	} {
		b := s.newBrowser()
		b.signIn("/page")
		request := navigation(t, http.MethodPost, logoutPath)
		change(request.Header)
		if answer := b.do(request); answer.StatusCode != http.StatusSeeOther || answer.location() != "/" {
			t.Errorf("%s: answered %s to %q", name, answer.Status, answer.location())
		}
	}
}

func TestL3_SigningOutIsCleanAndRepeatable(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	b.get("/instagram_auth/login") // a login under way
	for i := range 3 {
		answer := b.logout(nil)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Clear-Site-Data") != `"cache"` || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("time %d: answered %s with %v", i+1, answer.Status, answer.Header)
		}
		if left := b.cookies(); len(left) != 0 {
			t.Errorf("time %d: cookies %q are left", i+1, left)
		}
	}
	if answer := s.newBrowser().logout(nil); answer.StatusCode != http.StatusOK {
		t.Errorf("with no session: %s", answer.Status)
	}
}

func TestL3_TwoCookiesOfTheNameAreBothSignedOut(t *testing.T) {
	s := startSite(t, siteConfig{})
	one, two := s.newBrowser(), s.newBrowser()
	one.signIn("/page")
	two.signIn("/page")
	both := one.cookieHeader() + "; " + two.cookieHeader()
	request := one.logoutRequest(nil)
	request.Header.Set("Cookie", both)
	s.newBrowser().do(request)
	s.wantAlive(one.cookieHeader(), false)
	s.wantAlive(two.cookieHeader(), false)
}

func TestS10_ANewLoginEndsTheOldSession(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	old := b.cookieHeader()
	b.get(b.window(b.get("/instagram_auth/login?return_to=/page")))
	fresh := b.cookieHeader()
	if b.cookie(sessionCookie) == "" || strings.Contains(old, b.cookie(sessionCookie)) {
		t.Error("the cookie is the same")
	}
	s.wantAlive(old, false)
	s.wantAlive(fresh, true)
}

func TestS7_AnIdleLimitIsPushedBackByUse(t *testing.T) {
	s := startSite(t, siteConfig{options: "session {\n idle 1h\n}"})
	b := s.newBrowser()
	arrived := b.signIn("/page")
	if line := strings.Join(arrived.Header["Set-Cookie"], "\n"); !strings.Contains(line, "; Max-Age=3600;") {
		t.Errorf("Set-Cookie = %s", line)
	}
	// The mark of the login goes; a fresh session is not written anew.
	b.get("/page")
	if answer := b.get("/page"); len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("a fresh session was written anew: %q", answer.Header["Set-Cookie"])
	}
}

func TestF4_NothingOfAClientBecomesAKeyOfTheStorage(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/private*"})
	b := s.newBrowser()
	b.signIn("/private")
	for _, value := range []string{"../../x", "..%2f..%2fx", "%01", strings.Repeat("A", 12_000), "/etc/passwd"} {
		request := navigation(t, http.MethodGet, "/page")
		request.Header.Set("Cookie", sessionCookie+"="+value+"; "+sessionCookie+"_login_abcdefgh="+value)
		s.newBrowser().do(request)
		request = b.logoutRequest(url.Values{"everywhere": {value}})
		request.Header.Set("Cookie", sessionCookie+"="+value)
		s.newBrowser().do(request)
	}
	if files := s.stored(); len(files) != 0 {
		t.Errorf("stored %q", files)
	}
	b.logout(url.Values{"everywhere": {"1"}})
	files := s.stored()
	if len(files) != 2 {
		t.Errorf("stored %q", files)
	}
	for _, file := range files {
		key, err := filepath.Rel(s.storage, file)
		if err != nil || !regexp.MustCompile(`^instagram_auth/[0-9a-f]{16}/ended/[0-9]{10}/[0-9a-v]{106}$`).MatchString(filepath.ToSlash(key)) {
			t.Errorf("key %q, %v", key, err)
		}
	}
}

func TestP5_WhatIsKeptIsWhatTheDocumentationSays(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	b.get(b.window(b.get("/instagram_auth/login")))
	b.logout(url.Values{"everywhere": {"1"}})
	s.fromMeta(deletionPath, s.instagram.SignedRequest(username))
	s.fromMeta(deauthorizePath, s.instagram.SignedRequest("maria.sees"))
	if len(s.stored()) < 4 {
		t.Errorf("stored %q", s.stored())
	}
	if marker := s.marker(); marker == "" || !strings.Contains(page(t, "docs/sessions.md"), "| Caddy's storage, `instagram_auth/<hash of the app ID>/marker` |") {
		t.Errorf("the marker is %q", marker)
	}
	for _, file := range s.stored() {
		key, err := filepath.Rel(s.storage, file)
		if err != nil {
			t.Fatal(err)
		}
		place := regexp.MustCompile(`/[0-9a-f]{16}/`).ReplaceAllString(filepath.ToSlash(key), "/<hash of the app ID>/")
		want := regexp.MustCompile(`^ended\n$`)
		kind := "/ended/"
		if strings.Contains(place, "/callbacks/") {
			want, kind = regexp.MustCompile(`^[0-9]+\n$`), "/callbacks/"
		}
		place = place[:strings.Index(place, kind)+len(kind)]
		if !strings.Contains(page(t, "docs/sessions.md"), "| Caddy's storage, `"+place+"` |") {
			t.Errorf("docs/sessions.md does not say that %s is kept", place)
		}
		content, err := os.ReadFile(file)
		if err != nil || !want.Match(content) {
			t.Errorf("%s holds %q, %v", key, content, err)
		}
	}
}

func TestL3_TryingAgainDoesNotClaimWhatTheStorageDoesNotKnow(t *testing.T) {
	s := startSite(t, siteConfig{options: "sync_interval 1s"})
	b := s.newBrowser()
	b.signIn("/page")
	cookies := b.cookieHeader()
	mend := s.breakStorage()
	for i := range 3 {
		r := b.logoutRequest(nil)
		r.Header.Set("Cookie", cookies)
		if answer := s.newBrowser().do(r); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("time %d: %s", i+1, answer.Status)
		}
	}
	mend()
	eventually(t, "success", func() bool {
		r := b.logoutRequest(nil)
		r.Header.Set("Cookie", cookies)
		return s.newBrowser().do(r).StatusCode == http.StatusOK
	})
}

func TestD5_ABodyThatIsTooLargeIsNoSignOutOfOneBrowserAlone(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, c := range []struct {
		name   string
		body   string
		status int
	}{
		{"too large", "x=" + strings.Repeat("a", 17_000) + "&everywhere=1", http.StatusRequestEntityTooLarge},
		{"broken", "everywhere=1&x=%zz", http.StatusBadRequest},
	} {
		b := s.newBrowser()
		b.signIn("/page")
		cookies := b.cookieHeader()
		r := b.logoutRequest(nil)
		setBody(r, c.body)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if answer := b.do(r); answer.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, answer.Status)
		}
		s.wantAlive(cookies, false)
	}
}

func TestS7_TheSecretChangesInTheMiddleOfALogin(t *testing.T) {
	old, fresh := strings.Repeat("o", 32), strings.Repeat("n", 32)
	s := startSite(t, siteConfig{options: "session {\n secret " + old + "\n}"})
	b, signedIn := s.newBrowser(), s.newBrowser()
	signedIn.signIn("/page")
	back := b.window(b.get("/page"))
	s.load(siteConfig{options: "session {\n secret " + fresh + " " + old + "\n}"})
	if answer := b.get(back); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("the login ended with %s", answer.Status)
	}
	s.wantAlive(signedIn.cookieHeader(), true)
	s.load(siteConfig{options: "session {\n secret " + fresh + "\n}"})
	s.wantAlive(b.cookieHeader(), true)
	// A cookie of the old secret is no session, and no error.
	if answer := signedIn.get("/page"); answer.StatusCode != http.StatusFound {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestS7_ALifetimeMadeShorterCountsForOlderSessions(t *testing.T) {
	start := time.Unix(1_900_000_000, 0)
	now := start
	cookies := func(lifetime time.Duration) *session.Cookies {
		c, err := session.New(session.Config{Secrets: []string{appSecret}, Instance: "1", Name: "ig", Lifetime: lifetime, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	long, short := cookies(24*time.Hour), cookies(time.Hour)
	_, line, _, err := long.Create(session.Session{Identity: somebody()})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	alive := func(c *session.Cookies) bool {
		found := c.Find([]string{pair})
		s, ok := c.Open(&found, nil)
		if ok && !s.Expires.Equal(start.Add(24*time.Hour)) {
			t.Errorf("expires %v: what was promised is what must be remembered", s.Expires)
		}
		return ok
	}
	now = start.Add(time.Hour - time.Second)
	if !alive(short) {
		t.Error("not alive within the shorter lifetime")
	}
	now = start.Add(time.Hour)
	if alive(short) || !alive(long) {
		t.Errorf("after it: %v, %v", alive(short), alive(long))
	}
}
