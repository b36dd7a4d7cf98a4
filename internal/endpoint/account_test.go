package endpoint_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const accountPath = "/instagram_auth/account"

// wantOnPage fails the test unless an answer is a page with these texts.
func wantOnPage(t *testing.T, answer sitetest.Response, texts ...string) {
	t.Helper()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("answered %s", answer.Status)
	}
	for _, text := range texts {
		if !strings.Contains(answer.Body, text) {
			t.Errorf("%q is not on the page:\n%s", text, answer.Body)
		}
	}
}

// wantNoAccount fails the test if an answer shows anything of the account page.
func wantNoAccount(t *testing.T, answer sitetest.Response) {
	t.Helper()
	for _, secret := range []string{sitetest.UserID, sitetest.Username, "Your account"} {
		if strings.Contains(answer.Body, secret) {
			t.Errorf("%s shows %q:\n%s", answer.Status, secret, answer.Body)
		}
	}
}

// The block protects another path: the account page needs a session all the same.
func TestP7_TheAccountPageShowsTheVisitorsOwnSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	b := s.NewBrowser()
	b.SignIn("/private")
	began := time.Now().UTC()
	answer := b.Get(accountPath)
	wantOnPage(t, answer, "<h1>Your account</h1>", "@"+sitetest.Username, sitetest.UserID, "See your profile, photos and videos",
		"(reading only)", "Your username and user ID tell this site who you are.", "keeps no access token",
		`href="/instagram_auth/login?another_account=true&amp;return_to=%2Finstagram_auth%2Faccount"`,
		`href="`+s.Endpoints+`/accounts/manage_access/" rel="noopener noreferrer"`)
	times := regexp.MustCompile(`<time datetime="([^"]+)">(\d+ \w+ \d{4}, \d\d:\d\d \(UTC\))</time>`).FindAllStringSubmatch(answer.Body, -1)
	if len(times) != 2 {
		t.Fatalf("times %q in\n%s", times, answer.Body)
	}
	for i, want := range []time.Time{began, began.Add(7 * 24 * time.Hour)} {
		at, err := time.Parse(time.RFC3339, times[i][1])
		if err != nil || at.Sub(want).Abs() > time.Minute || times[i][2] != at.Format("2 January 2006, 15:04 (UTC)") {
			t.Errorf("%q, want about %s (%v)", times[i], want, err)
		}
	}
	for _, none := range []string{"<img", "<script", "without a visit"} {
		if strings.Contains(answer.Body, none) {
			t.Errorf("%q is on the page", none)
		}
	}
	if forms := strings.Count(answer.Body, `<form method="post" action="/instagram_auth/logout">`); forms != 2 {
		t.Errorf("%d forms\n%s", forms, answer.Body)
	}
	if s.Upstream.Count() != 0 {
		t.Error("the site was asked")
	}
}

func TestP7_TheAccountPageHasStrictHeaders(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Get("/page") // which removes the mark of the sign-in
	get := b.Get(accountPath)
	head := b.Do(sitetest.Navigation(t, http.MethodHead, accountPath))
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := get.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if vary := strings.Join(get.Header.Values("Vary"), ", "); !strings.Contains(vary, "Cookie") {
		t.Errorf("Vary = %q", vary)
	}
	csp := get.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !slices.Contains(strings.Split(csp, "; "), directive) {
			t.Errorf("%q is not in %s", directive, csp)
		}
	}
	if strings.Contains(csp, "img-src") && strings.Contains(csp, "http") {
		t.Errorf("images of other hosts are allowed: %s", csp)
	}
	if head.StatusCode != http.StatusOK || head.Body != "" || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
		t.Errorf("HEAD: %s with %q", head.Status, head.Body)
	}
	framed := sitetest.Navigation(t, http.MethodGet, accountPath)
	framed.Header.Set("Sec-Fetch-Dest", "iframe")
	framed.Header.Set("Sec-Fetch-Site", "same-origin")
	if csp := b.Do(framed).Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("in a frame: %s", csp)
	}
	if len(get.Header["Set-Cookie"]) != 0 {
		t.Errorf("cookies %q", get.Header["Set-Cookie"])
	}
}

func TestP7_TheAccountPageIsReadOnly(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		answer := b.Do(sitetest.Navigation(t, method, accountPath))
		if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, answer.Status, answer.Header.Get("Allow"))
		}
		wantNoAccount(t, answer)
	}
	s.WantAlive(b.CookieHeader(), true)
}

func TestP7_WithoutASessionTheAccountPageAsksToSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	b := s.NewBrowser()
	start := b.Get(accountPath + "?from=menu")
	if start.StatusCode != http.StatusFound || !strings.HasPrefix(start.Location(), s.Endpoints+"/oauth/authorize?") {
		t.Fatalf("answered %s to %q\n%s", start.Status, start.Location(), start.Body)
	}
	wantNoAccount(t, start)
	if back := b.Get(b.Window(start)); back.Location() != accountPath+"?from=menu#" {
		t.Errorf("the sign-in leads to %q", back.Location())
	}
	wantOnPage(t, b.Get(accountPath), sitetest.UserID)

	nobody := s.NewBrowser()
	got := nobody.Fetch(accountPath)
	sitetest.WantLoginRequired(t, got)
	for what, answer := range map[string]sitetest.Response{
		"HEAD":            nobody.Do(sitetest.Navigation(t, http.MethodHead, accountPath)),
		"a forged cookie": s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{sitetest.SessionCookie + "=" + strings.Repeat("A", 200)}),
		"another app's session": s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{sitetest.SealSession(t,
			session.Config{Secrets: []string{sitetest.AppSecret}, Instance: "1 /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour}, sitetest.Somebody())}),
		"an expired session": s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{sitetest.SessionCookie + "=" + s.OlderCookie("", 8*24*time.Hour)}),
	} {
		s.WantClosed(what, answer)
		wantNoAccount(t, answer)
	}

	s.Load(sitetest.Config{Matcher: "/private*", Options: "login_page"})
	page := nobody.Get(accountPath)
	sitetest.WantRefusal(t, page, http.StatusUnauthorized, `href="/instagram_auth/login?return_to=%2Finstagram_auth%2Faccount"`)
}

func TestP7_ARevokedSessionHasNoAccountPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	for name, end := range map[string]func(b *sitetest.Browser){
		"signed out":  func(b *sitetest.Browser) { b.Logout(nil) },
		"app removed": func(*sitetest.Browser) { s.Deauthorize() },
	} {
		b := s.NewBrowser()
		b.SignIn("/private")
		cookies := b.CookieHeader()
		end(b)
		answer := s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{cookies})
		if answer.StatusCode != http.StatusFound {
			t.Errorf("%s: answered %s", name, answer.Status)
		}
		wantNoAccount(t, answer)
	}
}

func TestX2_TheAccountPageRefusesWhomTheSiteRefuses(t *testing.T) {
	const insights = "instagram_business_manage_insights"
	for name, c := range map[string]struct{ options, words string }{
		"denied":               {"deny " + sitetest.UserID, "another_account=true"},
		"a permission missing": {"scope instagram_business_basic " + insights + "\nrequire_scope " + insights, "See figures about your account and posts"},
	} {
		s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
		b := s.NewBrowser()
		b.SignIn("/private")
		s.Load(sitetest.Config{Matcher: "/private*", Options: c.options})
		answer := b.Get(accountPath)
		sitetest.WantRefusal(t, answer, http.StatusForbidden, c.words)
		if strings.Contains(answer.Body, "Your account</h1>") || strings.Contains(answer.Body, sitetest.UserID) {
			t.Errorf("%s:\n%s", name, answer.Body)
		}
	}
}

func TestF1_TheAccountPageIsRefusedWhileRevocationIsUnknown(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: "sync_interval 1s\non_storage_failure deny 2s"})
	b := s.NewBrowser()
	b.SignIn("/private")
	wantOnPage(t, b.Get(accountPath), sitetest.UserID)
	mend := s.BreakStorage()
	defer mend()
	sitetest.Eventually(t, "a refusal", func() bool { return b.Get(accountPath).StatusCode == http.StatusServiceUnavailable })
	answer := b.Get(accountPath)
	wantNoAccount(t, answer)
	if len(answer.Header["Set-Cookie"]) != 0 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("headers %v", answer.Header)
	}
}

func TestTheAccountPageKeepsAnIdleSessionAlive(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "session {\n lifetime 24h\n idle 90m\n}"})
	open := func(lifetime, ago time.Duration) sitetest.Response {
		cookie := sitetest.SealSession(t, session.Config{
			Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth",
			Lifetime: lifetime, Now: func() time.Time { return time.Now().Add(-ago) },
		}, sitetest.Somebody())
		return s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{cookie})
	}
	answer := open(24*time.Hour, time.Hour)
	wantOnPage(t, answer, "or earlier, after 90 minutes without a visit")
	if renewed := answer.Header.Get("Set-Cookie"); !strings.HasPrefix(renewed, sitetest.SessionCookie+"=") {
		t.Errorf("Set-Cookie %q", renewed)
	}
	// Where less of the lifetime is left than the idle limit, the limit says nothing.
	if answer := open(time.Hour, 0); answer.StatusCode != http.StatusOK || strings.Contains(answer.Body, "without a visit") {
		t.Errorf("%s\n%s", answer.Status, answer.Body)
	}
}

func TestA7_ChangingAccountsOnTheAccountPageIsNoLoop(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	for range 4 {
		back := b.Get(b.Window(b.Get("/instagram_auth/login?another_account=true&return_to=%2Finstagram_auth%2Faccount")))
		if back.StatusCode != http.StatusSeeOther || back.Location() != accountPath+"#" {
			t.Fatalf("answered %s to %q\n%s", back.Status, back.Location(), back.Body)
		}
		wantOnPage(t, b.Get(accountPath), sitetest.UserID)
	}
}

func TestP7_ThePolicyAllowsThePictureAndNoOtherImage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for name, c := range map[string]struct{ options, images string }{
		"off":      {keptToken + "\npicture off", ""},
		"no token": {"", ""},
		"redirect": {keptToken, "img-src 'self' https://*.cdninstagram.com https://*.fbcdn.net http://127.0.0.1:*"},
		"proxy":    {keptToken + "\npicture proxy", "img-src 'self'"},
	} {
		s.Load(sitetest.Config{Options: c.options})
		b := s.NewBrowser()
		b.SignIn("/page")
		answer := b.Get(accountPath)
		var images string
		for _, directive := range strings.Split(answer.Header.Get("Content-Security-Policy"), "; ") {
			if strings.HasPrefix(directive, "img-src") {
				images = directive
			}
		}
		if images != c.images {
			t.Errorf("%s: %q, want %q", name, images, c.images)
		}
		if shows := strings.Contains(answer.Body, `<img src="/instagram_auth/picture"`); shows != (c.images != "") {
			t.Errorf("%s: a picture is shown: %v", name, shows)
		}
		if says := strings.Contains(answer.Body, "keeps no access token"); says != (name == "no token") {
			t.Errorf("%s: says that no token is kept: %v", name, says)
		}
	}
}

// A token without token long_lived lasts an hour, and the session longer.
func TestTheAccountPageClaimsNoTokenThatHasExpired(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "token {\n forward_as X-Token\n}\npicture proxy"})
	cookies, err := session.New(session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour, Tokens: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for left, kept := range map[time.Duration]bool{time.Minute: true, -time.Minute: false} {
		_, line, _, err := cookies.Create(session.Session{
			Identity: sitetest.Somebody(), Token: session.Token{Access: "IGAAexample", Issued: time.Now().Add(left - time.Hour), Expires: time.Now().Add(left)},
		})
		if err != nil {
			t.Fatal(err)
		}
		pair, _, _ := strings.Cut(line, ";")
		answer := s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{pair})
		wantOnPage(t, answer, sitetest.UserID)
		if says := strings.Contains(answer.Body, "This site keeps an access token"); says != kept || strings.Contains(answer.Body, "<img") != kept {
			t.Errorf("%s left: says that a token is kept: %v\n%s", left, says, answer.Body)
		}
	}
}

func TestTheAccountPageClaimsNothingAboutPermissionsThatIsNotKnown(t *testing.T) {
	const comments = sitetest.CommentsPermission
	s := sitetest.Start(t, sitetest.Config{})
	answer := s.Send(sitetest.Navigation(t, http.MethodGet, accountPath), []string{sitetest.CookieFor(t, sitetest.Somebody())})
	wantOnPage(t, answer, "Instagram has not told this site what you allowed.")
	if strings.Contains(answer.Body, "See your profile") {
		t.Errorf("a permission that is not known:\n%s", answer.Body)
	}

	s = sitetest.Start(t, sitetest.Config{Shape: simulator.WithPermissions, Window: "-", Options: "scope instagram_business_basic " + comments})
	for _, granted := range [][]string{{comments}, nil} {
		b := s.NewBrowser()
		b.Allowing(b.Get("/page"), granted...)
		answer := b.Get(accountPath)
		wantOnPage(t, answer, "See your profile, photos and videos", "(reading only)")
		if acts := strings.Contains(answer.Body, "Read and answer comments on your posts") && strings.Contains(answer.Body, "(can act for you)"); acts != (granted != nil) {
			t.Errorf("granted %q:\n%s", granted, answer.Body)
		}
	}
}

func TestWithHandoffThereIsNoAccountPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff"})
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, sitetest.CookieFor(t, sitetest.Somebody()))
	answer := b.Get(accountPath)
	sitetest.WantRefusal(t, answer, http.StatusNotFound, "This site keeps its own sessions.")
	wantNoAccount(t, answer)
}

func TestC7_OtherSpellingsAreNotTheAccountPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	b := s.NewBrowser()
	b.SignIn("/private")
	for _, path := range []string{accountPath + "/", "/instagram_auth/%61ccount", "/Instagram_auth/account", accountPath + "x"} {
		if answer := b.Get(path); strings.Contains(answer.Body, "Your account") {
			t.Errorf("%s is the account page, too", path)
		}
	}
	for _, back := range []string{"/x/.." + accountPath, "/instagram_auth/%61ccount", accountPath + "/", accountPath + "/../logout"} {
		b := s.NewBrowser()
		if got := b.Get(b.Window(b.Get("/instagram_auth/login?return_to=" + url.QueryEscape(back)))).Location(); got != "/#" {
			t.Errorf("%s leads back to %q", back, got)
		}
	}
}

func TestL3_SigningOutToTheAccountPageEndsOnAPage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: "logout_target " + accountPath})
	b := s.NewBrowser()
	b.SignIn("/private")
	answer := b.Logout(nil)
	wantOnPage(t, answer, `href="/instagram_auth/login?return_to=%2Finstagram_auth%2Faccount"`)
}

func TestTheAccountPageAtBasicDisplay(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Api: instagram.BasicDisplay, Options: "api basic_display"})
	b := s.NewBrowser()
	b.SignIn("/page")
	answer := b.Get(accountPath)
	wantOnPage(t, answer, "@"+sitetest.Username, "Your username and user ID")
	if strings.Contains(answer.Body, "<img") {
		t.Errorf("a picture that Basic Display does not have:\n%s", answer.Body)
	}
}

// The page speaks of the visitor's own session, which can be older than the option token.
func TestP7_TheAccountPageClaimsNoTokenThatTheSessionDoesNotHave(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	s.Load(sitetest.Config{Options: keptToken})
	if answer := b.Get("/instagram_auth/account"); answer.StatusCode != http.StatusOK || !strings.Contains(answer.Body, "keeps no access token") {
		t.Errorf("a session without a token: %s\n%s", answer.Status, answer.Body)
	}
}
