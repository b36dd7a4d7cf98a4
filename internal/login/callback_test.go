package login_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const ()

func TestC1_TheCallbackWorksOnlyWithTheLoginCookieOfTheSameLogin(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	loginCookie := func(b *sitetest.Browser) string {
		for _, name := range b.Cookies() {
			if strings.HasPrefix(name, sitetest.SessionCookie+"_login_") {
				return name
			}
		}
		t.Fatal("no login cookie")
		return ""
	}
	for name, spoil := range map[string]func(b *sitetest.Browser, back string) string{
		"no cookie":   func(b *sitetest.Browser, back string) string { b.Forget(loginCookie(b)); return back },
		"empty state": func(_ *sitetest.Browser, back string) string { return sitetest.ReplaceQuery(t, back, "state", "") },
		"no state":    func(_ *sitetest.Browser, back string) string { return sitetest.ReplaceQuery(t, back, "state") },
		"both empty": func(b *sitetest.Browser, back string) string {
			b.Plant(loginCookie(b), "")
			return sitetest.ReplaceQuery(t, back, "state", "")
		},
		"other login's cookie": func(b *sitetest.Browser, back string) string {
			mine := loginCookie(b)
			other := s.NewBrowser()
			other.Get("/private")
			b.Plant(mine, other.Cookie(loginCookie(other)))
			return back
		},
		"other login's state": func(b *sitetest.Browser, back string) string {
			other := sitetest.Query(t, s.NewBrowser().Get("/private").Location()).Get("state")
			return sitetest.ReplaceQuery(t, back, "state", other)
		},
		"state that shares the cookie's tag": func(_ *sitetest.Browser, back string) string {
			state := sitetest.Query(t, back).Get("state")
			return sitetest.ReplaceQuery(t, back, "state", state[:8]+strings.Repeat("A", len(state)-8))
		},
		"flipped bit": func(b *sitetest.Browser, back string) string {
			name := loginCookie(b)
			value := []byte(b.Cookie(name))
			value[20] ^= 1
			b.Plant(name, string(value))
			return back
		},
		"session cookie's value": func(b *sitetest.Browser, back string) string {
			signedIn := s.NewBrowser()
			signedIn.SignIn("/")
			b.Plant(loginCookie(b), signedIn.Cookie(sitetest.SessionCookie))
			return back
		},
		"an error instead of a code": func(b *sitetest.Browser, back string) string {
			b.Forget(loginCookie(b))
			return sitetest.Callback + "?error=access_denied&error_reason=user_denied&state=" + sitetest.Query(t, back).Get("state")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.NewBrowser()
			back := spoil(b, b.Window(b.Get("/private")))
			s.Instagram.ResetCalls()
			answer := b.Get(back)
			sitetest.WantRefusal(t, answer, http.StatusBadRequest, sitetest.LoginExpired)
			if n := s.Calls(); n != 0 {
				t.Errorf("Instagram was asked %d times", n)
			}
			if b.Cookie(sitetest.SessionCookie) != "" {
				t.Error("there is a session")
			}
		})
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestC2_OddQueriesAreRefusedAsAWhole(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	state := sitetest.Query(t, b.Get("/private").Location()).Get("state")
	for _, q := range []string{
		"", "?", "?x=1", "?state=S", "?code=", "?code=&state=S", "?code=a&code=b&state=S", "?code=a&code=a&state=S", "?code=a&state=S&state=S",
		"?code=a&error=access_denied&state=S", "?error=&state=S", "?error=a&error=b&state=S", "?code=a&error=&state=S", "?code=a&state=S;x=1", "?code=a;b&state=S",
		"?code=%&state=S", "?code=%zz&state=S", "?code=a&state=S&x=%", "?code=a%00&state=S", "?code=a%0d%0ab&state=S", "?code=a%0a&state=S", "?code=a+b&state=S",
		"?code=a%20b&state=S", "?code=%C3%A4&state=S", "?code=<script>&state=S", "?code=a'b&state=S", "?code=a\"b&state=S", "?code={env.HOME}&state=S",
		"?code=a&state=short", "?code=a&state=SS", "?code=a&state=S.", "?code=a&state=S%00", "?code=a&state=" + strings.Repeat("!", len(state)),
		"?code=a&state=" + strings.Repeat("é", len(state)), "?code=%23_&state=S", "?code=a&state=S&x=%0d%0aSet-Cookie:%20a", "?code=a&state=S&%00=1",
		"?code=" + strings.Repeat("a", 1025) + "&state=S", "?code=a&state=S&x=" + strings.Repeat("x", 4096), "?code=a/b&state=S", "?code=a:b&state=S", "?error=a&code=b&state=S",
	} {
		s.Instagram.ResetCalls()
		address := sitetest.Origin + sitetest.Callback + strings.ReplaceAll(q, "S", state)
		answer := s.Raw(t, "GET "+strings.TrimPrefix(address, sitetest.Origin)+" HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Body, sitetest.BadRequest) {
			t.Errorf("%q: answered %s", q, answer.Status)
		}
		if n := s.Calls(); n != 0 {
			t.Errorf("%q: Instagram was asked %d times", q, n)
		}
	}
}

func TestC3_ALoginBelongsToOneBlock(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Block: fmt.Sprintf(`instagram_auth /a/* {
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
	}`, sitetest.AppID, sitetest.AppSecret)})
	b := s.NewBrowser()
	back := b.Window(b.Get("/a/x"))
	answer := b.Get(strings.Replace(back, "/auth/", "/second/", 1))
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, sitetest.LoginExpired)
	// The cookie's value under the other block's name opens there as little.
	for _, name := range b.Cookies() {
		b.Plant(strings.Replace(name, "instagram_auth", "second", 1), b.Cookie(name))
	}
	answer = b.Get(strings.Replace(back, "/auth/", "/second/", 1))
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, sitetest.LoginExpired)
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestC4_OneStateMeansOneExchange(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Window(b.Get("/private"))
	request := sitetest.Navigation(t, http.MethodGet, back)
	for _, c := range b.Jar.Cookies(request.URL) {
		request.AddCookie(c)
	}
	b.HTTP.Jar = nil
	var mu sync.Mutex
	sessions := make(map[string]int)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			answer, err := b.HTTP.Do(request.Clone(t.Context()))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			_, _ = io.Copy(io.Discard, answer.Body)
			for _, cookie := range answer.Cookies() {
				if cookie.Name == sitetest.SessionCookie && cookie.Value != "" {
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
	if n := s.Instagram.Calls(simulator.Token); n != 1 {
		t.Errorf("the code was exchanged %d times", n)
	}
	if len(sessions) != 1 {
		t.Errorf("there are %d sessions", len(sessions))
	}
}

func TestC4_ADenialUsesTheLoginUp(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Window(b.Get("/private"))
	login := b.Jar.Cookies(sitetest.Navigation(t, http.MethodGet, "/").URL)
	b.Get(sitetest.Callback + "?error=access_denied&state=" + sitetest.Query(t, back).Get("state"))
	replay := s.NewBrowser()
	for _, c := range login {
		replay.Plant(c.Name, c.Value)
	}
	sitetest.WantRefusal(t, replay.Get(sitetest.Callback+"?error=access_denied&state="+sitetest.Query(t, back).Get("state")), http.StatusBadRequest, sitetest.LoginExpired)
	for _, c := range login {
		replay.Plant(c.Name, c.Value)
	}
	sitetest.WantRefusal(t, replay.Get(back), http.StatusBadRequest, sitetest.LoginExpired)
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestC4_TheSameStateIsRefusedAfterAReload(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Window(b.Get("/private"))
	login := b.Jar.Cookies(sitetest.Navigation(t, http.MethodGet, "/").URL)
	b.Get(back)
	s.Load(sitetest.Config{})
	replay := func() sitetest.Response {
		other := s.NewBrowser()
		for _, c := range login {
			other.Plant(c.Name, c.Value)
		}
		return other.Get(back)
	}
	// For a moment the browser that has the login gets the same answer again, because the
	// first one may not have arrived.
	answer := replay()
	for deadline := time.Now().Add(15 * time.Second); answer.StatusCode == http.StatusSeeOther && time.Now().Before(deadline); answer = replay() {
		time.Sleep(time.Second) // each try counts towards the client's limit
	}
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, sitetest.LoginExpired)
	if n := s.Instagram.Calls(simulator.Token); n != 1 {
		t.Errorf("the code was exchanged %d times", n)
	}
}

func TestC5_UnknownParametersAndTheFragmentDoNoHarm(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back, _, _ := strings.Cut(b.Window(b.Get("/private")), "#")
	code := sitetest.Query(t, back).Get("code")
	answer := b.Get(sitetest.ReplaceQuery(t, back, "code", code+"#_") + "&iss=https%3A%2F%2Fwww.instagram.com&utm=1")
	if answer.StatusCode != http.StatusSeeOther || !strings.HasSuffix(answer.Location(), "#") {
		t.Errorf("answered %s to %q", answer.Status, answer.Location())
	}
	if got := s.TokenForm().Get("code"); got != code {
		t.Errorf("Instagram got code %q, want %q", got, code)
	}
}

func TestC5_AReturnPathKeepsItsOwnFragment(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	start := b.Get("/instagram_auth/login?return_to=" + url.QueryEscape("/app#/inbox"))
	if got := b.Get(b.Window(start)).Location(); got != "/app#/inbox" {
		t.Errorf("Location = %q", got)
	}
}

func TestC6_SomebodySignedInIsNotShownAnError(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	first, second := b.Get("/first"), b.Get("/second")
	backFirst, backSecond := b.Window(first), b.Window(second)
	if got := b.Get(backFirst).Location(); got != "/first#" {
		t.Errorf("tab 1 lands on %q", got)
	}
	before := b.Cookie(sitetest.SessionCookie)
	if got := b.Get(backSecond).Location(); got != "/second#" {
		t.Errorf("tab 2 lands on %q", got)
	}
	if b.Cookie(sitetest.SessionCookie) == before {
		t.Error("a new login kept the old session")
	}
	before = b.Cookie(sitetest.SessionCookie)
	s.Instagram.ResetCalls()
	again := b.Get(backFirst)
	if again.StatusCode != http.StatusSeeOther || again.Location() != "/#" {
		t.Errorf("a used callback answered %s to %q", again.Status, again.Location())
	}
	if s.Calls() != 0 || b.Cookie(sitetest.SessionCookie) != before {
		t.Error("a used callback changed the session or asked Instagram")
	}
}

func TestC7_OnlyTheExactPathAndGetAreOurs(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Window(b.Get("/private"))
	q := back[strings.Index(back, "?"):strings.Index(back, "#")]
	for _, path := range []string{"/Auth/", "/auth", "/auth//", "/%61uth/", "/auth%2f", "//auth/", "/x/../auth/", "/./auth/", "/auth/.", "/auth/x", "/auth/;x"} {
		line := "GET " + path + q + " HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nConnection: close\r\n"
		for _, name := range b.Cookies() {
			line += "Cookie: " + name + "=" + b.Cookie(name) + "\r\n"
		}
		answer := s.Raw(t, line+"\r\n")
		if answer.StatusCode != http.StatusFound && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: answered %s", path, answer.Status)
		}
		if strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), sitetest.SessionCookie+"=") {
			t.Errorf("%s: made a session", path)
		}
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "OPTIONS"} {
		answer := b.Do(sitetest.Navigation(t, method, strings.TrimPrefix(strings.Split(back, "#")[0], sitetest.Origin)))
		if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET" {
			t.Errorf("%s: answered %s, Allow %q", method, answer.Status, answer.Header.Get("Allow"))
		}
	}
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
	if answer := b.Get(back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login could not be finished afterwards: %s", answer.Status)
	}
}
