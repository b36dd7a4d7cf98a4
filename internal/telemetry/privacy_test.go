package telemetry_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestP1_SecretsNeverAppearInALog(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{LogFilter: sitetest.ProductionLogFormat(t), Before: "handle_errors {\n respond error \n}"})
	var secrets []string
	note := func(more ...string) { secrets = append(secrets, more...) }
	note(sitetest.AppSecret)
	walk := func(spoil func(), finish func(b *sitetest.Browser, back string) sitetest.Response) {
		b := s.NewBrowser()
		start := b.Get("/private?x=1")
		back := b.Window(start)
		q := sitetest.Query(t, back)
		note(q.Get("code"), q.Get("state"))
		for _, name := range b.Cookies() {
			note(b.Cookie(name))
		}
		spoil()
		answer := finish(b, back)
		for _, c := range answer.Cookies() {
			note(c.Value)
		}
		request := sitetest.Navigation(t, http.MethodGet, "/private")
		request.Header.Set("Referer", back)
		b.Do(request)
		for _, endpoint := range []simulator.Endpoint{simulator.Token, simulator.UserNode} {
			s.Instagram.Misbehave(endpoint, simulator.Fault{})
		}
	}
	get := func(b *sitetest.Browser, back string) sitetest.Response { return b.Get(back) }
	walk(func() {}, get)
	for _, kind := range []simulator.FaultKind{simulator.Status500, simulator.HTML, simulator.Truncated, simulator.Redirect, simulator.Reset, simulator.WrongTypes, simulator.RateLimit} {
		walk(func() { s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: kind, Times: 1}) }, get)
		walk(func() { s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: kind, Times: 1}) }, get)
	}
	walk(func() {}, func(b *sitetest.Browser, back string) sitetest.Response {
		return b.Get(sitetest.ReplaceQuery(t, back, "code", "made-up-code-0123456789"))
	})
	walk(func() {}, func(b *sitetest.Browser, back string) sitetest.Response { return s.NewBrowser().Get(back) })
	for _, request := range s.Instagram.Requests(simulator.UserNode) {
		if token := sitetest.Query(t, request.URL).Get("access_token"); token != "" {
			note(token)
		}
	}
	logs := s.Logs()
	if !strings.Contains(logs, `"logger":"http.log.access`) || !strings.Contains(logs, "sign-in refused") || !strings.Contains(logs, "REDACTED") {
		t.Fatal("the log does not have the lines that this test is about")
	}
	if seen := sitetest.WantNoneOf(t, logs, secrets); seen < 50 {
		t.Errorf("only %d secrets were looked for", seen)
	}
}

func TestP1_SecretsOfSessionsThatEndNeverAppearInALog(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{LogFilter: sitetest.ProductionLogFormat(t)})
	secrets := []string{sitetest.AppSecret}
	for _, end := range []func(b *sitetest.Browser){
		func(b *sitetest.Browser) { b.Logout(nil) },
		func(b *sitetest.Browser) { b.Logout(url.Values{"everywhere": {"1"}}) },
		func(b *sitetest.Browser) {
			signed := s.Instagram.SignedRequest(sitetest.Username)
			secrets = append(secrets, signed)
			s.FromMeta(sitetest.DeauthorizePath, signed)
			s.FromMeta(sitetest.DeauthorizePath, signed+"x")
		},
		func(b *sitetest.Browser) {
			signed := s.Instagram.SignedRequest(sitetest.Username)
			confirmed := sitetest.Decode(t, s.FromMeta(sitetest.DataDeletionPath, signed))
			secrets = append(secrets, signed, confirmed["confirmation_code"].(string))
			s.NewBrowser().Get(confirmed["url"].(string))
		},
	} {
		b := s.NewBrowser()
		b.SignIn("/page")
		id := sessionIDOf(t, b.Cookie(sitetest.SessionCookie))
		secrets = append(secrets, b.Cookie(sitetest.SessionCookie), string(id[:]), hex.EncodeToString(id[:]), base64.RawURLEncoding.EncodeToString(id[:]))
		end(b)
		b.Get("/page")
	}
	for _, message := range []string{"signed in", "signed out", "sessions revoked by Instagram", "callback refused"} {
		if len(s.Logged(message)) == 0 {
			t.Errorf("the log does not say %q", message)
		}
	}
	if seen := sitetest.WantNoneOf(t, s.Logs(), secrets); seen < 20 {
		t.Errorf("only %d secrets were looked for", seen)
	}
}

// sessionIDOf returns the ID in a session cookie.
func sessionIDOf(t *testing.T, value string) [session.IDSize]byte {
	t.Helper()
	c, err := session.New(session.Config{Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	found := c.Find([]string{sitetest.SessionCookie + "=" + value})
	s, ok := c.Open(&found, nil)
	if !ok {
		t.Fatal("no session")
	}
	return s.ID
}

func TestP1_A5xxOnTheCallbackIsAnsweredByUsEvenWithHandleErrors(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "errors handle"})
	b := s.NewBrowser()
	back := b.Window(b.Get("/private"))
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status503})
	sitetest.WantRefusal(t, b.Get(back), http.StatusBadGateway, "Instagram could not complete the sign-in.")
	for line := range strings.Lines(s.Logs()) {
		if strings.Contains(line, `"logger":"http.log.error`) && strings.Contains(line, sitetest.Query(t, back).Get("code")) {
			t.Errorf("the error log has the code: %s", line)
		}
	}
}

func TestP3_NothingSecretReachesTheSiteByURLOrReferer(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	if got := s.NewBrowser().Get("/private").Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("on the way to Instagram Referrer-Policy = %q", got)
	}
	arrived := b.SignIn("/private")
	if got := arrived.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy = %q", got)
	}
	b.Get(arrived.Location())
	for _, request := range s.Upstream.All() {
		if secret := regexp.MustCompile(`code=|state=|access_token`); secret.MatchString(request.URL.String()) || secret.MatchString(request.Referer()) {
			t.Errorf("the site was asked for %s from %s", request.URL, request.Referer())
		}
	}
}

func TestP4_AnswersSayThatTheyBelongToOneVisitor(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	cookie := sitetest.CookieFor(t, sitetest.Somebody())
	for _, c := range []struct {
		name, cookie, vary, cache string
		wantVary, wantCache       string
	}{
		{"signed in", cookie, "", "", "Cookie", "private"},
		{"the site's own Cache-Control stays", cookie, "", "max-age=60", "Cookie", "max-age=60"},
		{"appended to the site's Vary", cookie, "Accept-Encoding", "", "Accept-Encoding, Cookie", "private"},
		{"not doubled", cookie, "accept, cookie", "", "accept, cookie", "private"},
		{"anonymous on a public page", "", "", "", "Cookie", ""},
		{"anonymous, the same for everybody", "", "Origin", "public, max-age=60", "Origin", "public, max-age=60"},
		{"anonymous, never changing", "", "", "max-age=31536000, immutable", "", "max-age=31536000, immutable"},
		{"anonymous, for a while", "", "Origin", "max-age=60", "Origin, Cookie", "max-age=60"},
		{"anonymous, public and private", "", "", "public, private", "Cookie", "public, private"},
		{"signed in, the same for everybody", cookie, "Origin", "public, max-age=60", "Origin, Cookie", "public, max-age=60"},
		{"signed in, never changing", cookie, "", "immutable", "Cookie", "immutable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Upstream.Respond(func(w http.ResponseWriter, _ *http.Request) {
				if c.vary != "" {
					w.Header().Set("Vary", c.vary)
				}
				if c.cache != "" {
					w.Header().Set("Cache-Control", c.cache)
				}
				_, _ = w.Write([]byte("page"))
			})
			request := sitetest.Navigation(t, http.MethodGet, "/public")
			if c.cookie != "" {
				request.Header.Set("Cookie", c.cookie)
			}
			answer := s.NewBrowser().Do(request)
			if got := strings.Join(answer.Header["Vary"], ", "); got != c.wantVary {
				t.Errorf("Vary = %q, want %q", got, c.wantVary)
			}
			if got := answer.Header.Get("Cache-Control"); got != c.wantCache {
				t.Errorf("Cache-Control = %q, want %q", got, c.wantCache)
			}
		})
	}
}

func TestP4_UserinfoIsForThisSiteAlone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	sitetest.WantLoginRequired(t, b.Fetch("/instagram_auth/userinfo"))
	b.SignIn("/")
	for site, want := range map[string]int{"same-origin": 200, "none": 200, "": 200, "same-site": 401, "cross-site": 401, "odd": 401} {
		request := sitetest.Navigation(t, http.MethodGet, "/instagram_auth/userinfo")
		request.Header.Set("Sec-Fetch-Site", site)
		request.Header.Set("Origin", "https://evil.example")
		answer := b.Do(request)
		if answer.StatusCode != want {
			t.Errorf("from %q: answered %s", site, answer.Status)
		}
		if answer.Header.Get("Access-Control-Allow-Origin") != "" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("from %q: headers = %v", site, answer.Header)
		}
	}
}
