package instagramauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const pictureFailed = "getting a visitor's picture failed"

// cookieWithToken makes the cookie of a session that keeps a token.
func cookieWithToken(t *testing.T, access string, lifetime time.Duration) string {
	t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour, Tokens: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	_, line, _, err := cookies.Create(session.Session{
		Identity: somebody(), Token: session.Token{Access: access, Issued: now.Add(-time.Hour), Expires: now.Add(lifetime)},
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

// pictureIs has the user node answer with this address of a picture.
func (s *site) pictureIs(address string) {
	body, _ := json.Marshal(map[string]string{"user_id": userID, "id": appScopedID, "username": username, "profile_picture_url": address})
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: string(body)})
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
				s := startSite(t, siteConfig{options: keptToken + "\npicture " + mode})
				b := s.newBrowser()
				b.signIn("/page")
				s.pictureIs(address)
				wantNoImage(t, b.image(picturePath), http.StatusBadGateway, "bad_profile")
				if lines := s.logged(pictureFailed); len(lines) != 1 || lines[0]["error"] == "" || strings.Contains(fmt.Sprint(lines), "p.jpg") {
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
		"patience": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "77")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 502, "provider_error"},
		"silence":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, "provider_timeout"},
		"a breach": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503, "provider_unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			host := newCDN(t)
			host.answer = c.answer
			s := startSite(t, siteConfig{options: keptToken + "\npicture proxy\n" + impatient(name), users: withPictures(host.url + "/p.jpg")})
			b := s.newBrowser()
			b.signIn("/page")
			for range 3 {
				answer := b.image(picturePath)
				wantNoImage(t, answer, c.status, c.code)
				if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); name == "patience" && (wait < 70 || wait > 77) {
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
	s := startSite(t, siteConfig{options: keptToken + "\npicture proxy", users: withPictures(host.url + "/p.jpg")})
	b := s.newBrowser()
	b.signIn("/page")
	asked := s.instagram.Calls(simulator.UserNode)
	// The first one leaves, and the call goes on for the others.
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		request := navigation(t, http.MethodGet, picturePath).WithContext(ctx)
		if answer, err := b.http.Do(request); err == nil {
			_ = answer.Body.Close()
			t.Error("answered")
		}
	}()
	eventually(t, "the host is asked", func() bool { return len(host.all()) == 1 })
	leave()
	<-gone
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if answer := b.image(picturePath); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "image/webp" {
				t.Errorf("answered %s %q", answer.Status, answer.body)
			}
		})
	}
	close(release)
	all.Wait()
	if pictures, nodes := len(host.all()), s.instagram.Calls(simulator.UserNode)-asked; pictures != 1 || nodes != 1 {
		t.Errorf("%d pictures and %d addresses were asked for", pictures, nodes)
	}
}

func TestASessionWithoutAGoodTokenHasNoPicture(t *testing.T) {
	s := startSite(t, siteConfig{options: "token {\n forward_as X-Token\n}", users: withPictures(pictureURL)})
	of := func(cookie string) response { return s.newBrowser().image(picturePath, setHeader("Cookie", cookie)) }
	for name, cookie := range map[string]string{"none": cookieFor(t, somebody()), "one that has expired": cookieWithToken(t, "IGAAexpired", -time.Second)} {
		t.Run(name, func(t *testing.T) {
			answer := of(cookie)
			wantNoImage(t, answer, http.StatusNotFound, "no_token")
			if decode(t, answer)["login_url"] != "/instagram_auth/login" || s.calls() != 0 {
				t.Errorf("answered %s after %d calls", answer.body, s.calls())
			}
		})
	}
	// One that Instagram does not accept is asked with once, ends no session, and is in
	// nobody else's way.
	b := s.newBrowser()
	b.signIn("/page") // from now on it is known that Instagram reads tokens from the header
	asked := s.instagram.Calls(simulator.UserNode)
	refused := cookieWithToken(t, "IGAArefused", time.Hour)
	for range 3 {
		wantNoImage(t, of(refused), http.StatusNotFound, "no_token")
	}
	if n := s.instagram.Calls(simulator.UserNode) - asked; n != 1 {
		t.Errorf("Instagram was asked %d times with a token that it does not accept", n)
	}
	s.wantAlive(refused, true)
	wantPictureAt(t, b.image(picturePath), pictureURL)
}

func TestNoPictureIsAnAnswerToo(t *testing.T) {
	s := startSite(t, siteConfig{options: keptToken})
	b := s.newBrowser()
	b.signIn("/page")
	asked := s.instagram.Calls(simulator.UserNode)
	for range 3 {
		wantNoImage(t, b.image(picturePath), http.StatusNotFound, "no_picture")
	}
	if n := s.instagram.Calls(simulator.UserNode) - asked; n != 1 {
		t.Errorf("Instagram was asked %d times", n)
	}
	if lines := s.logged(pictureFailed); len(lines) != 0 {
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
		"patience":    {simulator.Fault{Kind: simulator.RateLimit}, 502, "provider_error", 290},
		"silence":     {simulator.Fault{Kind: simulator.Hang}, 504, "provider_timeout", 1},
		"a breach":    {simulator.Fault{Kind: simulator.Reset}, 503, "provider_unreachable", 1},
		"wrong types": {simulator.Fault{Kind: simulator.WrongTypes}, 502, "bad_profile", 1},
		"somebody else": {simulator.Fault{Kind: simulator.Answer, Body: `{"user_id":"1","id":"2","profile_picture_url":"https://scontent.cdninstagram.com/p.jpg"}`},
			502, "bad_profile", 1},
		"no permission": {simulator.Fault{Kind: simulator.Answer, Status: 400, Body: `{"error":{"message":"(#10) no","type":"OAuthException","code":10}}`}, 404, "no_picture", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{options: keptToken + "\n" + impatient(name), users: withPictures(pictureURL)})
			b := s.newBrowser()
			b.signIn("/page")
			s.instagram.Misbehave(simulator.UserNode, c.fault)
			s.instagram.ResetCalls()
			for range 3 {
				answer := b.image(picturePath)
				wantNoImage(t, answer, c.status, c.code)
				if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); wait < c.least {
					t.Errorf("Retry-After = %d", wait)
				}
			}
			if n := s.instagram.Calls(simulator.UserNode); n > 3 { // a reset is tried again at once
				t.Errorf("Instagram was asked %d times", n)
			}
			lines := s.logged(pictureFailed)
			if len(lines) != 1 || lines[0]["user_id"] != userID || lines[0]["session"] == nil || lines[0]["error"] == nil {
				t.Errorf("logged %v", lines)
			}
			// Nobody is signed out, and others can sign in.
			if page := b.get("/page"); page.StatusCode != http.StatusOK {
				t.Errorf("the page is %s", page.Status)
			}
			s.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
			s.newBrowser().signIn("/page")
		})
	}
}

// After a failure that concerns everybody, nobody's picture is asked for until Instagram
// wants to be asked again.
func TestD3_AnInstagramThatAsksForPatienceIsLeftAlone(t *testing.T) {
	s := startSite(t, siteConfig{options: keptToken, users: withPictures(pictureURL, pictureURL), window: "-"})
	first, second := s.newBrowser(), s.newBrowser()
	first.signInAs(username)
	second.signInAs("maria.sees")
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimit})
	wantNoImage(t, first.image(picturePath), http.StatusBadGateway, "provider_error")
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	s.instagram.ResetCalls()
	for range 3 {
		answer := second.image(picturePath)
		wantNoImage(t, answer, http.StatusServiceUnavailable, "provider_unreachable")
		if wait, _ := strconv.Atoi(answer.Header.Get("Retry-After")); wait < 290 || wait > 300 {
			t.Errorf("Retry-After = %d", wait)
		}
	}
	if n := s.instagram.Calls(simulator.UserNode); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestP5_APictureIsForgottenWithItsPerson(t *testing.T) {
	for name, end := range map[string]func(s *site, b *browser){
		"signed out":            func(_ *site, b *browser) { b.logout(nil) },
		"signed out everywhere": func(_ *site, b *browser) { b.logout(url.Values{"everywhere": {"1"}}) },
		"deauthorized":          func(s *site, _ *browser) { s.fromMeta(deauthorizePath, s.instagram.SignedRequest(username)) },
		"deleted":               func(s *site, _ *browser) { s.fromMeta(deletionPath, s.instagram.SignedRequest(username)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{options: keptToken, users: withPictures(pictureURL)})
			b := s.newBrowser()
			b.signIn("/page")
			wantPictureAt(t, b.image(picturePath), pictureURL)
			end(s, b)
			again := s.newBrowser()
			again.signIn("/page")
			s.instagram.ResetCalls()
			wantPictureAt(t, again.image(picturePath), pictureURL)
			if n := s.instagram.Calls(simulator.UserNode); n != 1 {
				t.Errorf("Instagram was asked %d times", n)
			}
		})
	}
}

func TestF6_AReloadCanChangeHowPicturesAreShown(t *testing.T) {
	host := newCDN(t)
	address := host.url + "/p.jpg"
	c := siteConfig{options: keptToken, users: withPictures(address)}
	s := startSite(t, c)
	b := s.newBrowser()
	b.signIn("/page")
	wantPictureAt(t, b.image(picturePath), address)
	c.options = keptToken + "\npicture proxy"
	s.load(c)
	if answer := b.image(picturePath); answer.StatusCode != http.StatusOK || answer.body != jpegBytes {
		t.Errorf("answered %s %q", answer.Status, answer.body)
	}
	c.options = keptToken + "\npicture off"
	s.load(c)
	wantNoImage(t, b.image(picturePath), http.StatusNotFound, "no_picture")
	c.options = keptToken + "\npicture redirect\nerrors handle"
	c.before = "handle_errors {\n respond \"site says {err.status_code} {http.auth.instagram_auth.error}\" \n}"
	s.load(c)
	wantPictureAt(t, b.image(picturePath), address)
	if answer := s.newBrowser().image(picturePath); answer.StatusCode != http.StatusUnauthorized || answer.body != "site says 401 login_required" {
		t.Errorf("answered %s %q", answer.Status, answer.body)
	}
}

func TestP1_P3_NoTokenGoesWhereAPictureGoes(t *testing.T) {
	host := newCDN(t)
	s := startSite(t, siteConfig{options: withToken + "\npicture proxy", users: withPictures(host.url + "/p.jpg"), logFilter: productionFormat(t)})
	b := s.newBrowser()
	b.signIn("/page")
	b.get("/page")
	token := s.upstream.last(t).Header.Get(tokenHeader)
	shown := b.image(picturePath)
	answers := fmt.Sprint(shown.Header, shown.body)
	// An answer that puts the token into the address of the picture has it nowhere.
	other := s.newBrowser()
	other.signIn("/page")
	other.get("/page")
	second := s.upstream.last(t).Header.Get(tokenHeader)
	other.logout(url.Values{"everywhere": {"1"}})
	other.signIn("/page")
	other.get("/page")
	third := s.upstream.last(t).Header.Get(tokenHeader)
	s.pictureIs(host.url + "/p.jpg?access_token=" + third)
	answer := other.image(picturePath)
	wantNoImage(t, answer, http.StatusBadGateway, "bad_profile")
	answers += fmt.Sprint(answer.Header, answer.body)
	for _, request := range host.all() {
		answers += fmt.Sprint(request.URL, request.Header)
	}
	if seen := wantNoneOf(t, answers+s.logs(), []string{token, second, third, b.cookie(sessionCookie), other.cookie(sessionCookie)}); seen != 5 {
		t.Errorf("%d secrets were looked for", seen)
	}
	if len(host.all()) != 1 || len(s.logged(pictureFailed)) != 1 {
		t.Errorf("%d requests, logged %v", len(host.all()), s.logged(pictureFailed))
	}
}
