package instagramauth_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The format of both logs of example/production.Caddyfile.
func productionFormat(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("example/production.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "log default {\n")
	format, _, closed := strings.Cut(rest, "\n\t}\n}")
	if !found || !closed {
		t.Fatal("example/production.Caddyfile has no format for the default log")
	}
	return format
}

func TestP1_SecretsNeverAppearInALog(t *testing.T) {
	s := startSite(t, siteConfig{logFilter: productionFormat(t), before: "handle_errors {\n respond error \n}"})
	var secrets []string
	note := func(more ...string) { secrets = append(secrets, more...) }
	note(appSecret)
	walk := func(spoil func(), finish func(b *browser, back string) response) {
		b := s.newBrowser()
		start := b.get("/private?x=1")
		back := b.window(start)
		q := query(t, back)
		note(q.Get("code"), q.Get("state"))
		for _, name := range b.cookies() {
			note(b.cookie(name))
		}
		spoil()
		answer := finish(b, back)
		for _, c := range answer.Cookies() {
			note(c.Value)
		}
		request := navigation(t, http.MethodGet, "/private")
		request.Header.Set("Referer", back)
		b.do(request)
		for _, endpoint := range []simulator.Endpoint{simulator.Token, simulator.UserNode} {
			s.instagram.Misbehave(endpoint, simulator.Fault{})
		}
	}
	get := func(b *browser, back string) response { return b.get(back) }
	walk(func() {}, get)
	for _, kind := range []simulator.FaultKind{simulator.Status500, simulator.HTML, simulator.Truncated, simulator.Redirect, simulator.Reset, simulator.WrongTypes, simulator.RateLimit} {
		walk(func() { s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: kind, Times: 1}) }, get)
		walk(func() { s.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: kind, Times: 1}) }, get)
	}
	walk(func() {}, func(b *browser, back string) response {
		return b.get(replaceQuery(t, back, "code", "made-up-code-0123456789"))
	})
	walk(func() {}, func(b *browser, back string) response { return s.newBrowser().get(back) })
	for _, request := range s.instagram.Requests(simulator.UserNode) {
		if token := query(t, request.URL).Get("access_token"); token != "" {
			note(token)
		}
	}
	logs := s.logs()
	if !strings.Contains(logs, `"logger":"http.log.access`) || !strings.Contains(logs, "sign-in refused") || !strings.Contains(logs, "REDACTED") {
		t.Fatal("the log does not have the lines that this test is about")
	}
	if seen := wantNoneOf(t, logs, secrets); seen < 50 {
		t.Errorf("only %d secrets were looked for", seen)
	}
}

// wantNoneOf fails the test if a secret is in the log, and returns how many of them were
// long enough to be looked for.
func wantNoneOf(t *testing.T, logs string, secrets []string) (seen int) {
	t.Helper()
	for _, secret := range secrets {
		if len(secret) < 8 {
			continue
		}
		seen++
		if at := strings.Index(logs, secret); at >= 0 {
			start := strings.LastIndex(logs[:at], "\n") + 1
			t.Errorf("%q is in the log: %.600s", secret, logs[start:])
		}
	}
	return seen
}

func TestP1_SecretsOfSessionsThatEndNeverAppearInALog(t *testing.T) {
	s := startSite(t, siteConfig{logFilter: productionFormat(t)})
	secrets := []string{appSecret}
	for _, end := range []func(b *browser){
		func(b *browser) { b.logout(nil) },
		func(b *browser) { b.logout(url.Values{"everywhere": {"1"}}) },
		func(b *browser) {
			signed := s.instagram.SignedRequest(username)
			secrets = append(secrets, signed)
			s.fromMeta(deauthorizePath, signed)
			s.fromMeta(deauthorizePath, signed+"x")
		},
		func(b *browser) {
			signed := s.instagram.SignedRequest(username)
			confirmed := decode(t, s.fromMeta(deletionPath, signed))
			secrets = append(secrets, signed, confirmed["confirmation_code"].(string))
			s.newBrowser().get(confirmed["url"].(string))
		},
	} {
		b := s.newBrowser()
		b.signIn("/page")
		id := sessionIDOf(t, b.cookie(sessionCookie))
		secrets = append(secrets, b.cookie(sessionCookie), string(id[:]), hex.EncodeToString(id[:]), base64.RawURLEncoding.EncodeToString(id[:]))
		end(b)
		b.get("/page")
	}
	for _, message := range []string{"signed in", "signed out", "sessions ended by instagram", "callback refused"} {
		if len(s.logged(message)) == 0 {
			t.Errorf("the log does not say %q", message)
		}
	}
	if seen := wantNoneOf(t, s.logs(), secrets); seen < 20 {
		t.Errorf("only %d secrets were looked for", seen)
	}
}

// sessionIDOf returns the ID in a session cookie.
func sessionIDOf(t *testing.T, value string) [session.IDSize]byte {
	t.Helper()
	c, err := session.New(session.Config{Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	found := c.Find([]string{sessionCookie + "=" + value})
	s, ok := c.Open(&found, nil)
	if !ok {
		t.Fatal("no session")
	}
	return s.ID
}

func TestP1_A5xxOnTheCallbackIsAnsweredByUsEvenWithHandleErrors(t *testing.T) {
	s := startSite(t, siteConfig{options: "errors handle"})
	b := s.newBrowser()
	back := b.window(b.get("/private"))
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status503})
	wantRefusal(t, b.get(back), http.StatusBadGateway, "Instagram could not complete the sign-in.")
	for line := range strings.Lines(s.logs()) {
		if strings.Contains(line, `"logger":"http.log.error`) && strings.Contains(line, query(t, back).Get("code")) {
			t.Errorf("the error log has the code: %s", line)
		}
	}
}

func TestP3_NothingSecretReachesTheSiteByURLOrReferer(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	if got := s.newBrowser().get("/private").Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("on the way to Instagram Referrer-Policy = %q", got)
	}
	arrived := b.signIn("/private")
	if got := arrived.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy = %q", got)
	}
	b.get(arrived.location())
	for _, request := range s.upstream.all() {
		if secret := regexp.MustCompile(`code=|state=|access_token`); secret.MatchString(request.URL.String()) || secret.MatchString(request.Referer()) {
			t.Errorf("the site was asked for %s from %s", request.URL, request.Referer())
		}
	}
}

func TestP4_AnswersSayThatTheyBelongToOneVisitor(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/private*"})
	cookie := cookieFor(t, somebody())
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
			s.upstream.respond(func(w http.ResponseWriter, _ *http.Request) {
				if c.vary != "" {
					w.Header().Set("Vary", c.vary)
				}
				if c.cache != "" {
					w.Header().Set("Cache-Control", c.cache)
				}
				_, _ = w.Write([]byte("page"))
			})
			request := navigation(t, http.MethodGet, "/public")
			if c.cookie != "" {
				request.Header.Set("Cookie", c.cookie)
			}
			answer := s.newBrowser().do(request)
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
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	wantLoginRequired(t, b.fetch("/instagram_auth/userinfo"))
	b.signIn("/")
	for site, want := range map[string]int{"same-origin": 200, "none": 200, "": 200, "same-site": 401, "cross-site": 401, "odd": 401} {
		request := navigation(t, http.MethodGet, "/instagram_auth/userinfo")
		request.Header.Set("Sec-Fetch-Site", site)
		request.Header.Set("Origin", "https://evil.example")
		answer := b.do(request)
		if answer.StatusCode != want {
			t.Errorf("from %q: answered %s", site, answer.Status)
		}
		if answer.Header.Get("Access-Control-Allow-Origin") != "" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("from %q: headers = %v", site, answer.Header)
		}
	}
}
