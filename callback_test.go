package instagramauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	loginExpired = "This sign-in is no longer valid. Please start again."
	badRequest   = "The request could not be understood."
)

func TestC1_TheCallbackWorksOnlyWithTheLoginCookieOfTheSameLogin(t *testing.T) {
	s := startSite(t, siteConfig{})
	loginCookie := func(b *browser) string {
		for _, name := range b.cookies() {
			if strings.HasPrefix(name, sessionCookie+"_login_") {
				return name
			}
		}
		t.Fatal("no login cookie")
		return ""
	}
	for name, spoil := range map[string]func(b *browser, back string) string{
		"no cookie":   func(b *browser, back string) string { b.forget(loginCookie(b)); return back },
		"empty state": func(_ *browser, back string) string { return replaceQuery(t, back, "state", "") },
		"no state":    func(_ *browser, back string) string { return replaceQuery(t, back, "state") },
		"both empty": func(b *browser, back string) string {
			b.plant(loginCookie(b), "")
			return replaceQuery(t, back, "state", "")
		},
		"other login's cookie": func(b *browser, back string) string {
			mine := loginCookie(b)
			other := s.newBrowser()
			other.get("/private")
			b.plant(mine, other.cookie(loginCookie(other)))
			return back
		},
		"other login's state": func(b *browser, back string) string {
			other := query(t, s.newBrowser().get("/private").location()).Get("state")
			return replaceQuery(t, back, "state", other)
		},
		"state that shares the cookie's tag": func(_ *browser, back string) string {
			state := query(t, back).Get("state")
			return replaceQuery(t, back, "state", state[:8]+strings.Repeat("A", len(state)-8))
		},
		"flipped bit": func(b *browser, back string) string {
			name := loginCookie(b)
			value := []byte(b.cookie(name))
			value[20] ^= 1
			b.plant(name, string(value))
			return back
		},
		"session cookie's value": func(b *browser, back string) string {
			signedIn := s.newBrowser()
			signedIn.signIn("/")
			b.plant(loginCookie(b), signedIn.cookie(sessionCookie))
			return back
		},
		"an error instead of a code": func(b *browser, back string) string {
			b.forget(loginCookie(b))
			return callback + "?error=access_denied&error_reason=user_denied&state=" + query(t, back).Get("state")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.newBrowser()
			back := spoil(b, b.window(b.get("/private")))
			s.instagram.ResetCalls()
			answer := b.get(back)
			wantRefusal(t, answer, http.StatusBadRequest, loginExpired)
			if n := s.calls(); n != 0 {
				t.Errorf("Instagram was asked %d times", n)
			}
			if b.cookie(sessionCookie) != "" {
				t.Error("there is a session")
			}
		})
	}
	if n := s.upstream.count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func replaceQuery(t *testing.T, address, name string, values ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del(name)
	for _, value := range values {
		q.Add(name, value)
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

func TestC2_OddQueriesAreRefusedAsAWhole(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	state := query(t, b.get("/private").location()).Get("state")
	for _, q := range []string{
		"", "?", "?x=1", "?state=S", "?code=", "?code=&state=S", "?code=a&code=b&state=S", "?code=a&code=a&state=S", "?code=a&state=S&state=S",
		"?code=a&error=access_denied&state=S", "?error=&state=S", "?error=a&error=b&state=S", "?code=a&error=&state=S", "?code=a&state=S;x=1", "?code=a;b&state=S",
		"?code=%&state=S", "?code=%zz&state=S", "?code=a&state=S&x=%", "?code=a%00&state=S", "?code=a%0d%0ab&state=S", "?code=a%0a&state=S", "?code=a+b&state=S",
		"?code=a%20b&state=S", "?code=%C3%A4&state=S", "?code=<script>&state=S", "?code=a'b&state=S", "?code=a\"b&state=S", "?code={env.HOME}&state=S",
		"?code=a&state=short", "?code=a&state=SS", "?code=a&state=S.", "?code=a&state=S%00", "?code=a&state=" + strings.Repeat("!", len(state)),
		"?code=a&state=" + strings.Repeat("é", len(state)), "?code=%23_&state=S", "?code=a&state=S&x=%0d%0aSet-Cookie:%20a", "?code=a&state=S&%00=1",
		"?code=" + strings.Repeat("a", 1025) + "&state=S", "?code=a&state=S&x=" + strings.Repeat("x", 4096), "?code=a/b&state=S", "?code=a:b&state=S", "?error=a&code=b&state=S",
	} {
		s.instagram.ResetCalls()
		address := origin + callback + strings.ReplaceAll(q, "S", state)
		answer := s.raw(t, "GET "+strings.TrimPrefix(address, origin)+" HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.body, badRequest) {
			t.Errorf("%q: answered %s", q, answer.Status)
		}
		if n := s.calls(); n != 0 {
			t.Errorf("%q: Instagram was asked %d times", q, n)
		}
	}
}

func TestC3_ALoginBelongsToOneBlock(t *testing.T) {
	s := startSite(t, siteConfig{block: fmt.Sprintf(`instagram_auth /a/* {
		app_id %[1]s
		app_secret %[2]s
		redirect_uri https://example.test/auth/
		endpoints {endpoints}
	}
	instagram_auth /b/* {
		app_id 2
		app_secret %[2]s
		redirect_uri https://example.test/second/
		path_prefix /second_auth
		endpoints {endpoints}
		session {
			cookie second
		}
	}`, appID, appSecret)})
	b := s.newBrowser()
	back := b.window(b.get("/a/x"))
	answer := b.get(strings.Replace(back, "/auth/", "/second/", 1))
	wantRefusal(t, answer, http.StatusBadRequest, loginExpired)
	// The cookie's value under the other block's name opens there as little.
	for _, name := range b.cookies() {
		b.plant(strings.Replace(name, "instagram_auth", "second", 1), b.cookie(name))
	}
	answer = b.get(strings.Replace(back, "/auth/", "/second/", 1))
	wantRefusal(t, answer, http.StatusBadRequest, loginExpired)
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestC4_OneStateMeansOneExchange(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.window(b.get("/private"))
	request := navigation(t, http.MethodGet, back)
	for _, c := range b.jar.Cookies(request.URL) {
		request.AddCookie(c)
	}
	b.http.Jar = nil
	var mu sync.Mutex
	sessions := make(map[string]int)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			answer, err := b.http.Do(request.Clone(t.Context()))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			_, _ = io.Copy(io.Discard, answer.Body)
			for _, cookie := range answer.Cookies() {
				if cookie.Name == sessionCookie && cookie.Value != "" {
					mu.Lock()
					sessions[cookie.Value]++
					mu.Unlock()
					return
				}
			}
			if answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusTooManyRequests {
				t.Errorf("answered %s", answer.Status)
			}
		})
	}
	wait.Wait()
	if n := s.instagram.Calls(simulator.Token); n != 1 {
		t.Errorf("the code was exchanged %d times", n)
	}
	if len(sessions) != 1 {
		t.Errorf("there are %d sessions", len(sessions))
	}
}

func TestC4_ADenialUsesTheLoginUp(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.window(b.get("/private"))
	login := b.jar.Cookies(navigation(t, http.MethodGet, "/").URL)
	b.get(callback + "?error=access_denied&state=" + query(t, back).Get("state"))
	replay := s.newBrowser()
	for _, c := range login {
		replay.plant(c.Name, c.Value)
	}
	wantRefusal(t, replay.get(callback+"?error=access_denied&state="+query(t, back).Get("state")), http.StatusBadRequest, loginExpired)
	for _, c := range login {
		replay.plant(c.Name, c.Value)
	}
	wantRefusal(t, replay.get(back), http.StatusBadRequest, loginExpired)
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestC4_TheSameStateIsRefusedAfterAReload(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.window(b.get("/private"))
	login := b.jar.Cookies(navigation(t, http.MethodGet, "/").URL)
	b.get(back)
	s.load(siteConfig{})
	replay := func() response {
		other := s.newBrowser()
		for _, c := range login {
			other.plant(c.Name, c.Value)
		}
		return other.get(back)
	}
	// For a moment the browser that has the login gets the same answer again, because the
	// first one may not have arrived.
	answer := replay()
	for deadline := time.Now().Add(15 * time.Second); answer.StatusCode == http.StatusSeeOther && time.Now().Before(deadline); answer = replay() {
		time.Sleep(time.Second) // each try counts towards the client's limit
	}
	wantRefusal(t, answer, http.StatusBadRequest, loginExpired)
	if n := s.instagram.Calls(simulator.Token); n != 1 {
		t.Errorf("the code was exchanged %d times", n)
	}
}

func TestC5_UnknownParametersAndTheFragmentDoNoHarm(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back, _, _ := strings.Cut(b.window(b.get("/private")), "#")
	code := query(t, back).Get("code")
	answer := b.get(replaceQuery(t, back, "code", code+"#_") + "&iss=https%3A%2F%2Fwww.instagram.com&utm=1")
	if answer.StatusCode != http.StatusSeeOther || !strings.HasSuffix(answer.location(), "#") {
		t.Errorf("answered %s to %q", answer.Status, answer.location())
	}
	if got := s.tokenForm().Get("code"); got != code {
		t.Errorf("Instagram got code %q, want %q", got, code)
	}
}

func TestC5_AReturnPathKeepsItsOwnFragment(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	start := b.get("/instagram_auth/login?return_to=" + url.QueryEscape("/app#/inbox"))
	if got := b.get(b.window(start)).location(); got != "/app#/inbox" {
		t.Errorf("Location = %q", got)
	}
}

func TestC6_SomebodySignedInIsNotShownAnError(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	first, second := b.get("/first"), b.get("/second")
	backFirst, backSecond := b.window(first), b.window(second)
	if got := b.get(backFirst).location(); got != "/first#" {
		t.Errorf("tab 1 lands on %q", got)
	}
	before := b.cookie(sessionCookie)
	if got := b.get(backSecond).location(); got != "/second#" {
		t.Errorf("tab 2 lands on %q", got)
	}
	if b.cookie(sessionCookie) == before {
		t.Error("a new login kept the old session")
	}
	before = b.cookie(sessionCookie)
	s.instagram.ResetCalls()
	again := b.get(backFirst)
	if again.StatusCode != http.StatusSeeOther || again.location() != "/#" {
		t.Errorf("a used callback answered %s to %q", again.Status, again.location())
	}
	if s.calls() != 0 || b.cookie(sessionCookie) != before {
		t.Error("a used callback changed the session or asked Instagram")
	}
}

func TestC7_OnlyTheExactPathAndGetAreOurs(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.window(b.get("/private"))
	q := back[strings.Index(back, "?"):strings.Index(back, "#")]
	for _, path := range []string{"/Auth/", "/auth", "/auth//", "/%61uth/", "/auth%2f", "//auth/", "/x/../auth/", "/./auth/", "/auth/.", "/auth/x", "/auth/;x"} {
		line := "GET " + path + q + " HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n"
		for _, name := range b.cookies() {
			line += "Cookie: " + name + "=" + b.cookie(name) + "\r\n"
		}
		answer := s.raw(t, line+"\r\n")
		if answer.StatusCode != http.StatusFound && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: answered %s", path, answer.Status)
		}
		if strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), sessionCookie+"=") {
			t.Errorf("%s: made a session", path)
		}
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "OPTIONS"} {
		answer := b.do(navigation(t, method, strings.TrimPrefix(strings.Split(back, "#")[0], origin)))
		if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET" {
			t.Errorf("%s: answered %s, Allow %q", method, answer.Status, answer.Header.Get("Allow"))
		}
	}
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
	if answer := b.get(back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login could not be finished afterwards: %s", answer.Status)
	}
}

// tokenForm returns the fields of the last token request that Instagram received.
func (s *site) tokenForm() url.Values {
	s.t.Helper()
	requests := s.instagram.Requests(simulator.Token)
	if len(requests) == 0 {
		s.t.Fatal("no token request")
	}
	form, err := url.ParseQuery(requests[len(requests)-1].Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return form
}
