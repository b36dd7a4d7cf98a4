package endpoint_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const userinfoPath = "/instagram_auth/userinfo"

// cookieFrom returns the session cookie of somebody who signed in some time ago and has made no
// request since.
func cookieFrom(t *testing.T, ago, lifetime time.Duration) string {
	t.Helper()
	return sitetest.SealSession(t, session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth",
		Lifetime: lifetime, Now: func() time.Time { return time.Now().Add(-ago) },
	}, sitetest.Somebody())
}

// fetchWith requests an address like a script of the site, with this Cookie header.
func fetchWith(s *sitetest.Site, path, cookies string, changes ...func(*http.Request)) sitetest.Response {
	request := sitetest.Navigation(s.T, http.MethodGet, path)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookies != "" {
		request.Header.Set("Cookie", cookies)
	}
	for _, change := range changes {
		change(request)
	}
	return s.NewBrowser().Do(request)
}

// wantReason fails the test unless userinfo and a protected page both refuse these cookies for a
// reason; "" is for an answer without one.
func wantReason(s *sitetest.Site, what, cookies, reason string, changes ...func(*http.Request)) {
	s.T.Helper()
	for _, path := range []string{userinfoPath, "/page"} {
		answer := fetchWith(s, path, cookies, changes...)
		got := sitetest.Decode(s.T, answer)
		said, ok := got["reason"]
		if answer.StatusCode != http.StatusUnauthorized || got["error"] != "login_required" || ok != (reason != "") || ok && said != reason {
			s.T.Errorf("%s at %s: answered %s with %v, want the reason %q", what, path, answer.Status, got, reason)
		}
	}
}

func TestUserinfoSaysWhenTheSessionBeganAndWhenItEnds(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "session {\n lifetime 24h\n idle 90m\n}"})
	at := func(ago, lifetime time.Duration) (answer sitetest.Response, times map[string]time.Duration) {
		t.Helper()
		began := time.Now()
		answer = fetchWith(s, userinfoPath, cookieFrom(t, ago, lifetime))
		times = make(map[string]time.Duration)
		for name, value := range sitetest.Decode(t, answer) {
			if moment, err := time.Parse(time.RFC3339, fmt.Sprint(value)); err == nil {
				if !strings.HasSuffix(value.(string), "Z") {
					t.Errorf("%s is %v, not in UTC", name, value)
				}
				times[name] = moment.Sub(began).Round(time.Minute)
			}
		}
		return answer, times
	}
	for name, c := range map[string]struct {
		ago, lifetime time.Duration
		want          map[string]time.Duration
		renewed       bool
	}{
		"just signed in":         {0, 24 * time.Hour, map[string]time.Duration{"auth_time": 0, "expires_at": 24 * time.Hour, "idle_until": 90 * time.Minute}, false},
		"used a while ago":       {time.Hour, 24 * time.Hour, map[string]time.Duration{"auth_time": -time.Hour, "expires_at": 23 * time.Hour, "idle_until": 90 * time.Minute}, true},
		"used a moment ago":      {4 * time.Minute, 24 * time.Hour, map[string]time.Duration{"auth_time": -4 * time.Minute, "expires_at": 24*time.Hour - 4*time.Minute, "idle_until": 86 * time.Minute}, false},
		"little of the lifetime": {time.Hour, 2 * time.Hour, map[string]time.Duration{"auth_time": -time.Hour, "expires_at": time.Hour, "idle_until": time.Hour}, true},
	} {
		answer, got := at(c.ago, c.lifetime)
		if answer.StatusCode != http.StatusOK || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: answered %s with %v, want %v", name, answer.Status, got, c.want)
		}
		if renewed := answer.Header.Get("Set-Cookie") != ""; renewed != c.renewed {
			t.Errorf("%s: renewed = %v", name, renewed)
		}
	}
	s.Load(sitetest.Config{Options: "session {\n lifetime 24h\n}"})
	if _, got := at(time.Hour, 24*time.Hour); got["expires_at"] != 23*time.Hour || len(got) != 2 {
		t.Errorf("without an idle limit: %v", got)
	}
}

func TestS2_AProgramOfTheSiteLearnsWhyItIsSignedOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "session {\n lifetime 24h\n idle 90m\n}"})
	const day = 24 * time.Hour
	young := cookieFrom(t, 0, day)
	name, value, _ := strings.Cut(young, "=")
	otherKey := sitetest.SealSession(t, session.Config{Secrets: []string{strings.Repeat("b", 32)}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: day}, sitetest.Somebody())
	otherBlock := sitetest.SealSession(t, session.Config{Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /other", Name: "instagram_auth", Lifetime: day}, sitetest.Somebody())
	expired, idle := cookieFrom(t, 25*time.Hour, 2*day), cookieFrom(t, 2*time.Hour, day)
	for what, c := range map[string]struct{ cookies, reason string }{
		"no cookie":                      {"", "no_session"},
		"cookies of the site alone":      {"theme=dark; " + name + "x=1", "no_session"},
		"an empty cookie":                {name + "=", "no_session"},
		"another key":                    {otherKey, "unreadable"},
		"another block":                  {otherBlock, "unreadable"},
		"cut in half":                    {name + "=" + value[:len(value)/2], "unreadable"},
		"cut short":                      {name + "=" + value[:3], "unreadable"},
		"longer than any":                {name + "=" + strings.Repeat("A", 5000), "unreadable"},
		"made up":                        {name + "=" + strings.Repeat("A", len(value)), "unreadable"},
		"from the future":                {cookieFrom(t, -time.Hour, day), "unreadable"},
		"past its end":                   {expired, "expired"},
		"past what it promised":          {cookieFrom(t, 2*time.Hour, time.Hour), "expired"},
		"not used":                       {idle, "idle"},
		"a planted one in front":         {otherKey + "; " + idle, "idle"},
		"two: the newest counts":         {expired + "; " + idle, "idle"},
		"two: the newest counts, turned": {idle + "; " + expired, "idle"},
	} {
		wantReason(s, what, c.cookies, c.reason)
	}
}

func TestS2_TheReasonTellsASignOutFromARevocation(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	revoke := func(body string) {
		t.Helper()
		if status, answer := sitetest.AskAdmin(t, http.MethodPost, admin+"/instagram_auth/revoke", body); status != http.StatusOK {
			t.Fatalf("revoke %s: %d %v", body, status, answer)
		}
	}
	signedIn := func() (b *sitetest.Browser, cookies string) {
		t.Helper()
		b = s.NewBrowser()
		b.SignIn("/page")
		return b, b.CookieHeader()
	}
	b, here := signedIn()
	_, other := signedIn()
	b.Logout(nil)
	wantReason(s, "signed out", here, "signed_out")
	s.WantAlive(other, true)

	b, again := signedIn()
	replaced := again
	b.SignIn("/instagram_auth/login?return_to=/page")
	wantReason(s, "replaced by a new sign-in", replaced, "signed_out")

	b.Logout(url.Values{"everywhere": {"1"}})
	wantReason(s, "signed out everywhere, elsewhere", other, "revoked")
	wantReason(s, "signed out before", here, "signed_out")

	_, third := signedIn()
	revoke(`{"user_id":"` + sitetest.UserID + `"}`)
	wantReason(s, "all of the account", third, "revoked")

	_, fourth := signedIn()
	revoke(`{"all":true}`)
	wantReason(s, "of everybody", fourth, "revoked")

	// A session that the handler ends itself, because the account lost access, was not signed out.
	_, fifth := signedIn()
	s.Load(sitetest.Config{Options: "deny " + sitetest.UserID})
	if answer := fetchWith(s, userinfoPath, fifth); answer.StatusCode != http.StatusForbidden {
		t.Fatalf("a denied account: %s", answer.Status)
	}
	wantReason(s, "denied", fifth, "revoked")
}

func TestP4_AForeignPageLearnsNoReason(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	ended := cookieFrom(t, 25*time.Hour, 24*time.Hour)
	for what, foreign := range map[string]func(*http.Request){
		"same-site":       func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"cross-site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a strange value": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "Same-Origin") },
		"a Referer alone": func(r *http.Request) {
			for _, name := range []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
				r.Header.Del(name)
			}
			r.Header.Set("Referer", "https://other.test/")
		},
	} {
		for _, cookies := range []string{"", sitetest.SessionCookie + "=made-up", ended} {
			wantReason(s, what, cookies, "", foreign)
		}
	}
}

func TestE1_HandleErrorsReceivesTheReason(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "errors handle", Before: "handle_errors {\n respond \"{http.auth.instagram_auth.error} {http.auth.instagram_auth.reason}\" \n}",
	})
	for _, path := range []string{userinfoPath, "/page"} {
		answer := fetchWith(s, path, cookieFrom(t, 25*time.Hour, 24*time.Hour))
		if answer.StatusCode != http.StatusUnauthorized || answer.Body != "login_required expired" {
			t.Errorf("%s: answered %s %q", path, answer.Status, answer.Body)
		}
	}
}
