package telemetry_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestP2_WhatVisitorsDoAlarmsNobody has visitors, crawlers and forgers do what they do. None of it
// is worth a warning, and all of it is counted.
func TestP2_WhatVisitorsDoAlarmsNobody(t *testing.T) {
	c := sitetest.Config{Global: "metrics", Options: "rate_limit 3 1m"}
	s, admin := sitetest.StartWithAdmin(t, c)
	stateOf := func(b *sitetest.Browser) string { return sitetest.Query(b.T, b.Get("/page").Location()).Get("state") }
	old := strings.Repeat("s", 43)

	for _, path := range []string{
		"/auth/", "/auth/?utm_source=x", "/auth/?code=" + strings.Repeat("x", 2000), "/auth/?code=x&state=short", "/auth/?code=x&state=" + old, "/auth/?error=invalid_scope",
		"/auth/?error=invalid_scope&error_description=Invalid+scope&state=" + old, "/auth/?error=access_denied&error=x", "/auth/?%zz",
		"/instagram_auth/login?scope=everything", "/instagram_auth/login?scope=a&scope=b", "/instagram_auth/refused?note=x", "/instagram_auth/nothing",
		"/instagram_auth/userinfo", "/instagram_auth/picture", "/instagram_auth/deauthorize", "/instagram_auth/data_deletion?code=x", "/a%2f..%2fb", "/page",
	} {
		s.NewBrowser().Get(path)
		s.NewBrowser().Fetch(path)
	}
	for _, back := range []string{"error=access_denied&error_reason=user_denied", "error=access_denied&error_reason=not_professional", "code=made-up"} {
		b := s.NewBrowser()
		b.Get(sitetest.Callback + "?" + back + "&state=" + stateOf(b))
	}
	for range 8 { // more than rate_limit lets fail, or be cancelled
		b := s.NewBrowser()
		b.Get(sitetest.Callback + "?code=made-up&state=" + stateOf(b))
		b.Get(sitetest.Callback + "?error=access_denied&state=" + stateOf(b))
	}
	forged := sitetest.SealSession(t, session.Config{Secrets: []string{old}, Instance: "x", Name: "instagram_auth", Lifetime: time.Hour}, sitetest.Somebody())
	if answer := s.Send(s.NewBrowser().LogoutRequest(nil), sitetest.Repeat(forged, session.MaxTried+1)); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a crowd of forged sessions: %s", answer.Status)
	}
	for range 25 {
		for _, signed := range []string{"", "forged", "forged.e30", s.Instagram.SignedRequest(sitetest.Username) + "x"} {
			s.FromMeta(sitetest.DeauthorizePath, signed)
			s.FromMeta(sitetest.DataDeletionPath, signed)
		}
	}
	quiet(t, s)

	series := sitetest.Scrape(t, admin)
	for _, want := range []string{
		`logins_total{app_id="` + sitetest.AppID + `",result="bad_request"}`, `logins_total{app_id="` + sitetest.AppID + `",result="login_expired"}`, `logins_total{app_id="` + sitetest.AppID + `",result="cancelled"}`,
		`logins_total{app_id="` + sitetest.AppID + `",result="provider_refused"}`, `logins_total{app_id="` + sitetest.AppID + `",result="too_many"}`,
		`refusals_total{app_id="` + sitetest.AppID + `",code="bad_signature"}`, `refusals_total{app_id="` + sitetest.AppID + `",code="method"}`, `refusals_total{app_id="` + sitetest.AppID + `",code="login_required"}`,
		`limited_total{app_id="` + sitetest.AppID + `",limit="client"}`, `limited_total{app_id="` + sitetest.AppID + `",limit="cancelled"}`, `limited_total{app_id="` + sitetest.AppID + `",limit="forged"}`,
	} {
		if value := series["caddy_instagram_auth_"+want]; value == "" || value == "0" {
			t.Errorf("%s is %q", want, value)
		}
	}
}

// TestP2_AVisitorWhoIsShutOutAlarmsNobody is about the lists.
func TestP2_AVisitorWhoIsShutOutAlarmsNobody(t *testing.T) {
	c := sitetest.Config{Global: "metrics"}
	s, admin := sitetest.StartWithAdmin(t, c)
	b := s.NewBrowser()
	b.SignIn("/")
	c.Admin, c.Options = admin, "deny "+sitetest.UserID
	s.Load(c)
	if answer := b.Get("/page"); answer.StatusCode != http.StatusForbidden {
		t.Fatalf("the page answers %s", answer.Status)
	}
	other := s.NewBrowser()
	if answer := other.Get(other.Window(other.Get("/page"))); answer.StatusCode != http.StatusForbidden {
		t.Fatalf("the sign-in answers %s", answer.Status)
	}
	quiet(t, s)
	if series := sitetest.Scrape(t, admin); series[`caddy_instagram_auth_refusals_total{app_id="`+sitetest.AppID+`",code="no_access"}`] != "2" || len(s.Logged("access refused")) != 1 {
		t.Errorf("%v in\n%s", series, s.Logs())
	}
}

// quiet fails if this module logs a line above INFO, other than those about the configuration.
func quiet(t *testing.T, s *sitetest.Site) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(s.Logs()) {
		var entry struct{ Level, Logger, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s is no JSON", line)
		}
		if entry.Logger != "http.handlers.instagram_auth" {
			continue
		}
		lines++
		if entry.Level != "info" && !strings.HasPrefix(entry.Msg, "session keys are derived") && !strings.HasPrefix(entry.Msg, "redirect_uri is plain http") {
			t.Errorf("a visitor has the log say %s", line)
		}
	}
	if lines == 0 {
		t.Error("the log says nothing")
	}
}
