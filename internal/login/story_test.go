package login_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Stories of what Instagram does to an app: each goes through a real Caddy from the first
// visitor to the operator's log.

// A new operator signs in before the invitation is accepted, which is what nearly every one
// of them meets first.
func TestATesterWhoHasNotAcceptedTheInvitationIsToldSo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Simulate: func(c *simulator.Config) {
		c.App.State = simulator.InvitationPending
		c.App.Testers = []string{"maria.sees"}
	}})
	for range 3 {
		b := s.NewBrowser()
		sitetest.WantRefusal(t, b.Get(b.Begin("/private")), http.StatusForbidden, "accept the invitation at Instagram first")
	}
	lines := s.Logged("sign-in refused")
	if len(lines) != 3 || lines[0]["code"] != "app_not_open" || lines[0]["level"] != "warn" {
		t.Fatalf("lines = %v", lines)
	}
	remedy, _ := lines[0]["remedy"].(string)
	at := -1
	for _, cause := range []string{"accept the invitation", "Advanced Access", "data use checkup"} {
		next := strings.Index(remedy, cause)
		if next <= at {
			t.Errorf("remedy %q lists %q out of order or not at all", remedy, cause)
		}
		at = next
	}
	if lines := s.Logged("only testers of the app can sign in: Meta has not given it access to other accounts"); len(lines) != 1 || lines[0]["level"] != "error" {
		t.Errorf("error lines = %v", lines)
	}
	// The invitation is accepted, and nothing has to be started again.
	if err := s.Instagram.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	s.NewBrowser().SignIn("/private")
}

// Testers can sign in while others cannot: what those meet must not shut the testers out.
func TestD3_AnAppWithoutAccessIsOpenToItsTesters(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Window: "maria.sees", Simulate: func(c *simulator.Config) {
		c.App.State = simulator.InvitationPending
		c.App.Testers = []string{"maria.sees"}
	}})
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 6,
		Body: `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"A9LI"}}`,
	})
	for range 6 { // more than the breaker takes
		b := s.NewBrowser()
		sitetest.WantRefusal(t, b.Get(b.Begin("/private")), http.StatusForbidden, "does not let this site read your account")
	}
	s.NewBrowser().SignIn("/private")
}

func TestD3_AnAppThatMetaRestrictsLogsNobodyOut(t *testing.T) {
	admin := sitetest.FreeAddr(t)
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.RecheckedToken, Admin: admin})
	token := s.TokenOf(s.NewBrowser())
	var browsers []*sitetest.Browser
	for range 100 {
		b := s.NewBrowser()
		b.Plant(sitetest.SessionCookie, s.OlderCookie(token, 10*time.Minute))
		browsers = append(browsers, b)
	}
	late, later := s.NewBrowser(), s.NewBrowser()
	backLate, backLater := late.Begin("/private"), later.Begin("/private")
	if err := s.Instagram.SetState(simulator.Restricted); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, b := range browsers {
		all.Go(func() {
			for range 3 {
				if page := b.Get("/private"); page.StatusCode != http.StatusOK {
					t.Errorf("a signed-in visitor was answered %s", page.Status)
				}
			}
		})
	}
	all.Wait()
	const told = "nobody can sign in: Meta has restricted the app"
	s.WaitForLog(told, 1)
	s.Instagram.ResetCalls()
	// Whoever was in the window spends no code, and nobody else is sent there.
	for _, answer := range []sitetest.Response{late.Get(backLate), later.Get(backLater), s.NewBrowser().Get("/private")} {
		sitetest.WantRefusal(t, answer, http.StatusServiceUnavailable, "Nobody can sign in here at the moment.")
		if answer.Header.Get("Retry-After") == "" || answer.Location() != "" {
			t.Errorf("Retry-After %q, Location %q", answer.Header.Get("Retry-After"), answer.Location())
		}
	}
	if n := s.Instagram.Calls(simulator.Token); n != 0 {
		t.Errorf("%d codes were spent for nothing", n)
	}
	if lines := s.Logged(told); len(lines) != 1 || lines[0]["level"] != "error" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "Meta's dashboard") {
		t.Errorf("error lines = %v", lines)
	}
	if lines := s.Logged("session revoked: Instagram no longer accepts its token"); len(lines) != 0 {
		t.Errorf("%d sessions ended", len(lines))
	}
	metrics := sitetest.Scrape(t, admin)
	if got := metrics[`caddy_instagram_auth_breaker_open{app_id="`+sitetest.AppID+`"}`]; got != "1" {
		t.Errorf("breaker_open = %q", got)
	}
	restricted := `caddy_instagram_auth_provider_calls_total{app_id="` + sitetest.AppID + `",endpoint="user_node",result="app_restricted"}`
	if got := metrics[restricted]; got == "" || got == "0" {
		t.Errorf("%s = %q", restricted, got)
	}
	// Signed-in visitors go on, and so do logins once Meta has lifted it: a call for one of
	// the sessions shows that.
	if err := s.Instagram.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	sitetest.Eventually(t, "the end of the restriction", func() bool {
		b := s.NewBrowser()
		b.Plant(sitetest.SessionCookie, s.OlderCookie(token, 10*time.Minute))
		b.Get("/private")
		return s.NewBrowser().Get("/private").StatusCode == http.StatusFound
	})
	if answer := late.Get(backLate); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login that was under way was answered %s", answer.Status)
	}
}

func TestD3_ALimitOfOneAccountHoldsNobodyElseUp(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.LongLivedToken})
	limited := simulator.Fault{Kind: simulator.RateLimitBusiness}
	s.Instagram.Misbehave(simulator.UserNode, limited)
	for range 6 { // more than the breaker takes
		b := s.NewBrowser()
		answer := b.Get(b.Begin("/private"))
		sitetest.WantRefusal(t, answer, http.StatusBadGateway, "Instagram could not complete the sign-in.")
		if answer.Header.Get("Retry-After") != "300" {
			t.Errorf("Retry-After = %q", answer.Header.Get("Retry-After"))
		}
	}
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	for _, line := range s.Logged("sign-in refused") {
		if !strings.Contains(fmt.Sprint(line["remedy"]), "rate limit for this app and this account") {
			t.Errorf("line = %v", line)
		}
	}
	token := s.TokenOf(s.NewBrowser())
	// The refresh of one token meets it as well; the session stays, and the next one is
	// refreshed all the same.
	s.Instagram.Misbehave(simulator.Refresh, limited)
	held := s.NewBrowser()
	held.Plant(sitetest.SessionCookie, s.OlderCookie(token, 25*time.Hour))
	held.Get("/private")
	s.WaitForLog("background refresh failed; the session stays as it is", 1)
	s.Instagram.Misbehave(simulator.Refresh, simulator.Fault{})
	before := s.Instagram.Calls(simulator.Refresh)
	other := s.NewBrowser()
	other.Plant(sitetest.SessionCookie, s.OlderCookie(token, 25*time.Hour))
	sitetest.Eventually(t, "the refresh of another token", func() bool {
		if page := other.Get("/private"); page.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", page.Status)
		}
		return s.Instagram.Calls(simulator.Refresh) > before
	})
	s.WaitForLog("background refresh failed; the session stays as it is", 2) // the other one's is over
	after := s.Instagram.Calls(simulator.Refresh)
	if page := held.Get("/private"); page.StatusCode != http.StatusOK || s.Instagram.Calls(simulator.Refresh) != after {
		t.Errorf("answered %s after %d refreshes, of which there were %d", page.Status, s.Instagram.Calls(simulator.Refresh), after)
	}
}

// A browser that loads the callback again breaks the first request off, and shows the
// answer to the second.
func TestC4_ACallbackThatIsLoadedAgainSignsIn(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{})
			b := s.NewBrowser()
			back := b.Begin("/private?x=1")
			s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 300 * time.Millisecond})
			b.BreakOff(back)
			if late {
				s.WaitForLog("signed in", 1) // nobody has got that answer
			}
			answer := b.Get(back)
			if answer.StatusCode != http.StatusSeeOther || answer.Location() != "/private?x=1#" {
				t.Fatalf("answered %s to %q\n%s", answer.Status, answer.Location(), answer.Body)
			}
			if page := b.Get("/private"); page.StatusCode != http.StatusOK || page.Body != "hello "+sitetest.Username {
				t.Errorf("answered %s %q", page.Status, page.Body)
			}
			if n := s.Instagram.Calls(simulator.Token); n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
			if lines := s.Logged("signed in"); len(lines) != 1 {
				t.Errorf("%d lines about it", len(lines))
			}
			// The answer has arrived: the callback is of no more use.
			sitetest.WantRefusal(t, s.NewBrowser().Get(back), http.StatusBadRequest, sitetest.LoginExpired)
		})
	}
}

// soon is a clock that is ahead: issued_at has whole seconds, and ends what was before.
func soon() time.Time { return time.Now().Add(2 * time.Second) }

// What nobody has got is no way back in for somebody who has removed the app since.
func TestC4_ACallbackThatIsLoadedAgainBringsNoEndedSessionBack(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Now: soon})
	b := s.NewBrowser()
	back := b.Begin("/private")
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 200 * time.Millisecond})
	b.BreakOff(back)
	s.WaitForLog("signed in", 1)
	s.Deauthorize()
	sitetest.WantRefusal(t, b.Get(back), http.StatusBadRequest, sitetest.LoginExpired)
	if b.Cookie(sitetest.SessionCookie) != "" || s.Instagram.Calls(simulator.Token) != 1 {
		t.Errorf("there is a session, or the code was sent %d times", s.Instagram.Calls(simulator.Token))
	}
}

// A refusal is shared as well: the second answer says what the first one would have said.
func TestC4_ACallbackThatIsLoadedAgainIsRefusedInTheSameWords(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "deny " + sitetest.UserID})
	b := s.NewBrowser()
	back := b.Begin("/private")
	s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 200 * time.Millisecond})
	cookies := b.CookieHeader()
	var answers [2]sitetest.Response
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			request := sitetest.Navigation(t, http.MethodGet, back)
			request.Header.Set("Cookie", cookies)
			answers[i] = s.NewBrowser().Do(request)
		})
	}
	all.Wait()
	for _, answer := range answers {
		sitetest.WantRefusal(t, answer, http.StatusForbidden, "No access")
	}
	if lines := s.Logged("sign-in refused"); len(lines) != 1 || s.Instagram.Calls(simulator.Token) != 1 {
		t.Errorf("%d lines, %d exchanges", len(lines), s.Instagram.Calls(simulator.Token))
	}
}

// Who has no access with one account wants to choose another. Instagram would sign the same
// one in again without a question.
func TestA2_X1_WhoHasNoAccessCanChooseAnotherAccount(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "deny " + sitetest.UserID + "\nauthorize force_reauth false\nauthorize enable_fb_login 0"})
	b := s.NewBrowser()
	start := b.Get("/private?x=1")
	if got := sitetest.Query(t, start.Location()); got.Get("force_reauth") != "false" || got.Get("enable_fb_login") != "0" {
		t.Errorf("parameters = %v", got)
	}
	refused := b.Get(b.Window(start))
	sitetest.WantRefusal(t, refused, http.StatusForbidden, "Use another account")
	const link = "/instagram_auth/login?another_account=true&amp;return_to=%2Fprivate%3Fx%3D1"
	if !strings.Contains(refused.Body, link) {
		t.Fatalf("the page has no link %s:\n%s", link, refused.Body)
	}
	again := b.Get(strings.ReplaceAll(link, "&amp;", "&"))
	if got := sitetest.Query(t, again.Location())["force_reauth"]; len(got) != 1 || got[0] != "true" {
		t.Errorf("force_reauth = %q", got)
	}
	for _, odd := range []string{"another_account=1", "another_account=true&another_account=true", "another_account=", "another_account=TRUE", "force_reauth=true"} {
		if got := sitetest.Query(t, b.Get("/instagram_auth/login?"+odd).Location()); got.Get("force_reauth") != "false" {
			t.Errorf("%s: %v", odd, got)
		}
	}
}

func TestAnOptionalFieldLocksNobodyOut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "fields name biography account_type\nheaders {\n name X-Name\n account_type X-Type\n}"})
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 1,
		Body: `{"error":{"message":"(#100) Tried accessing nonexisting field (biography) on node type (IGUser)","type":"IGApiException","code":100}}`,
	})
	b := s.NewBrowser()
	b.SignIn("/private")
	b.Get("/private")
	if got := s.Upstream.Last(t).Header; got.Get("X-Instagram-User-Id") != sitetest.UserID || got.Get("X-Name") != "" {
		t.Errorf("the site got %v", got)
	}
	var asked []string
	for _, request := range s.Instagram.Requests(simulator.UserNode) {
		asked = append(asked, request.URL)
	}
	if want := []string{"/me?fields=id,user_id,username,name,biography,account_type", "/me?fields=id,user_id,username"}; strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked for %q", asked)
	}
	const told = "Instagram refuses a field; visitors are signed in without all of fields"
	if lines := s.Logged(told); len(lines) != 1 || lines[0]["field"] != "biography" || lines[0]["level"] != "warn" {
		t.Errorf("lines = %v", lines)
	}
	other := s.NewBrowser()
	other.SignIn("/private")
	other.Get("/private")
	if got := s.Upstream.Last(t).Header; got.Get("X-Name") != "Jay%20Posiris" || got.Get("X-Type") != "BUSINESS" {
		t.Errorf("the site got %v", got)
	}
	if lines := s.Logged(told); len(lines) != 1 {
		t.Errorf("told %d times", len(lines))
	}
}

// A deauthorize callback names the app-scoped ID, which the token answer alone has told.
func TestK3_ADeauthorizationEndsTheSessionOfANodeWithoutID(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Now: soon, Simulate: func(c *simulator.Config) { c.NodeWithoutID = true }})
	b := s.NewBrowser()
	b.SignIn("/private")
	if page := b.Get("/private"); page.StatusCode != http.StatusOK || s.Upstream.Last(t).Header.Get("X-Instagram-User-Id") != sitetest.UserID {
		t.Fatalf("answered %s", page.Status)
	}
	s.Deauthorize()
	if page := b.Get("/private"); page.StatusCode != http.StatusFound {
		t.Errorf("after the removal: %s", page.Status)
	}
}

// Where Instagram leaves the stable ID out, nobody becomes somebody else.
func TestT5_ANodeWithoutUserIDSignsNobodyInAsSomebodyElse(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Simulate: func(c *simulator.Config) { c.NodeWithoutUserID = true }})
	b := s.NewBrowser()
	sitetest.WantRefusal(t, b.Get(b.Begin("/private")), http.StatusBadGateway, "Instagram sent an answer we could not use.")
	lines := s.Logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "bad_profile" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "did not send user_id") {
		t.Errorf("lines = %v", lines)
	}
	if s.Upstream.Count() != 0 || strings.Contains(s.Logs(), sitetest.Username) {
		t.Error("the site was asked, or the log names the person")
	}
}

func TestAPrivateAccountIsToldWhatToDo(t *testing.T) {
	private := sitetest.Users()
	private[0].Private = true
	s := sitetest.Start(t, sitetest.Config{Users: private})
	b := s.NewBrowser()
	sitetest.WantRefusal(t, b.Get(b.Begin("/private")), http.StatusForbidden, "Make your account public")
	lines := s.Logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "private_account" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "the account is private") {
		t.Errorf("lines = %v", lines)
	}
}

// Where Instagram takes no token from the header, it gets it in the query, and from then on
// at once.
func TestT6_AHeaderThatInstagramDoesNotReadIsReplacedByTheQuery(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Simulate: func(c *simulator.Config) { c.NoBearer = true }})
	s.NewBrowser().SignIn("/private")
	s.NewBrowser().SignIn("/private")
	var places []string
	for _, request := range s.Instagram.Requests(simulator.UserNode) {
		place := "neither"
		switch {
		case request.Header.Get("Authorization") != "" && !strings.Contains(request.URL, "access_token"):
			place = "header"
		case request.Header.Get("Authorization") == "" && strings.Contains(request.URL, "access_token"):
			place = "query"
		}
		places = append(places, place)
	}
	if got := strings.Join(places, " "); got != "header query query" {
		t.Errorf("the token stood in %s", got)
	}
}

func TestForceAuthenticationLoadsWithAWarning(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "authorize force_authentication true"})
	if lines := s.Logged("authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth"); len(lines) != 1 {
		t.Errorf("%d lines", len(lines))
	}
	if got := sitetest.Query(t, s.NewBrowser().Get("/private").Location()); got.Get("force_authentication") != "true" {
		t.Errorf("parameters = %v", got)
	}
}
