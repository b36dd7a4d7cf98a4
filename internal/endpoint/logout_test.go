package endpoint_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestL1_ASignedOutCookieIsDead(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "logout_target /goodbye?x=1"})
	b := s.NewBrowser()
	b.SignIn("/page")
	stolen := b.CookieHeader()
	s.WantAlive(stolen, true)
	wantSignedOutPage(t, b.Logout(nil), "/instagram_auth/login?return_to=%2Fgoodbye%3Fx%3D1")
	s.WantAlive(stolen, false)
	// A configuration that replaces another forgets nothing.
	s.Load(sitetest.Config{Options: "logout_target /goodbye?x=1"})
	s.WantAlive(stolen, false)
	if lines := s.Logged("signed out"); len(lines) != 1 || lines[0]["user_id"] != sitetest.UserID || len(lines[0]["session"].(string)) != 16 {
		t.Errorf("log lines = %v", lines)
	}
}

func TestL1_EverywhereEndsTheSessionsOfAllBrowsers(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	var all []string
	for range 3 {
		b := s.NewBrowser()
		b.SignIn("/page")
		all = append(all, b.CookieHeader())
	}
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Logout(nil)
	s.WantAlive(all[0], true)
	b.SignIn("/page")
	b.Logout(url.Values{"everywhere": {"1"}})
	for _, cookies := range all {
		s.WantAlive(cookies, false)
	}
	// Whoever signs in again is in, at once and with the same account.
	b.SignIn("/page")
	s.WantAlive(b.CookieHeader(), true)
	b.Logout(url.Values{"everywhere": {"1"}})
	b.SignIn("/page")
	s.WantAlive(b.CookieHeader(), true)
}

func TestL2_OnlyAFormOfThisSiteSignsOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*"})
	b := s.NewBrowser()
	b.SignIn("/page")
	cookies := b.CookieHeader()
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
		{"a form elsewhere", http.MethodPost, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", sitetest.Origin) }, 403},
		{"a sibling subdomain", http.MethodPost, func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site"); h.Set("Origin", "https://other.test") }, 403},
		{"the same host without TLS", http.MethodPost, func(h http.Header) { h.Set("Origin", "http://"+sitetest.Host) }, 403},
		{"another port", http.MethodPost, func(h http.Header) { h.Set("Origin", sitetest.Origin+":444") }, 403},
		{"an opaque origin", http.MethodPost, func(h http.Header) { h.Set("Origin", "null") }, 403},
		{"nothing said", http.MethodPost, func(http.Header) {}, 403},
		{"a Referer alone", http.MethodPost, func(h http.Header) { h.Set("Referer", sitetest.Origin+"/page") }, 403},
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
			request := sitetest.Navigation(t, c.method, sitetest.LogoutPath)
			request.Header.Set("Cookie", cookies)
			if c.method == http.MethodPost {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			c.change(request.Header)
			answer := s.NewBrowser().Do(request)
			if answer.StatusCode != c.status || len(answer.Header["Set-Cookie"]) != 0 {
				t.Errorf("answered %s with %q", answer.Status, answer.Header["Set-Cookie"])
			}
			if c.status == 403 && !strings.Contains(answer.Body, `href="`+sitetest.LogoutPath+`"`) {
				t.Errorf("no way to the sign-out page:\n%s", answer.Body)
			}
			s.WantAlive(cookies, true)
		})
	}
	page := b.Get(sitetest.LogoutPath)
	for _, needed := range []string{`<form method="post" action="` + sitetest.LogoutPath + `">`, `name="everywhere"`, sitetest.Username, "Sign out"} {
		if !strings.Contains(page.Body, needed) {
			t.Errorf("the page has no %s:\n%s", needed, page.Body)
		}
	}
	for name, change := range map[string]func(http.Header){
		"Sec-Fetch-Site": func(h http.Header) { h.Set("Sec-Fetch-Site", "same-origin") },
		"typed again":    func(h http.Header) { h.Set("Sec-Fetch-Site", "none") },
		"Origin":         func(h http.Header) { h.Set("Origin", sitetest.Origin) },
	} {
		b := s.NewBrowser()
		b.SignIn("/page")
		request := sitetest.Navigation(t, http.MethodPost, sitetest.LogoutPath)
		change(request.Header)
		if answer := b.Do(request); answer.StatusCode != http.StatusSeeOther || answer.Location() != "/" {
			t.Errorf("%s: answered %s to %q", name, answer.Status, answer.Location())
		}
	}
}

func TestL3_SigningOutIsCleanAndRepeatable(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Get("/instagram_auth/login") // a login under way
	for i := range 3 {
		answer := b.Logout(nil)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Clear-Site-Data") != `"cache"` || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("time %d: answered %s with %v", i+1, answer.Status, answer.Header)
		}
		if left := b.Cookies(); len(left) != 0 {
			t.Errorf("time %d: cookies %q are left", i+1, left)
		}
	}
	if answer := s.NewBrowser().Logout(nil); answer.StatusCode != http.StatusOK {
		t.Errorf("with no session: %s", answer.Status)
	}
}

func TestL3_TwoCookiesOfTheNameAreBothSignedOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	one, two := s.NewBrowser(), s.NewBrowser()
	one.SignIn("/page")
	two.SignIn("/page")
	both := one.CookieHeader() + "; " + two.CookieHeader()
	request := one.LogoutRequest(nil)
	request.Header.Set("Cookie", both)
	s.NewBrowser().Do(request)
	s.WantAlive(one.CookieHeader(), false)
	s.WantAlive(two.CookieHeader(), false)
}

func TestS10_ANewLoginEndsTheOldSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	old := b.CookieHeader()
	b.Get(b.Window(b.Get("/instagram_auth/login?return_to=/page")))
	fresh := b.CookieHeader()
	if b.Cookie(sitetest.SessionCookie) == "" || strings.Contains(old, b.Cookie(sitetest.SessionCookie)) {
		t.Error("the cookie is the same")
	}
	s.WantAlive(old, false)
	s.WantAlive(fresh, true)
}

func TestS7_AnIdleLimitIsPushedBackByUse(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "session {\n idle 1h\n}"})
	b := s.NewBrowser()
	arrived := b.SignIn("/page")
	if line := strings.Join(arrived.Header["Set-Cookie"], "\n"); !strings.Contains(line, "; Max-Age=3600;") {
		t.Errorf("Set-Cookie = %s", line)
	}
	// The mark of the login goes; a fresh session is not written anew.
	b.Get("/page")
	if answer := b.Get("/page"); len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("a fresh session was written anew: %q", answer.Header["Set-Cookie"])
	}
}

func TestF4_NothingOfAClientBecomesAKeyOfTheStorage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	b := s.NewBrowser()
	b.SignIn("/private")
	for _, value := range []string{"../../x", "..%2f..%2fx", "%01", strings.Repeat("A", 12_000), "/etc/passwd"} {
		request := sitetest.Navigation(t, http.MethodGet, "/page")
		request.Header.Set("Cookie", sitetest.SessionCookie+"="+value+"; "+sitetest.SessionCookie+"_login_abcdefgh="+value)
		s.NewBrowser().Do(request)
		request = b.LogoutRequest(url.Values{"everywhere": {value}})
		request.Header.Set("Cookie", sitetest.SessionCookie+"="+value)
		s.NewBrowser().Do(request)
	}
	if files := s.Stored(); len(files) != 0 {
		t.Errorf("stored %q", files)
	}
	b.Logout(url.Values{"everywhere": {"1"}})
	files := s.Stored()
	if len(files) != 2 {
		t.Errorf("stored %q", files)
	}
	for _, file := range files {
		key, err := filepath.Rel(s.Storage, file)
		if err != nil || !regexp.MustCompile(`^instagram_auth/[0-9a-f]{16}/ended/[0-9]{10}/[0-9a-v]{106}$`).MatchString(filepath.ToSlash(key)) {
			t.Errorf("key %q, %v", key, err)
		}
	}
}

func TestP5_WhatIsKeptIsWhatTheDocumentationSays(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Get(b.Window(b.Get("/instagram_auth/login")))
	b.Logout(url.Values{"everywhere": {"1"}})
	s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username))
	s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest("maria.sees"))
	if len(s.Stored()) < 4 {
		t.Errorf("stored %q", s.Stored())
	}
	if marker := s.Marker(); marker == "" || !strings.Contains(project.Read(t, "docs/sessions.md"), "| Caddy's storage, `instagram_auth/<hash of the app ID>/marker` |") {
		t.Errorf("the marker is %q", marker)
	}
	for _, file := range s.Stored() {
		key, err := filepath.Rel(s.Storage, file)
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
		if !strings.Contains(project.Read(t, "docs/sessions.md"), "| Caddy's storage, `"+place+"` |") {
			t.Errorf("docs/sessions.md does not say that %s is kept", place)
		}
		content, err := os.ReadFile(file)
		if err != nil || !want.Match(content) {
			t.Errorf("%s holds %q, %v", key, content, err)
		}
	}
}

func TestL3_TryingAgainDoesNotClaimWhatTheStorageDoesNotKnow(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1s"})
	b := s.NewBrowser()
	b.SignIn("/page")
	cookies := b.CookieHeader()
	mend := s.BreakStorage()
	for i := range 3 {
		r := b.LogoutRequest(nil)
		r.Header.Set("Cookie", cookies)
		if answer := s.NewBrowser().Do(r); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("time %d: %s", i+1, answer.Status)
		}
	}
	mend()
	sitetest.Eventually(t, "success", func() bool {
		r := b.LogoutRequest(nil)
		r.Header.Set("Cookie", cookies)
		return s.NewBrowser().Do(r).StatusCode == http.StatusOK
	})
}

func TestD5_ABodyThatIsTooLargeIsNoSignOutOfOneBrowserAlone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, c := range []struct {
		name   string
		body   string
		status int
	}{
		{"too large", "x=" + strings.Repeat("a", 17_000) + "&everywhere=1", http.StatusRequestEntityTooLarge},
		{"broken", "everywhere=1&x=%zz", http.StatusBadRequest},
	} {
		b := s.NewBrowser()
		b.SignIn("/page")
		cookies := b.CookieHeader()
		r := b.LogoutRequest(nil)
		sitetest.SetBody(r, c.body)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if answer := b.Do(r); answer.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, answer.Status)
		}
		s.WantAlive(cookies, false)
	}
}

func TestS7_TheSecretChangesInTheMiddleOfALogin(t *testing.T) {
	old, fresh := strings.Repeat("o", 32), strings.Repeat("n", 32)
	s := sitetest.Start(t, sitetest.Config{Options: "session {\n secret " + old + "\n}"})
	b, signedIn := s.NewBrowser(), s.NewBrowser()
	signedIn.SignIn("/page")
	back := b.Window(b.Get("/page"))
	s.Load(sitetest.Config{Options: "session {\n secret " + fresh + " " + old + "\n}"})
	if answer := b.Get(back); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("the login ended with %s", answer.Status)
	}
	s.WantAlive(signedIn.CookieHeader(), true)
	s.Load(sitetest.Config{Options: "session {\n secret " + fresh + "\n}"})
	s.WantAlive(b.CookieHeader(), true)
	// A cookie of the old secret is no session, and no error.
	if answer := signedIn.Get("/page"); answer.StatusCode != http.StatusFound {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestS7_ALifetimeMadeShorterCountsForOlderSessions(t *testing.T) {
	start := time.Unix(1_900_000_000, 0)
	now := start
	cookies := func(lifetime time.Duration) *session.Cookies {
		c, err := session.New(session.Config{Secrets: []string{sitetest.AppSecret}, Instance: "1", Name: "ig", Lifetime: lifetime, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	long, short := cookies(24*time.Hour), cookies(time.Hour)
	_, line, _, err := long.Create(session.Session{Identity: sitetest.Somebody()})
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
