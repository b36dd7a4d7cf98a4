package instagramauth_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// olderSession signs in and then gives the browser a session of the same person that is
// older, so that Instagram is to be asked again.
func (s *site) olderSession(b *browser, ago time.Duration) (token string) {
	s.t.Helper()
	token = s.tokenOf(b)
	b.plant(sessionCookie, s.olderCookie(token, ago))
	return token
}

// tokenOf signs a browser in and returns the token that the site gets.
func (s *site) tokenOf(b *browser) string {
	s.t.Helper()
	b.signIn("/page")
	b.get("/page")
	return s.upstream.last(s.t).Header.Get(tokenHeader)
}

// sessions counts those that olderCookie has made.
var sessions atomic.Uint64

// olderCookie returns the cookie of a session of its own that began some time ago.
func (s *site) olderCookie(token string, ago time.Duration) string {
	s.t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Tokens: true, Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	issued := time.Now().Add(-ago)
	_, line, _, err := cookies.Create(session.Session{
		Identity: somebody(), Keys: session.Keys{Session: 4711 + 4*sessions.Add(1), User: 4712, AppScoped: 4713},
		Token: session.Token{Access: token, LongLived: true, Issued: issued, Expires: issued.Add(60 * 24 * time.Hour)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(line, sessionCookie+"="), ";")
	return value
}

const rechecked = withToken + "\nrevalidate 1m"

func TestL1_ASlowAnswerDoesNotPutAnOldSessionInThePlaceOfANewOne(t *testing.T) {
	s := startSite(t, siteConfig{options: rechecked})
	b := s.newBrowser()
	s.olderSession(b, 10*time.Minute)
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	s.upstream.respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	})
	before := s.instagram.Calls(simulator.UserNode)
	b.fetch("/instagram_auth/userinfo") // has Instagram asked, and hands nothing over
	eventually(t, "a look at the profile", func() bool { return s.instagram.Calls(simulator.UserNode) > before })
	slow := make(chan response)
	go func() { slow <- b.get("/slow") }()
	<-arrived
	b.get(b.window(b.get("/instagram_auth/login?return_to=/page"))) // in another tab
	fresh := b.cookie(sessionCookie)
	close(release)
	if late := <-slow; late.Header.Get("Set-Cookie") != "" || b.cookie(sessionCookie) != fresh {
		t.Errorf("the late answer sets %q", late.Header["Set-Cookie"])
	}
	if page := b.get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
}

func TestT6_WhatInstagramRepeatsOfASecretIsNotLogged(t *testing.T) {
	s := startSite(t, siteConfig{options: rechecked, logFilter: productionFormat(t)})
	b := s.newBrowser()
	token := s.olderSession(b, 10*time.Minute)
	told := func(text string) simulator.Fault {
		return simulator.Fault{
			Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 1,
			Body: fmt.Sprintf(`{"error":{"message":%q,"type":%q,"code":190,"fbtrace_id":%q}}`, text, text, text),
		}
	}
	s.instagram.Misbehave(simulator.UserNode, told("Malformed access token "+token))
	b.get("/page")
	eventually(t, "the end of the session", func() bool { return len(s.logged("session ended: instagram no longer accepts its token")) > 0 })
	s.instagram.Misbehave(simulator.LongLived, told("Unknown: /access_token?client_secret="+appSecret))
	s.newBrowser().signIn("/page")
	s.instagram.Misbehave(simulator.Token, told("Wrong secret "+appSecret[:20]+" for AQ"))
	other := s.newBrowser()
	other.get(other.window(other.get("/page")))
	logs := s.logs()
	for _, secret := range []string{token[:12], token[:40], appSecret[:12]} {
		if strings.Contains(logs, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !strings.Contains(logs, "Malformed access token ***") || !strings.Contains(logs, "client_secret=***") {
		t.Error("what is no secret of it is not in the log")
	}
}

func TestAFieldThatPermissionsDoNotCoverFailsNoLogin(t *testing.T) {
	s := startSite(t, siteConfig{options: "fields followers_count"})
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, Times: 1, ContentType: "application/json",
		Body: `{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}`,
	})
	b := s.newBrowser()
	b.signIn("/page")
	if got := decode(t, b.fetch("/instagram_auth/userinfo")); got["username"] != username || got["followers_count"] != nil {
		t.Errorf("userinfo = %v", got)
	}
}

func TestP4_TheMarkOfALoginGoesWithNoAnswerForEverybody(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*"})
	b := s.newBrowser()
	s.upstream.respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app.css" {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		_, _ = io.WriteString(w, "ok")
	})
	b.get(b.window(b.get("/page")))
	if answer := b.get("/app.css"); len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("sets %q", answer.Header["Set-Cookie"])
	}
	if answer := b.get("/page"); !strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), "_round=; Max-Age=0") {
		t.Errorf("sets %q", answer.Header["Set-Cookie"])
	}
}

func TestP4_ASessionGoesOutWithNoAnswerForEverybody(t *testing.T) {
	for _, public := range []string{"public, max-age=31536000, immutable", "max-age=60, S-MaxAge=60", "PUBLIC", "max-age=60, must-revalidate"} {
		t.Run(public, func(t *testing.T) {
			s := startSite(t, siteConfig{options: rechecked})
			b := s.newBrowser()
			s.olderSession(b, 10*time.Minute)
			s.upstream.respond(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/app.css" {
					w.Header().Set("Cache-Control", public)
				}
				_, _ = io.WriteString(w, "ok")
			})
			before := s.instagram.Calls(simulator.UserNode)
			b.fetch("/instagram_auth/userinfo")
			eventually(t, "a look at the profile", func() bool { return s.instagram.Calls(simulator.UserNode) > before })
			for range 10 {
				if answer := b.get("/app.css"); answer.Header.Get("Set-Cookie") != "" {
					t.Errorf("sets %q", answer.Header["Set-Cookie"])
				}
			}
			eventually(t, "the renewed cookie", func() bool { return b.get("/page").Header.Get("Set-Cookie") != "" })
		})
	}
}

func TestAReloadInTheMiddleOfAnErrandLosesNothing(t *testing.T) {
	c := siteConfig{options: rechecked}
	s := startSite(t, c)
	b := s.newBrowser()
	s.olderSession(b, 10*time.Minute)
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Hang, Times: 1})
	before := s.instagram.Calls(simulator.UserNode)
	b.get("/page")
	eventually(t, "the errand", func() bool { return s.instagram.Calls(simulator.UserNode) > before })
	c.options += "\nsession {\n idle 1h\n}"
	s.load(c)
	if err := s.instagram.Rename(username, "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new name", func() bool {
		b.get("/page")
		return s.upstream.last(t).Header.Get("X-Instagram-Username") == "jay.renamed"
	})
	if lines := s.logged("asking instagram again failed; the session stays as it is"); len(lines) != 0 {
		t.Errorf("log lines = %v", lines)
	}
}

func TestH7_WhatIsNoLongerConfiguredIsNoLongerTold(t *testing.T) {
	c := siteConfig{options: "fields name", after: "header >X-Seen \"{http.auth.user.name}\"\nreverse_proxy {upstream}"}
	s := startSite(t, c)
	b := s.newBrowser()
	b.signIn("/page")
	if got := b.get("/page").Header.Get("X-Seen"); got != "Jay Posiris" {
		t.Errorf("placeholder = %q", got)
	}
	c.options = ""
	s.load(c)
	if got := b.get("/page").Header.Get("X-Seen"); got != "{http.auth.user.name}" {
		t.Errorf("placeholder = %q", got)
	}
	if got := decode(t, b.fetch("/instagram_auth/userinfo")); got["name"] != nil {
		t.Errorf("userinfo = %v", got)
	}
}

func TestWhoLacksAPermissionCanSignOut(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	s.load(siteConfig{options: "scope instagram_business_basic " + comments + "\nrequire_scope " + comments})
	if page := b.get(logoutPath); !strings.Contains(page.body, "You are signed in as "+username) {
		t.Errorf("page:\n%s", page.body)
	}
}

func TestE1_HandleErrorsLearnsWhichPermissionIsMissing(t *testing.T) {
	s := startSite(t, siteConfig{
		window: "-", options: "errors handle\nscope instagram_business_basic " + comments + "\nrequire_scope " + comments,
		after: "handle_errors {\n respond \"{http.auth.instagram_auth.error}: {http.auth.instagram_auth.missing}\" \n}\nreverse_proxy {upstream}",
	})
	b := s.newBrowser()
	if answer := b.allowing(b.get("/page")); answer.StatusCode != http.StatusForbidden || answer.body != "missing_permission: "+comments {
		t.Errorf("answered %s %s", answer.Status, answer.body)
	}
}
