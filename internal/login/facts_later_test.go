package login_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The outcomes for a session in the background.
const (
	ends  = "the session ends"
	stays = "the session stays"

	lineEnds  = "session revoked: Instagram no longer accepts its token"
	lineStays = "background refresh failed; the session stays as it is"
	lineShort = "getting a long-lived token failed; the short-lived one stays in use"
)

// runLater rechecks the profile of a session in the background, with the answers of a row.
func (f *fact) runLater(t *testing.T) {
	t.Helper()
	s := factSite(t, sitetest.Config{Options: sitetest.RecheckedToken})
	b := s.newBrowser()
	s.OlderSession(b, 10*time.Minute)
	for _, r := range f.via.answers {
		s.Instagram.Misbehave(r.endpoint, r.fault(r.statuses[0]))
	}
	s.wantLater(t, b, f.later)
}

// wantLater asks for a page, which starts a background call, and waits for the outcome.
func (s *scene) wantLater(t *testing.T, b *sitetest.Browser, outcome string) {
	t.Helper()
	if page := b.Get("/private"); page.StatusCode != http.StatusOK {
		t.Fatalf("before: answered %s", page.Status)
	}
	want, never, status := lineStays, lineEnds, http.StatusOK
	if outcome == ends {
		want, never, status = lineEnds, lineStays, http.StatusFound
	}
	sitetest.Eventually(t, want, func() bool { return len(s.reported(want))+len(s.reported(never)) > 0 })
	if lines := s.reported(never); len(lines) != 0 {
		t.Errorf("want that %s, but: %v", outcome, lines)
	}
	sitetest.Eventually(t, outcome, func() bool { return b.Get("/private").StatusCode == status })
}

// refreshed is a session that is a day old and meets an answer when its token is refreshed.
func refreshed(outcome string, answers ...reply) route {
	h := route{own: true, act: func(s *scene, b *sitetest.Browser) sitetest.Response {
		b.Plant(sitetest.SessionCookie, s.OlderCookie("IGAAlong", 25*time.Hour))
		for _, r := range answers {
			s.Instagram.Misbehave(r.endpoint, r.fault(r.statuses[0]))
		}
		s.wantLater(b.T, b, outcome)
		return b.Get("/private")
	}}
	h.config.Options = sitetest.LongLivedToken
	return h
}

// aDayLater is a session whose token was issued a day ago and is refreshed by the simulator.
// Its clock goes a day back for the sign-in.
func aDayLater(ago time.Duration) route {
	var back atomic.Int64
	h := route{own: true, act: func(s *scene, b *sitetest.Browser) sitetest.Response {
		back.Store(int64(25 * time.Hour))
		old := s.TokenOf(s.newBrowser())
		back.Store(0)
		b.Plant(sitetest.SessionCookie, s.OlderCookie(old, ago))
		due := s.newBrowser()
		due.Plant(sitetest.SessionCookie, s.OlderCookie(old, 25*time.Hour))
		b.Get("/private")
		sitetest.Eventually(b.T, "another token", func() bool {
			due.Get("/private")
			return s.Upstream.Last(b.T).Header.Get(sitetest.TokenHeader) != old
		})
		return b.Get("/private")
	}}
	h.config.Options = sitetest.LongLivedToken
	h.config.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
	return h
}

// lengthened is a sign-in at which the short-lived token is exchanged with this answer.
func lengthened(status int, body string) route {
	return login(on(simulator.LongLived, status, body)).with(sitetest.LongLivedToken + "\nheaders {\n permissions X-Permissions\n}")
}

// requestTo checks the only request to an endpoint.
func requestTo(endpoint simulator.Endpoint, want string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		requests := s.Instagram.Requests(endpoint)
		if len(requests) != 1 || requests[0].Method != http.MethodGet || requests[0].URL != want {
			t.Errorf("asked %v, want GET %s", requests, want)
		}
	}
}

// served is a page of the site for somebody whose session is good.
func served(calls string, lines ...string) expected {
	return expected{status: http.StatusOK, calls: calls, page: "hello", logs: strings.Join(lines, "\n")}
}

const (
	longToken   = `{"access_token":"IGAAlong","token_type":"bearer","expires_in":5183944}`
	withoutMore = `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"Azq1XPB"}}`
)

// Section 4: long-lived tokens.
func TestFactsOfLongLivedTokens(t *testing.T) {
	long := expected{status: 303, location: "^/private#$", site: jay + "\n" + sitetest.TokenHeader + ": IGAAlong\nX-Permissions: instagram_business_basic", calls: "token user long-lived"}
	short := long
	short.site = jay
	runFacts(t, []fact{
		{by: "D", fact: "exchange: GET access_token with grant_type and client_secret; the token in the header", via: lengthened(200, longToken),
			want: long.and(requestTo(simulator.LongLived, "/access_token?grant_type=ig_exchange_token&client_secret="+sitetest.AppSecret))},
		{by: "D", fact: "exchange in basic_display: access_token in the query",
			via:  login(on(simulator.LongLived, 200, longToken), on(simulator.Token, 200, `{"access_token":"IGQVJshort","user_id":17841405793187218}`), person(`{"id":"17841405793187218","username":"jayposiris"}`)).with(sitetest.LongLivedToken).api(instagram.BasicDisplay),
			want: short.and(requestTo(simulator.LongLived, "/access_token?grant_type=ig_exchange_token&client_secret="+sitetest.AppSecret+"&access_token=IGQVJshort"))},
		{by: "D", fact: "the answer: access_token, token_type and expires_in, about 60 days", via: lengthened(200, longToken), want: long},
		{by: "-", fact: "expires_in may be text, or missing", via: lengthened(200, `{"access_token":"IGAAlong","token_type":"bearer"}`), want: long},
		{by: "L", fact: "permissions are in no live answer: those of the login stay", via: lengthened(200, longToken), want: long},
		{by: "S", fact: "a user_id beside it was seen once: it changes nobody's identity", via: lengthened(200, strings.Replace(longToken, "}", `,"user_id":17841405822304915}`, 1)), want: long},
		{by: "D", fact: "refresh: GET refresh_access_token with grant_type, the same shape of answer", via: aDayLater(25 * time.Hour), want: served("token user long-lived refresh refresh")},
		{by: "D", fact: "a token that is younger than 24 h is not refreshed", via: aDayLater(23 * time.Hour),
			want: served("token user long-lived refresh").and(requestTo(simulator.Refresh, "/refresh_access_token?grant_type=ig_refresh_token"))},
		{by: "D", fact: "should Instagram find it too young, the session stays", via: refreshed(stays, on(simulator.Refresh, 400, `{"error":{"message":"The access token is less than 24 hours old","type":"OAuthException","code":100}}`)),
			want: served("", "warn "+lineStays)},
		{by: "D", fact: "a token that has expired cannot be refreshed: the session ends", via: refreshed(ends, on(simulator.Refresh, 400, `{"error":{"message":"Error validating access token: Session has expired on Tuesday, 01-Dec-26 06:00:00 PST.","type":"OAuthException","code":190}}`)),
			want: expected{status: http.StatusFound, location: "/oauth/authorize", logs: "info " + lineEnds}},
		{by: "D", fact: "instagram_business_basic has to be granted: without it the session stays until the token expires", via: refreshed(stays, on(simulator.Refresh, 400, `{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}`)),
			want: served("", "warn "+lineStays)},
		{by: "D", fact: "a permission that was not used for 90 days has to be granted again", untestable: "no source says with which answer; the rows about 10 and 190 cover both"},
		{by: "L", fact: "an app without access gets Unsupported request at the exchange: the sign-in goes on with the short-lived token", via: lengthened(400, withoutMore),
			want: short.logging(noAccessLine, "warn "+lineShort)},
		{by: "L", fact: "an app without access gets it at the refresh: the session stays", via: refreshed(stays, on(simulator.Refresh, 400, withoutMore)), want: served("", "warn "+lineStays, noAccessLine)},
		{by: "L", fact: "a restricted app is refused at the refresh: the session stays", via: refreshed(stays, on(simulator.Refresh, 400, `{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`)),
			want: served("", "warn "+lineStays, blockedLine)},
		{by: "D", fact: "a rate limit at the exchange: the sign-in goes on", via: lengthened(403, `{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","code":4}}`), want: short.logging("warn " + lineShort)},
	})
}
