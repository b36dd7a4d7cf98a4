package telemetry_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func wantCounted(t *testing.T, admin string, want map[string]string) {
	t.Helper()
	got := sitetest.Counted(t, admin)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %s", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			t.Errorf("%s is %s, want 0", name, got[name])
		}
	}
}

func TestTheMetricsTellWhatBecomesOfRequests(t *testing.T) {
	c := sitetest.Config{Matcher: "/private*", Global: "metrics", Options: "deauthorize pass"}
	s, admin := sitetest.StartWithAdmin(t, c)
	wantCounted(t, admin, nil)
	b := s.NewBrowser()
	b.Get("/public")
	b.Get("/public")
	b.Fetch("/private")
	b.SignIn("/private")
	b.Get("/private")
	b.Get("/instagram_auth/logout")
	b.Get("/instagram_auth/deauthorize")
	s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username))
	want := map[string]string{
		`requests_total{outcome="anonymous"}`: "2", `requests_total{outcome="login_required"}`: "1", `requests_total{outcome="redirected"}`: "1",
		`requests_total{outcome="signed_in"}`: "1", `requests_total{outcome="refused"}`: "1", `requests_total{outcome="passed_on"}`: "1",
		`refusals_total{code="login_required"}`: "1", `refusals_total{code="method"}`: "1",
		`requests_total{outcome="own_path"}`:                 "2", // the callback and the page to sign out
		`logins_total{result="ok"}`:                          "1",
		`provider_calls_total{endpoint="token",result="ok"}`: "1", `provider_calls_total{endpoint="user_node",result="ok"}`: "1",
		`provider_call_duration_seconds_count{endpoint="token"}`: "1", `provider_call_duration_seconds_count{endpoint="user_node"}`: "1",
	}
	wantCounted(t, admin, want)
	// A reload makes a new registry, and a second block of the app shares the series.
	c.Admin, c.Options = admin, "login_page"
	c.Extra = strings.Replace(fmt.Sprintf("http://:%s {\n%s\n}", sitetest.Port(sitetest.FreeAddr(t)), sitetest.DefaultBlock("path_prefix /other")), "{endpoints}", s.Endpoints, 1)
	s.Load(c)
	wantCounted(t, admin, want)
	s.NewBrowser().Get("/private")
	want[`requests_total{outcome="login_page"}`] = "1"
	wantCounted(t, admin, want)
	// Another app begins with nothing, and the one that is gone has no series.
	s.Load(sitetest.Config{Global: "metrics", Admin: admin, Block: strings.Replace(sitetest.DefaultBlock(""), sitetest.AppID, "7", 1)})
	for series := range sitetest.Scrape(t, admin) {
		if strings.Contains(series, sitetest.AppID) {
			t.Errorf("there still is %s", series)
		}
	}
	if got := sitetest.Scrape(t, admin)[`caddy_instagram_auth_logins_total{app_id="7",result="ok"}`]; got != "0" {
		t.Errorf("another app has %q logins", got)
	}
}

func TestTheMetricsTellHowLoginsFail(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Global: "metrics"})
	fail := func(endpoint simulator.Endpoint, kind simulator.FaultKind) {
		t.Helper()
		b := s.NewBrowser()
		back := b.Window(b.Get("/"))
		s.Instagram.Misbehave(endpoint, simulator.Fault{Kind: kind, Times: 1})
		if answer := b.Get(back); answer.StatusCode < 400 {
			t.Errorf("%v: answered %s", kind, answer.Status)
		}
	}
	state := sitetest.Query(t, s.NewBrowser().Get("/").Location()).Get("state")
	s.NewBrowser().Get(sitetest.Callback + "?code=x&state=" + state) // of another browser
	fail(simulator.UserNode, simulator.RateLimit)
	for range 3 {
		fail(simulator.Token, simulator.Status500)
	}
	open := func() string {
		return sitetest.Scrape(t, admin)[`caddy_instagram_auth_breaker_open{app_id="`+sitetest.AppID+`"}`]
	}
	if got := open(); got != "0" {
		t.Errorf("after four failures the breaker is %q", got)
	}
	fail(simulator.Token, simulator.Status503)
	if got := open(); got != "1" {
		t.Errorf("after five failures the breaker is %q", got)
	}
	b := s.NewBrowser()
	b.Get(b.Window(b.Get("/")))
	wantCounted(t, admin, map[string]string{
		`requests_total{outcome="redirected"}`: "7", `requests_total{outcome="refused"}`: "7",
		`logins_total{result="login_expired"}`: "1", `logins_total{result="provider_error"}`: "5", `logins_total{result="provider_unreachable"}`: "1",
		`refusals_total{code="login_expired"}`: "1", `refusals_total{code="provider_error"}`: "5", `refusals_total{code="provider_unreachable"}`: "1",
		`provider_calls_total{endpoint="token",result="ok"}`: "1", `provider_calls_total{endpoint="token",result="bad_answer"}`: "4",
		`provider_calls_total{endpoint="user_node",result="rate_limited"}`: "1",
		`provider_call_duration_seconds_count{endpoint="token"}`:           "5", `provider_call_duration_seconds_count{endpoint="user_node"}`: "1",
		`breaker_open`: "1", `breaker_openings_total`: "1",
	})
	if opened := s.Logged("breaker opened: calls to Instagram have failed in a row; logins are refused until one succeeds"); len(opened) != 1 || opened[0]["request_id"] == nil || opened[0]["error"] == nil {
		t.Errorf("logged %v", opened)
	}
}

func TestTheMetricsTellOfCallsUnderWay(t *testing.T) {
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Global: "metrics", Options: "timeout 1m"})
	b := s.NewBrowser()
	back := b.Window(b.Get("/"))
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Hang})
	ctx, goAway := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		request := sitetest.Navigation(t, http.MethodGet, back).WithContext(ctx)
		if answer, err := b.HTTP.Do(request); err == nil {
			_ = answer.Body.Close()
			t.Error("answered")
		}
	}()
	inFlight := func(want string) func() bool {
		return func() bool {
			return sitetest.Scrape(t, admin)[`caddy_instagram_auth_provider_calls_in_flight{app_id="`+sitetest.AppID+`"}`] == want
		}
	}
	sitetest.Eventually(t, "a call under way", inFlight("1"))
	goAway()
	<-gone
	sitetest.Eventually(t, "none under way", inFlight("0"))
	if got := sitetest.Counted(t, admin)[`provider_calls_total{endpoint="token",result="cancelled"}`]; got != "1" {
		t.Errorf("%q calls were cancelled", got)
	}
}
