package lifecycle_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestL1_ASlowAnswerDoesNotPutAnOldSessionInThePlaceOfANewOne(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.RecheckedToken})
	b := s.NewBrowser()
	s.OlderSession(b, 10*time.Minute)
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	})
	before := s.Instagram.Calls(simulator.UserNode)
	b.Fetch("/instagram_auth/userinfo") // has Instagram asked, and hands nothing over
	sitetest.Eventually(t, "a look at the profile", func() bool { return s.Instagram.Calls(simulator.UserNode) > before })
	slow := make(chan sitetest.Response)
	go func() { slow <- b.Get("/slow") }()
	<-arrived
	b.Get(b.Window(b.Get("/instagram_auth/login?return_to=/page"))) // in another tab
	fresh := b.Cookie(sitetest.SessionCookie)
	close(release)
	if late := <-slow; late.Header.Get("Set-Cookie") != "" || b.Cookie(sitetest.SessionCookie) != fresh {
		t.Errorf("the late answer sets %q", late.Header["Set-Cookie"])
	}
	if page := b.Get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
}

func TestT6_WhatInstagramRepeatsOfASecretIsNotLogged(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.RecheckedToken, LogFilter: sitetest.ProductionLogFormat(t)})
	b := s.NewBrowser()
	token := s.OlderSession(b, 10*time.Minute)
	told := func(text string) simulator.Fault {
		return simulator.Fault{
			Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 1,
			Body: fmt.Sprintf(`{"error":{"message":%q,"type":%q,"code":190,"fbtrace_id":%q}}`, text, text, text),
		}
	}
	s.Instagram.Misbehave(simulator.UserNode, told("Malformed access token "+token))
	b.Get("/page")
	sitetest.Eventually(t, "the end of the session", func() bool { return len(s.Logged("session revoked: Instagram no longer accepts its token")) > 0 })
	s.Instagram.Misbehave(simulator.LongLived, told("Unknown: /access_token?client_secret="+sitetest.AppSecret))
	s.NewBrowser().SignIn("/page")
	s.Instagram.Misbehave(simulator.Token, told("Wrong secret "+sitetest.AppSecret[:20]+" for AQ"))
	other := s.NewBrowser()
	other.Get(other.Window(other.Get("/page")))
	logs := s.Logs()
	for _, secret := range []string{token[:12], token[:40], sitetest.AppSecret[:12]} {
		if strings.Contains(logs, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !strings.Contains(logs, "Malformed access token ***") || !strings.Contains(logs, "client_secret=***") {
		t.Error("what is no secret of it is not in the log")
	}
}

func TestAFieldThatPermissionsDoNotCoverFailsNoLogin(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "fields followers_count"})
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, Times: 1, ContentType: "application/json",
		Body: `{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}`,
	})
	b := s.NewBrowser()
	b.SignIn("/page")
	if got := sitetest.Decode(t, b.Fetch("/instagram_auth/userinfo")); got["username"] != sitetest.Username || got["followers_count"] != nil {
		t.Errorf("userinfo = %v", got)
	}
}

func TestP4_TheMarkOfALoginGoesWithNoAnswerForEverybody(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*"})
	b := s.NewBrowser()
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app.css" {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		_, _ = io.WriteString(w, "ok")
	})
	b.Get(b.Window(b.Get("/page")))
	if answer := b.Get("/app.css"); len(answer.Header["Set-Cookie"]) != 0 {
		t.Errorf("sets %q", answer.Header["Set-Cookie"])
	}
	if answer := b.Get("/page"); !strings.Contains(strings.Join(answer.Header["Set-Cookie"], "\n"), "_round=; Max-Age=0") {
		t.Errorf("sets %q", answer.Header["Set-Cookie"])
	}
}

func TestP4_ASessionGoesOutWithNoAnswerForEverybody(t *testing.T) {
	for _, public := range []string{"public, max-age=31536000, immutable", "max-age=60, S-MaxAge=60", "PUBLIC", "max-age=60, must-revalidate"} {
		t.Run(public, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: sitetest.RecheckedToken})
			b := s.NewBrowser()
			s.OlderSession(b, 10*time.Minute)
			s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/app.css" {
					w.Header().Set("Cache-Control", public)
				}
				_, _ = io.WriteString(w, "ok")
			})
			before := s.Instagram.Calls(simulator.UserNode)
			b.Fetch("/instagram_auth/userinfo")
			sitetest.Eventually(t, "a look at the profile", func() bool { return s.Instagram.Calls(simulator.UserNode) > before })
			for range 10 {
				if answer := b.Get("/app.css"); answer.Header.Get("Set-Cookie") != "" {
					t.Errorf("sets %q", answer.Header["Set-Cookie"])
				}
			}
			sitetest.Eventually(t, "the renewed cookie", func() bool { return b.Get("/page").Header.Get("Set-Cookie") != "" })
		})
	}
}

func TestAReloadInTheMiddleOfAnErrandLosesNothing(t *testing.T) {
	c := sitetest.Config{Options: sitetest.RecheckedToken}
	s := sitetest.Start(t, c)
	b := s.NewBrowser()
	s.OlderSession(b, 10*time.Minute)
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Hang, Times: 1})
	before := s.Instagram.Calls(simulator.UserNode)
	b.Get("/page")
	sitetest.Eventually(t, "the errand", func() bool { return s.Instagram.Calls(simulator.UserNode) > before })
	c.Options += "\nsession {\n idle 1h\n}"
	s.Load(c)
	if err := s.Instagram.Rename(sitetest.Username, "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	sitetest.Eventually(t, "the new name", func() bool {
		b.Get("/page")
		return s.Upstream.Last(t).Header.Get("X-Instagram-Username") == "jay.renamed"
	})
	if lines := s.Logged("background refresh failed; the session stays as it is"); len(lines) != 0 {
		t.Errorf("log lines = %v", lines)
	}
}

func TestH7_WhatIsNoLongerConfiguredIsNoLongerTold(t *testing.T) {
	c := sitetest.Config{Options: "fields name", After: "header >X-Seen \"{http.auth.user.name}\"\nreverse_proxy {upstream}"}
	s := sitetest.Start(t, c)
	b := s.NewBrowser()
	b.SignIn("/page")
	if got := b.Get("/page").Header.Get("X-Seen"); got != "Jay Posiris" {
		t.Errorf("placeholder = %q", got)
	}
	c.Options = ""
	s.Load(c)
	if got := b.Get("/page").Header.Get("X-Seen"); got != "{http.auth.user.name}" {
		t.Errorf("placeholder = %q", got)
	}
	if got := sitetest.Decode(t, b.Fetch("/instagram_auth/userinfo")); got["name"] != nil {
		t.Errorf("userinfo = %v", got)
	}
}

func TestWhoLacksAPermissionCanSignOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	s.Load(sitetest.Config{Options: "scope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission})
	if page := b.Get(sitetest.LogoutPath); !strings.Contains(page.Body, "You are signed in as @"+sitetest.Username) {
		t.Errorf("page:\n%s", page.Body)
	}
}

func TestE1_HandleErrorsLearnsWhichPermissionIsMissing(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Window: "-", Options: "errors handle\nscope instagram_business_basic " + sitetest.CommentsPermission + "\nrequire_scope " + sitetest.CommentsPermission,
		After: "handle_errors {\n respond \"{http.auth.instagram_auth.error}: {http.auth.instagram_auth.missing}\" \n}\nreverse_proxy {upstream}",
	})
	b := s.NewBrowser()
	if answer := b.Allowing(b.Get("/page")); answer.StatusCode != http.StatusForbidden || answer.Body != "missing_permission: "+sitetest.CommentsPermission {
		t.Errorf("answered %s %s", answer.Status, answer.Body)
	}
}
