package operator_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestL4_TheOperatorEndsSessions(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	for _, c := range []struct {
		name string
		body func() string
		both bool // browsers are signed out
	}{
		{"a user", func() string { return `{"user_id":"` + sitetest.UserID + `"}` }, true},
		{"a user by the app-scoped ID", func() string { return `{"user_id":"` + sitetest.AppScopedID + `","app_id":"` + sitetest.AppID + `"}` }, true},
		{"all", func() string { return `{"all":true}` }, true},
		{"one session", func() string {
			lines := s.Logged("signed in")
			return `{"session":"` + lines[len(lines)-1]["session"].(string) + `"}`
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			one, two := s.NewBrowser(), s.NewBrowser()
			one.SignIn("/page")
			two.SignIn("/page")
			status, answer := sitetest.AskAdmin(t, http.MethodPost, admin+"/instagram_auth/revoke", c.body())
			if status != http.StatusOK {
				t.Fatalf("answered %d %v", status, answer)
			}
			s.WantAlive(two.CookieHeader(), false)
			s.WantAlive(one.CookieHeader(), !c.both)
			two.SignIn("/page")
			s.WantAlive(two.CookieHeader(), true)
		})
	}
	if lines := s.Logged("sessions revoked by the operator"); len(lines) != 4 {
		t.Errorf("logged %d times", len(lines))
	}
	status, answer := sitetest.AskAdmin(t, http.MethodGet, admin+"/instagram_auth/sessions", "")
	apps, _ := answer["apps"].([]any)
	if status != http.StatusOK || len(apps) != 1 {
		t.Fatalf("answered %d %v", status, answer)
	}
	state := apps[0].(map[string]any)
	if state["app_id"] != sitetest.AppID || state["revoked"].(float64) < 3 || state["queued"] != 0.0 || state["age_seconds"] == nil || state["error"] != nil {
		t.Errorf("state = %v", state)
	}
}

func TestL4_WrongRequestsOfTheOperatorAreExplained(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"nobody named", http.MethodPost, "revoke", `{}`, 400, "exactly one"},
		{"two named", http.MethodPost, "revoke", `{"user_id":"1","all":true}`, 400, "exactly one"},
		{"a username", http.MethodPost, "revoke", `{"user_id":"jayposiris"}`, 400, "numeric"},
		{"no session", http.MethodPost, "revoke", `{"session":"x"}`, 400, "16 hex digits"},
		{"unknown member", http.MethodPost, "revoke", `{"user":"1"}`, 400, "unknown field"},
		{"no JSON", http.MethodPost, "revoke", `user_id=1`, 400, "decoding"},
		{"something behind", http.MethodPost, "revoke", `{"all":true}x`, 400, "follows"},
		{"huge", http.MethodPost, "revoke", `{"user_id":"` + strings.Repeat("1", 20_000) + `"}`, 400, "too large"},
		{"unknown app", http.MethodPost, "revoke", `{"app_id":"7","all":true}`, 404, "no instagram_auth of app"},
		{"by GET", http.MethodGet, "revoke", "", 405, "not allowed"},
		{"sessions by POST", http.MethodPost, "sessions", "", 405, "not allowed"},
		{"sessions of an unknown app", http.MethodGet, "sessions?app_id=7", "", 404, "no instagram_auth of app"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, answer := sitetest.AskAdmin(t, c.method, admin+"/instagram_auth/"+c.path, c.body)
			if text, _ := answer["error"].(string); status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("answered %d %v", status, answer)
			}
		})
	}
	s.WantAlive(b.CookieHeader(), true)
	// Not on the site itself.
	if answer := b.Do(sitetest.Navigation(t, http.MethodPost, "/instagram_auth/revoke")); answer.StatusCode == http.StatusOK && answer.Body != "hello "+sitetest.Username {
		t.Errorf("the site answers %s %s", answer.Status, answer.Body)
	}
}

func TestL4_TheOperatorIsToldWhenTheStorageFails(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Options: "sync_interval 1s"})
	b := s.NewBrowser()
	b.SignIn("/page")
	mend := s.BreakStorage()
	status, answer := sitetest.AskAdmin(t, http.MethodPost, admin+"/instagram_auth/revoke", `{"user_id":"`+sitetest.UserID+`"}`)
	if text, _ := answer["error"].(string); status != http.StatusServiceUnavailable || !strings.Contains(text, "on this node only") {
		t.Errorf("answered %d %v", status, answer)
	}
	s.WantAlive(b.CookieHeader(), false)
	sitetest.Eventually(t, "the fault in the list", func() bool {
		_, answer := sitetest.AskAdmin(t, http.MethodGet, admin+"/instagram_auth/sessions", "")
		state := answer["apps"].([]any)[0].(map[string]any)
		return state["error"] != nil && state["queued"] == 1.0
	})
	mend()
	sitetest.Eventually(t, "an empty queue", func() bool {
		_, answer := sitetest.AskAdmin(t, http.MethodGet, admin+"/instagram_auth/sessions", "")
		state := answer["apps"].([]any)[0].(map[string]any)
		return state["error"] == nil && state["queued"] == 0.0
	})
}

func TestF1_AMetricTellsHowOldTheListIs(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Options: "sync_interval 1s", Global: "metrics"})
	b := s.NewBrowser()
	b.SignIn("/page")
	metric := func(name string) string {
		return sitetest.Scrape(t, admin)["caddy_instagram_auth_"+name+"{app_id=\""+sitetest.AppID+"\"}"]
	}
	// A reload makes a new registry, and a second block shares it.
	s.Load(sitetest.Config{Options: "sync_interval 1s", Global: "metrics", Admin: admin})
	b.Get("/page")
	mend := s.BreakStorage()
	defer mend()
	b.Logout(nil)
	if metric("revoked_sessions") == "" || metric("revoked_sessions_queued") != "1" || metric("revoked_sessions_lost_total") != "0" {
		t.Errorf("ended %s, queued %s, lost %s", metric("revoked_sessions"), metric("revoked_sessions_queued"), metric("revoked_sessions_lost_total"))
	}
	sitetest.Eventually(t, "an age of more than two seconds", func() bool {
		read, err := strconv.ParseFloat(metric("revoked_sessions_last_read_timestamp_seconds"), 64)
		return err == nil && float64(time.Now().Unix())-read > 2
	})
}
