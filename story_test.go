package instagramauth_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Stories of what Instagram does to an app: each goes through a real Caddy from the first
// visitor to the operator's log.

// begin takes a login as far as the callback's address.
func (b *browser) begin(path string) (back string) {
	b.t.Helper()
	return b.window(b.get(path))
}

// A new operator signs in before the invitation is accepted, which is what nearly every one
// of them meets first.
func TestATesterWhoHasNotAcceptedTheInvitationIsToldSo(t *testing.T) {
	s := startSite(t, siteConfig{simulate: func(c *simulator.Config) {
		c.App.State = simulator.InvitationPending
		c.App.Testers = []string{"maria.sees"}
	}})
	for range 3 {
		b := s.newBrowser()
		wantRefusal(t, b.get(b.begin("/private")), http.StatusForbidden, "accept the invitation at Instagram first")
	}
	lines := s.logged("sign-in refused")
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
	if lines := s.logged("nobody but testers of the app can sign in: it has no access to other accounts"); len(lines) != 1 || lines[0]["level"] != "error" {
		t.Errorf("error lines = %v", lines)
	}
	// The invitation is accepted, and nothing has to be started again.
	if err := s.instagram.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	s.newBrowser().signIn("/private")
}

// Testers can sign in while others cannot: what those meet must not shut the testers out.
func TestD3_AnAppWithoutAccessIsOpenToItsTesters(t *testing.T) {
	s := startSite(t, siteConfig{window: "maria.sees", simulate: func(c *simulator.Config) {
		c.App.State = simulator.InvitationPending
		c.App.Testers = []string{"maria.sees"}
	}})
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 6,
		Body: `{"error":{"message":"Unsupported request - method type: get","type":"IGApiException","code":100,"fbtrace_id":"A9LI"}}`,
	})
	for range 6 { // more than the breaker takes
		b := s.newBrowser()
		wantRefusal(t, b.get(b.begin("/private")), http.StatusForbidden, "does not let this site read your account")
	}
	s.newBrowser().signIn("/private")
}

func TestD3_AnAppThatMetaRestrictsLogsNobodyOut(t *testing.T) {
	admin := freeAddr(t)
	s := startSite(t, siteConfig{options: rechecked, admin: admin})
	token := s.tokenOf(s.newBrowser())
	var browsers []*browser
	for range 100 {
		b := s.newBrowser()
		b.plant(sessionCookie, s.olderCookie(token, 10*time.Minute))
		browsers = append(browsers, b)
	}
	late, later := s.newBrowser(), s.newBrowser()
	backLate, backLater := late.begin("/private"), later.begin("/private")
	if err := s.instagram.SetState(simulator.Restricted); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, b := range browsers {
		all.Go(func() {
			for range 3 {
				if page := b.get("/private"); page.StatusCode != http.StatusOK {
					t.Errorf("a signed-in visitor was answered %s", page.Status)
				}
			}
		})
	}
	all.Wait()
	const told = "nobody can sign in: Meta has restricted the app"
	s.waitForLog(told, 1)
	s.instagram.ResetCalls()
	// Whoever was in the window spends no code, and nobody else is sent there.
	for _, answer := range []response{late.get(backLate), later.get(backLater), s.newBrowser().get("/private")} {
		wantRefusal(t, answer, http.StatusServiceUnavailable, "Nobody can sign in here at the moment.")
		if answer.Header.Get("Retry-After") == "" || answer.location() != "" {
			t.Errorf("Retry-After %q, Location %q", answer.Header.Get("Retry-After"), answer.location())
		}
	}
	if n := s.instagram.Calls(simulator.Token); n != 0 {
		t.Errorf("%d codes were spent for nothing", n)
	}
	if lines := s.logged(told); len(lines) != 1 || lines[0]["level"] != "error" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "Meta's dashboard") {
		t.Errorf("error lines = %v", lines)
	}
	if lines := s.logged("session ended: instagram no longer accepts its token"); len(lines) != 0 {
		t.Errorf("%d sessions ended", len(lines))
	}
	metrics := scrape(t, admin)
	if got := metrics[`caddy_instagram_auth_breaker_open{app_id="`+appID+`"}`]; got != "1" {
		t.Errorf("breaker_open = %q", got)
	}
	restricted := `caddy_instagram_auth_provider_calls_total{app_id="` + appID + `",endpoint="user_node",result="app_restricted"}`
	if got := metrics[restricted]; got == "" || got == "0" {
		t.Errorf("%s = %q", restricted, got)
	}
	// Signed-in visitors go on, and so do logins once Meta has lifted it: a call for one of
	// the sessions shows that.
	if err := s.instagram.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the restriction", func() bool {
		b := s.newBrowser()
		b.plant(sessionCookie, s.olderCookie(token, 10*time.Minute))
		b.get("/private")
		return s.newBrowser().get("/private").StatusCode == http.StatusFound
	})
	if answer := late.get(backLate); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login that was under way was answered %s", answer.Status)
	}
}

func TestD3_ALimitOfOneAccountHoldsNobodyElseUp(t *testing.T) {
	s := startSite(t, siteConfig{options: withToken})
	limited := simulator.Fault{Kind: simulator.RateLimitBusiness}
	s.instagram.Misbehave(simulator.UserNode, limited)
	for range 6 { // more than the breaker takes
		b := s.newBrowser()
		answer := b.get(b.begin("/private"))
		wantRefusal(t, answer, http.StatusBadGateway, "Instagram could not complete the sign-in.")
		if answer.Header.Get("Retry-After") != "300" {
			t.Errorf("Retry-After = %q", answer.Header.Get("Retry-After"))
		}
	}
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	for _, line := range s.logged("sign-in refused") {
		if !strings.Contains(fmt.Sprint(line["remedy"]), "rate limit for this app and this account") {
			t.Errorf("line = %v", line)
		}
	}
	token := s.tokenOf(s.newBrowser())
	// The refresh of one token meets it as well; the session stays, and the next one is
	// refreshed all the same.
	s.instagram.Misbehave(simulator.Refresh, limited)
	held := s.newBrowser()
	held.plant(sessionCookie, s.olderCookie(token, 25*time.Hour))
	held.get("/private")
	s.waitForLog("asking instagram again failed; the session stays as it is", 1)
	s.instagram.Misbehave(simulator.Refresh, simulator.Fault{})
	before := s.instagram.Calls(simulator.Refresh)
	other := s.newBrowser()
	other.plant(sessionCookie, s.olderCookie(token, 25*time.Hour))
	eventually(t, "the refresh of another token", func() bool {
		if page := other.get("/private"); page.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", page.Status)
		}
		return s.instagram.Calls(simulator.Refresh) > before
	})
	s.waitForLog("asking instagram again failed; the session stays as it is", 2) // the other one's is over
	after := s.instagram.Calls(simulator.Refresh)
	if page := held.get("/private"); page.StatusCode != http.StatusOK || s.instagram.Calls(simulator.Refresh) != after {
		t.Errorf("answered %s after %d refreshes, of which there were %d", page.Status, s.instagram.Calls(simulator.Refresh), after)
	}
}

// A browser that loads the callback again breaks the first request off, and shows the
// answer to the second.
func TestC4_ACallbackThatIsLoadedAgainSignsIn(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
			s := startSite(t, siteConfig{})
			b := s.newBrowser()
			back := b.begin("/private?x=1")
			s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 300 * time.Millisecond})
			b.breakOff(back)
			if late {
				s.waitForLog("signed in", 1) // nobody has got that answer
			}
			answer := b.get(back)
			if answer.StatusCode != http.StatusSeeOther || answer.location() != "/private?x=1#" {
				t.Fatalf("answered %s to %q\n%s", answer.Status, answer.location(), answer.body)
			}
			if page := b.get("/private"); page.StatusCode != http.StatusOK || page.body != "hello "+username {
				t.Errorf("answered %s %q", page.Status, page.body)
			}
			if n := s.instagram.Calls(simulator.Token); n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
			if lines := s.logged("signed in"); len(lines) != 1 {
				t.Errorf("%d lines about it", len(lines))
			}
			// The answer has arrived: the callback is of no more use.
			wantRefusal(t, s.newBrowser().get(back), http.StatusBadRequest, loginExpired)
		})
	}
}

// soon is a clock that is ahead: issued_at has whole seconds, and ends what was before.
func soon() time.Time { return time.Now().Add(2 * time.Second) }

// deauthorize sends what Meta sends when the person removes the app.
func (s *site) deauthorize() {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, origin+"/instagram_auth/deauthorize", strings.NewReader("signed_request="+s.instagram.SignedRequest(username)))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if answer := s.newBrowser().do(request); answer.StatusCode != http.StatusOK {
		s.t.Fatalf("answered %s %s", answer.Status, answer.body)
	}
}

// breakOff opens the callback, and goes away while Instagram is asked for the token.
func (b *browser) breakOff(back string) {
	b.t.Helper()
	s := b.site
	before := s.instagram.Calls(simulator.Token)
	connection, err := net.Dial("tcp", s.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", navigation(b.t, http.MethodGet, back).URL.RequestURI(), host, b.cookieHeader())
	eventually(b.t, "the exchange", func() bool { return s.instagram.Calls(simulator.Token) > before })
	_ = connection.Close()
}

// What nobody has got is no way back in for somebody who has removed the app since.
func TestC4_ACallbackThatIsLoadedAgainBringsNoEndedSessionBack(t *testing.T) {
	s := startSite(t, siteConfig{now: soon})
	b := s.newBrowser()
	back := b.begin("/private")
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 200 * time.Millisecond})
	b.breakOff(back)
	s.waitForLog("signed in", 1)
	s.deauthorize()
	wantRefusal(t, b.get(back), http.StatusBadRequest, loginExpired)
	if b.cookie(sessionCookie) != "" || s.instagram.Calls(simulator.Token) != 1 {
		t.Errorf("there is a session, or the code was sent %d times", s.instagram.Calls(simulator.Token))
	}
}

// A refusal is shared as well: the second answer says what the first one would have said.
func TestC4_ACallbackThatIsLoadedAgainIsRefusedInTheSameWords(t *testing.T) {
	s := startSite(t, siteConfig{options: "deny " + userID})
	b := s.newBrowser()
	back := b.begin("/private")
	s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Delay, Delay: 200 * time.Millisecond})
	cookies := b.cookieHeader()
	var answers [2]response
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			request := navigation(t, http.MethodGet, back)
			request.Header.Set("Cookie", cookies)
			answers[i] = s.newBrowser().do(request)
		})
	}
	all.Wait()
	for _, answer := range answers {
		wantRefusal(t, answer, http.StatusForbidden, "This account has no access here.")
	}
	if lines := s.logged("sign-in refused"); len(lines) != 1 || s.instagram.Calls(simulator.Token) != 1 {
		t.Errorf("%d lines, %d exchanges", len(lines), s.instagram.Calls(simulator.Token))
	}
}

// Who has no access with one account wants to choose another. Instagram would sign the same
// one in again without a question.
func TestA2_X1_WhoHasNoAccessCanChooseAnotherAccount(t *testing.T) {
	s := startSite(t, siteConfig{options: "deny " + userID + "\nauthorize force_reauth false\nauthorize enable_fb_login 0"})
	b := s.newBrowser()
	start := b.get("/private?x=1")
	if got := query(t, start.location()); got.Get("force_reauth") != "false" || got.Get("enable_fb_login") != "0" {
		t.Errorf("parameters = %v", got)
	}
	refused := b.get(b.window(start))
	wantRefusal(t, refused, http.StatusForbidden, "Use another account")
	const link = "/instagram_auth/login?another_account=true&amp;return_to=%2Fprivate%3Fx%3D1"
	if !strings.Contains(refused.body, link) {
		t.Fatalf("the page has no link %s:\n%s", link, refused.body)
	}
	again := b.get(strings.ReplaceAll(link, "&amp;", "&"))
	if got := query(t, again.location())["force_reauth"]; len(got) != 1 || got[0] != "true" {
		t.Errorf("force_reauth = %q", got)
	}
	for _, odd := range []string{"another_account=1", "another_account=true&another_account=true", "another_account=", "another_account=TRUE", "force_reauth=true"} {
		if got := query(t, b.get("/instagram_auth/login?"+odd).location()); got.Get("force_reauth") != "false" {
			t.Errorf("%s: %v", odd, got)
		}
	}
}

func TestAnOptionalFieldLocksNobodyOut(t *testing.T) {
	s := startSite(t, siteConfig{options: "fields name biography account_type\nheaders {\n name X-Name\n account_type X-Type\n}"})
	s.instagram.Misbehave(simulator.UserNode, simulator.Fault{
		Kind: simulator.Answer, Status: 400, ContentType: "application/json", Times: 1,
		Body: `{"error":{"message":"(#100) Tried accessing nonexisting field (biography) on node type (IGUser)","type":"IGApiException","code":100}}`,
	})
	b := s.newBrowser()
	b.signIn("/private")
	b.get("/private")
	if got := s.upstream.last(t).Header; got.Get("X-Instagram-User-Id") != userID || got.Get("X-Name") != "" {
		t.Errorf("the site got %v", got)
	}
	var asked []string
	for _, request := range s.instagram.Requests(simulator.UserNode) {
		asked = append(asked, request.URL)
	}
	if want := []string{"/me?fields=id,user_id,username,name,biography,account_type", "/me?fields=id,user_id,username"}; strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked for %q", asked)
	}
	const told = "instagram does not answer a field; visitors are signed in without any of fields"
	if lines := s.logged(told); len(lines) != 1 || lines[0]["field"] != "biography" || lines[0]["level"] != "warn" {
		t.Errorf("lines = %v", lines)
	}
	other := s.newBrowser()
	other.signIn("/private")
	other.get("/private")
	if got := s.upstream.last(t).Header; got.Get("X-Name") != "Jay%20Posiris" || got.Get("X-Type") != "BUSINESS" {
		t.Errorf("the site got %v", got)
	}
	if lines := s.logged(told); len(lines) != 1 {
		t.Errorf("told %d times", len(lines))
	}
}

// A deauthorize callback names the app-scoped ID, which the token answer alone has told.
func TestK3_ADeauthorizationEndsTheSessionOfANodeWithoutID(t *testing.T) {
	s := startSite(t, siteConfig{now: soon, simulate: func(c *simulator.Config) { c.NodeWithoutID = true }})
	b := s.newBrowser()
	b.signIn("/private")
	if page := b.get("/private"); page.StatusCode != http.StatusOK || s.upstream.last(t).Header.Get("X-Instagram-User-Id") != userID {
		t.Fatalf("answered %s", page.Status)
	}
	s.deauthorize()
	if page := b.get("/private"); page.StatusCode != http.StatusFound {
		t.Errorf("after the removal: %s", page.Status)
	}
}

// Where Instagram leaves the stable ID out, nobody becomes somebody else.
func TestT5_ANodeWithoutUserIDSignsNobodyInAsSomebodyElse(t *testing.T) {
	s := startSite(t, siteConfig{simulate: func(c *simulator.Config) { c.NodeWithoutUserID = true }})
	b := s.newBrowser()
	wantRefusal(t, b.get(b.begin("/private")), http.StatusBadGateway, "Instagram sent an answer we could not use.")
	lines := s.logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "bad_profile" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "left user_id out") {
		t.Errorf("lines = %v", lines)
	}
	if s.upstream.count() != 0 || strings.Contains(s.logs(), username) {
		t.Error("the site was asked, or the log names the person")
	}
}

func TestAPrivateAccountIsToldWhatToDo(t *testing.T) {
	private := users()
	private[0].Private = true
	s := startSite(t, siteConfig{users: private})
	b := s.newBrowser()
	wantRefusal(t, b.get(b.begin("/private")), http.StatusForbidden, "Make your account public")
	lines := s.logged("sign-in refused")
	if len(lines) != 1 || lines[0]["code"] != "private_account" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "the account is private") {
		t.Errorf("lines = %v", lines)
	}
}

// Where Instagram takes no token from the header, it gets it in the query, and from then on
// at once.
func TestT6_AHeaderThatInstagramDoesNotReadIsReplacedByTheQuery(t *testing.T) {
	s := startSite(t, siteConfig{simulate: func(c *simulator.Config) { c.NoBearer = true }})
	s.newBrowser().signIn("/private")
	s.newBrowser().signIn("/private")
	var places []string
	for _, request := range s.instagram.Requests(simulator.UserNode) {
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
	s := startSite(t, siteConfig{options: "authorize force_authentication true"})
	if lines := s.logged("authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth"); len(lines) != 1 {
		t.Errorf("%d lines", len(lines))
	}
	if got := query(t, s.newBrowser().get("/private").location()); got.Get("force_authentication") != "true" {
		t.Errorf("parameters = %v", got)
	}
}
