package endpoint_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const pictureFailed = "loading a visitor's picture failed"

// cookieWithToken makes the cookie of a session that keeps a token.
func cookieWithToken(t *testing.T, access string, lifetime time.Duration) string {
	t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour, Tokens: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	_, line, _, err := cookies.Create(session.Session{
		Identity: sitetest.Somebody(), Token: session.Token{Access: access, Issued: now.Add(-time.Hour), Expires: now.Add(lifetime)},
	})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// impatient is the option of a test that waits for a call to time out.
func impatient(name string) string {
	if name == "silence" {
		return "timeout 1s"
	}
	return ""
}

func TestP6_APictureComesFromInstagramsHostsAlone(t *testing.T) {
	host := newCDN(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(host.url, "http://"), ":")
	for name, address := range map[string]string{
		"plain http": "http://scontent.cdninstagram.com/p.jpg", "another host": "https://evil.test/p.jpg", "a suffix": "https://cdninstagram.com.evil.test/p.jpg",
		"no dot": "https://evilcdninstagram.com/p.jpg", "a user name": "https://scontent.cdninstagram.com@evil.test/p.jpg", "a port": "https://scontent.cdninstagram.com:8443/p.jpg",
		"another loopback host": "http://localhost:" + port + "/p.jpg", "a script": "javascript:alert(1)", "data": "data:image/png;base64,AAAA", "a path": "/p.jpg", "no scheme": "//evil.test/p.jpg",
		"a line break": "https://scontent.cdninstagram.com/p.jpg\r\nSet-Cookie: a=b",
	} {
		for _, mode := range []string{"redirect", "proxy"} {
			t.Run(name+", "+mode, func(t *testing.T) {
				s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture " + mode})
				b := s.NewBrowser()
				b.SignIn("/page")
				s.PictureIs(address)
				wantNoImage(t, b.Image(picturePath), http.StatusBadGateway, "bad_profile")
				if lines := s.Logged(pictureFailed); len(lines) != 1 || lines[0]["error"] == "" || strings.Contains(fmt.Sprint(lines), "p.jpg") {
					t.Errorf("logged %v", lines)
				}
			})
		}
	}
	if n := len(host.all()); n != 0 {
		t.Errorf("%d requests reached a host that is none of Instagram's", n)
	}
}

func TestP6_WhatIsNoPictureIsNotShown(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	other := newCDN(t)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		code   string
	}{
		"SVG":                   {sends("image/svg+xml", svg), 502, "provider_error"},
		"SVG that says PNG":     {sends("image/png", svg), 502, "provider_error"},
		"HTML that says JPEG":   {sends("image/jpeg", "<!doctype html><script>alert(1)</script>"), 502, "provider_error"},
		"a JPEG that says HTML": {sends("text/html", jpegBytes), 502, "provider_error"},
		"a JPEG without a type": {sends("", jpegBytes), 502, "provider_error"},
		"nothing":               {sends("image/jpeg", ""), 502, "provider_error"},
		"too much":              {sends("image/jpeg", jpegBytes+strings.Repeat("x", 1<<20)), 502, "provider_error"},
		"too much, bit by bit": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/jpeg")
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, jpegBytes, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
		}, 502, "provider_error"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.url, http.StatusFound) }, 502, "provider_error"},
		"an address that has run out": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "URL signature expired", http.StatusForbidden)
		}, 404, "no_picture"},
		"a fault": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 502, "provider_error"},
		"retry after": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "77")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 502, "provider_error"},
		"silence":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, "provider_timeout"},
		"a breach": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503, "provider_unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			host := newCDN(t)
			host.answer = c.answer
			s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture proxy\n" + impatient(name), Users: withPictures(host.url + "/p.jpg")})
			b := s.NewBrowser()
			b.SignIn("/page")
			for range 3 {
				answer := b.Image(picturePath)
				wantNoImage(t, answer, c.status, c.code)
				if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); name == "retry after" && (wait < 70 || wait > 77) {
					t.Errorf("Retry-After = %d", wait)
				}
			}
			if n := len(host.all()); n != 1 {
				t.Errorf("the host was asked %d times", n)
			}
		})
	}
	if len(other.all()) != 0 {
		t.Error("a redirect was followed")
	}
}

func TestManyRequestsForAPictureAreOneCall(t *testing.T) {
	host, release := newCDN(t), make(chan struct{})
	host.answer = func(w http.ResponseWriter, r *http.Request) {
		<-release
		sends("image/webp", "RIFF\x10\x00\x00\x00WEBPVP8 of somebody")(w, r)
	}
	s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture proxy", Users: withPictures(host.url + "/p.jpg")})
	b := s.NewBrowser()
	b.SignIn("/page")
	asked := s.Instagram.Calls(simulator.UserNode)
	// The first one leaves, and the call goes on for the others.
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		request := sitetest.Navigation(t, http.MethodGet, picturePath).WithContext(ctx)
		if answer, err := b.HTTP.Do(request); err == nil {
			_ = answer.Body.Close()
			t.Error("answered")
		}
	}()
	sitetest.Eventually(t, "the host is asked", func() bool { return len(host.all()) == 1 })
	leave()
	<-gone
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if answer := b.Image(picturePath); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "image/webp" {
				t.Errorf("answered %s %q", answer.Status, answer.Body)
			}
		})
	}
	close(release)
	all.Wait()
	if pictures, nodes := len(host.all()), s.Instagram.Calls(simulator.UserNode)-asked; pictures != 1 || nodes != 1 {
		t.Errorf("%d pictures and %d addresses were asked for", pictures, nodes)
	}
}

func TestASessionWithoutAGoodTokenHasNoPicture(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "token {\n forward_as X-Token\n}", Users: withPictures(pictureURL)})
	of := func(cookie string) sitetest.Response {
		return s.NewBrowser().Image(picturePath, setHeader("Cookie", cookie))
	}
	for name, cookie := range map[string]string{"none": sitetest.CookieFor(t, sitetest.Somebody()), "one that has expired": cookieWithToken(t, "IGAAexpired", -time.Second)} {
		t.Run(name, func(t *testing.T) {
			answer := of(cookie)
			wantNoImage(t, answer, http.StatusNotFound, "no_token")
			if sitetest.Decode(t, answer)["login_url"] != "/instagram_auth/login" || s.Calls() != 0 {
				t.Errorf("answered %s after %d calls", answer.Body, s.Calls())
			}
		})
	}
	// One that Instagram does not accept is asked with once, ends no session, and is in
	// nobody else's way.
	b := s.NewBrowser()
	b.SignIn("/page") // from now on it is known that Instagram reads tokens from the header
	asked := s.Instagram.Calls(simulator.UserNode)
	refused := cookieWithToken(t, "IGAArefused", time.Hour)
	for range 3 {
		wantNoImage(t, of(refused), http.StatusNotFound, "no_token")
	}
	if n := s.Instagram.Calls(simulator.UserNode) - asked; n != 1 {
		t.Errorf("Instagram was asked %d times with a token that it does not accept", n)
	}
	s.WantAlive(refused, true)
	wantPictureAt(t, b.Image(picturePath), pictureURL)
}

func TestNoPictureIsAnAnswerToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: keptToken})
	b := s.NewBrowser()
	b.SignIn("/page")
	asked := s.Instagram.Calls(simulator.UserNode)
	for range 3 {
		wantNoImage(t, b.Image(picturePath), http.StatusNotFound, "no_picture")
	}
	if n := s.Instagram.Calls(simulator.UserNode) - asked; n != 1 {
		t.Errorf("Instagram was asked %d times", n)
	}
	if lines := s.Logged(pictureFailed); len(lines) != 0 {
		t.Errorf("logged %v", lines)
	}
}

func TestAPictureOfAnInstagramInTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		fault  simulator.Fault
		status int
		code   string
		least  int // of Retry-After
	}{
		"a fault":     {simulator.Fault{Kind: simulator.Status500}, 502, "provider_error", 1},
		"a page":      {simulator.Fault{Kind: simulator.HTML}, 502, "provider_error", 1},
		"retry after": {simulator.Fault{Kind: simulator.RateLimit}, 502, "provider_error", 290},
		"silence":     {simulator.Fault{Kind: simulator.Hang}, 504, "provider_timeout", 1},
		"a breach":    {simulator.Fault{Kind: simulator.Reset}, 503, "provider_unreachable", 1},
		"wrong types": {simulator.Fault{Kind: simulator.WrongTypes}, 502, "bad_profile", 1},
		"somebody else": {simulator.Fault{Kind: simulator.Answer, Body: `{"user_id":"1","id":"2","profile_picture_url":"https://scontent.cdninstagram.com/p.jpg"}`},
			502, "bad_profile", 1},
		"no permission": {simulator.Fault{Kind: simulator.Answer, Status: 400, Body: `{"error":{"message":"(#10) no","type":"OAuthException","code":10}}`}, 404, "no_picture", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\n" + impatient(name), Users: withPictures(pictureURL)})
			b := s.NewBrowser()
			b.SignIn("/page")
			s.Instagram.Misbehave(simulator.UserNode, c.fault)
			s.Instagram.ResetCalls()
			for range 3 {
				answer := b.Image(picturePath)
				wantNoImage(t, answer, c.status, c.code)
				if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); wait < c.least {
					t.Errorf("Retry-After = %d", wait)
				}
			}
			if n := s.Instagram.Calls(simulator.UserNode); n > 3 { // a reset is tried again at once
				t.Errorf("Instagram was asked %d times", n)
			}
			lines := s.Logged(pictureFailed)
			if len(lines) != 1 || lines[0]["user_id"] != sitetest.UserID || lines[0]["session"] == nil || lines[0]["error"] == nil {
				t.Errorf("logged %v", lines)
			}
			// Nobody is signed out, and others can sign in.
			if page := b.Get("/page"); page.StatusCode != http.StatusOK {
				t.Errorf("the page is %s", page.Status)
			}
			s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{})
			s.NewBrowser().SignIn("/page")
		})
	}
}

// After a failure that concerns everybody, nobody's picture is asked for until Instagram
// wants to be asked again.
func TestD3_AnInstagramThatSendsRetryAfterIsNotAsked(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: keptToken, Users: withPictures(pictureURL, pictureURL), Window: "-"})
	first, second := s.NewBrowser(), s.NewBrowser()
	first.SignInAs(sitetest.Username)
	second.SignInAs("maria.sees")
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimit})
	wantNoImage(t, first.Image(picturePath), http.StatusBadGateway, "provider_error")
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	s.Instagram.ResetCalls()
	for range 3 {
		answer := second.Image(picturePath)
		wantNoImage(t, answer, http.StatusServiceUnavailable, "provider_unreachable")
		if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); wait < 290 || wait > 300 {
			t.Errorf("Retry-After = %d", wait)
		}
	}
	if n := s.Instagram.Calls(simulator.UserNode); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestP5_APictureIsForgottenWithItsPerson(t *testing.T) {
	for name, end := range map[string]func(s *sitetest.Site, b *sitetest.Browser){
		"signed out":            func(_ *sitetest.Site, b *sitetest.Browser) { b.Logout(nil) },
		"signed out everywhere": func(_ *sitetest.Site, b *sitetest.Browser) { b.Logout(url.Values{"everywhere": {"1"}}) },
		"deauthorized": func(s *sitetest.Site, _ *sitetest.Browser) {
			s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username))
		},
		"deleted": func(s *sitetest.Site, _ *sitetest.Browser) {
			s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: keptToken, Users: withPictures(pictureURL)})
			b := s.NewBrowser()
			b.SignIn("/page")
			wantPictureAt(t, b.Image(picturePath), pictureURL)
			end(s, b)
			again := s.NewBrowser()
			again.SignIn("/page")
			s.Instagram.ResetCalls()
			wantPictureAt(t, again.Image(picturePath), pictureURL)
			if n := s.Instagram.Calls(simulator.UserNode); n != 1 {
				t.Errorf("Instagram was asked %d times", n)
			}
		})
	}
}

func TestF6_AReloadCanChangeHowPicturesAreShown(t *testing.T) {
	host := newCDN(t)
	address := host.url + "/p.jpg"
	c := sitetest.Config{Options: keptToken, Users: withPictures(address)}
	s := sitetest.Start(t, c)
	b := s.NewBrowser()
	b.SignIn("/page")
	wantPictureAt(t, b.Image(picturePath), address)
	c.Options = keptToken + "\npicture proxy"
	s.Load(c)
	if answer := b.Image(picturePath); answer.StatusCode != http.StatusOK || answer.Body != jpegBytes {
		t.Errorf("answered %s %q", answer.Status, answer.Body)
	}
	c.Options = keptToken + "\npicture off"
	s.Load(c)
	wantNoImage(t, b.Image(picturePath), http.StatusNotFound, "no_picture")
	c.Options = keptToken + "\npicture redirect\nerrors handle"
	c.Before = "handle_errors {\n respond \"site says {err.status_code} {http.auth.instagram_auth.error}\" \n}"
	s.Load(c)
	wantPictureAt(t, b.Image(picturePath), address)
	if answer := s.NewBrowser().Image(picturePath); answer.StatusCode != http.StatusUnauthorized || answer.Body != "site says 401 login_required" {
		t.Errorf("answered %s %q", answer.Status, answer.Body)
	}
}

func TestP1_P3_NoTokenGoesWhereAPictureGoes(t *testing.T) {
	host := newCDN(t)
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.LongLivedToken + "\npicture proxy", Users: withPictures(host.url + "/p.jpg"), LogFilter: sitetest.ProductionLogFormat(t)})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Get("/page")
	token := s.Upstream.Last(t).Header.Get(sitetest.TokenHeader)
	shown := b.Image(picturePath)
	answers := fmt.Sprint(shown.Header, shown.Body)
	// An answer that puts the token into the address of the picture has it nowhere.
	other := s.NewBrowser()
	other.SignIn("/page")
	other.Get("/page")
	second := s.Upstream.Last(t).Header.Get(sitetest.TokenHeader)
	other.Logout(url.Values{"everywhere": {"1"}})
	other.SignIn("/page")
	other.Get("/page")
	third := s.Upstream.Last(t).Header.Get(sitetest.TokenHeader)
	s.PictureIs(host.url + "/p.jpg?access_token=" + third)
	answer := other.Image(picturePath)
	wantNoImage(t, answer, http.StatusBadGateway, "bad_profile")
	answers += fmt.Sprint(answer.Header, answer.Body)
	for _, request := range host.all() {
		answers += fmt.Sprint(request.URL, request.Header)
	}
	if seen := sitetest.WantNoneOf(t, answers+s.Logs(), []string{token, second, third, b.Cookie(sitetest.SessionCookie), other.Cookie(sitetest.SessionCookie)}); seen != 5 {
		t.Errorf("%d secrets were looked for", seen)
	}
	if len(host.all()) != 1 || len(s.Logged(pictureFailed)) != 1 {
		t.Errorf("%d requests, logged %v", len(host.all()), s.Logged(pictureFailed))
	}
}

// A page's picture says what the trouble is, and that of one person is nobody else's.
func TestAPictureOfAnAppThatMetaRestricts(t *testing.T) {
	for state, c := range map[simulator.AppState]struct {
		status int
		code   string
	}{simulator.Restricted: {503, "app_blocked"}, simulator.InvitationPending: {403, "app_not_open"}} {
		t.Run(string(state), func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: keptToken, Users: withPictures(pictureURL)})
			b := s.NewBrowser()
			b.SignIn("/page")
			if err := s.Instagram.SetState(state); err != nil {
				t.Fatal(err)
			}
			wantNoImage(t, b.Image(picturePath), c.status, c.code)
			if page := b.Get("/page"); page.StatusCode != http.StatusOK {
				t.Errorf("the page is %s", page.Status)
			}
		})
	}
}
