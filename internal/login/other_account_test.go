package login_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

var link = regexp.MustCompile(`<a class="(button|button second)" href="([^"]*)"[^>]*>([^<]*)</a>`)

// linksOf returns the addresses of the buttons of a page by their labels.
func linksOf(page string) map[string]string {
	links := make(map[string]string)
	for _, match := range link.FindAllStringSubmatch(page, -1) {
		links[html.UnescapeString(match[3])] = html.UnescapeString(match[2])
	}
	return links
}

// pressAs presses Allow as a user in the window to which an answer leads.
func pressAs(b *sitetest.Browser, start sitetest.Response, username string) sitetest.Response {
	b.T.Helper()
	request := sitetest.Navigation(b.T, http.MethodPost, start.Location())
	sitetest.SetBody(request, url.Values{"action": {"allow"}, "user": {username}}.Encode())
	return b.Get(b.Do(request).Location())
}

// refusedPage returns the page that a refused callback leads to.
func refusedPage(b *sitetest.Browser, answer sitetest.Response) sitetest.Response {
	b.T.Helper()
	_, to, found := strings.Cut(answer.Header.Get("Refresh"), "url=")
	if !found {
		b.T.Fatalf("%s without Refresh: %v", answer.Status, answer.Header)
	}
	return b.Get(to)
}

const staying, switching = "Sign in with the previous account", "Switch to @maria.sees"

// Whoever signs in again for a page keeps what they have granted for another one.
func TestN5_AFreshSignInKeepsThePermissionsOfStepUp(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "max_age 10m /billing*\nstep_up " + sitetest.CommentsPermission, Window: "-",
	})
	b := s.NewBrowser()
	start := b.Get("/instagram_auth/login?scope=" + sitetest.CommentsPermission)
	if answer := b.Allowing(start, sitetest.CommentsPermission); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("answered %s", answer.Status)
	}
	if scope := sitetest.Query(t, b.Get("/billing").Location()).Get("scope"); !strings.Contains(scope, sitetest.CommentsPermission) {
		t.Errorf("the new sign-in asks for %q", scope)
	}
	if scope := sitetest.Query(t, s.NewBrowser().Get("/billing").Location()).Get("scope"); strings.Contains(scope, sitetest.CommentsPermission) {
		t.Errorf("somebody else is asked for %q", scope)
	}
}

func TestA9_AnotherAccountReplacesNoSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "max_age 10m /billing*", Window: "-"})
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, s.ReauthenticatedCookie(sitetest.Users()[0], time.Hour))
	before := b.Cookie(sitetest.SessionCookie)

	answer := pressAs(b, b.Get("/billing?month=5"), "maria.sees")
	const both = "You are signed in here as @jayposiris. At Instagram you have just signed in as @maria.sees."
	sitetest.WantRefusal(t, answer, http.StatusForbidden, both)
	if b.Cookie(sitetest.SessionCookie) != before {
		t.Error("the session cookie is another one")
	}
	b.Get("/members")
	if who := s.Upstream.Last(t).Header.Get("X-Instagram-Username"); who != sitetest.Username {
		t.Errorf("on another page the visitor is %q", who)
	}
	page := refusedPage(b, answer)
	sitetest.WantRefusal(t, page, http.StatusForbidden, both)
	want := map[string]string{staying: "/instagram_auth/login?fresh=true&return_to=%2Fbilling%3Fmonth%3D5", switching: "/instagram_auth/login?another_account=true&return_to=%2Fbilling%3Fmonth%3D5"}
	for _, body := range []string{answer.Body, page.Body} {
		links := linksOf(body)
		if len(links) != 2 || links[staying] != want[staying] || links[switching] != want[switching] {
			t.Fatalf("links are %v", links)
		}
	}
	if lines := s.Logged("sign-in refused"); len(lines) != 1 || lines[0]["code"] != "other_account" || lines[0]["level"] != "info" || lines[0]["remedy"] == nil {
		t.Errorf("log: %v", lines)
	}

	// Whichever link the visitor takes, they come back to the page that they asked for.
	stayed := pressAs(b, b.Get(want[staying]), sitetest.Username)
	if stayed.StatusCode != http.StatusSeeOther || !strings.HasPrefix(stayed.Location(), "/billing?month=5") {
		t.Fatalf("the first account: %s to %s\n%s", stayed.Status, stayed.Location(), stayed.Body)
	}
	b.Get("/billing?month=5")
	if who := s.Upstream.Last(t).Header.Get("X-Instagram-Username"); who != sitetest.Username {
		t.Errorf("after the first link the visitor is %q", who)
	}
	again := pressAs(b, b.Get(want[staying]), "maria.sees")
	sitetest.WantRefusal(t, again, http.StatusForbidden, both)
	earlier := b.CookieHeader()
	switched := pressAs(b, b.Get(want[switching]), "maria.sees")
	if switched.StatusCode != http.StatusSeeOther {
		t.Fatalf("the other account: %s\n%s", switched.Status, switched.Body)
	}
	if answer = b.Get("/billing?month=5"); answer.StatusCode != http.StatusOK || s.Upstream.Last(t).Header.Get("X-Instagram-Username") != "maria.sees" {
		t.Errorf("after the second link: %s, as %q", answer.Status, s.Upstream.Last(t).Header.Get("X-Instagram-Username"))
	}
	request := sitetest.Navigation(t, http.MethodGet, "/members")
	request.Header.Set("Cookie", earlier)
	if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusFound {
		t.Errorf("the session from before the switch: %s", answer.Status)
	}
}

func TestA9_AnotherAccountIsNotSignedInWhereTheSessionHasEndedMeanwhile(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "max_age 10m /billing*", Window: "-"})
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, s.ReauthenticatedCookie(sitetest.Users()[0], time.Hour))
	start := b.Get("/billing")
	b.Forget(sitetest.SessionCookie)
	answer := pressAs(b, start, "maria.sees")
	sitetest.WantRefusal(t, answer, http.StatusForbidden, "At Instagram you have just signed in as @maria.sees.")
	if b.Cookie(sitetest.SessionCookie) != "" {
		t.Error("there is a session")
	}
	if links := linksOf(answer.Body); links[staying] == "" || links[switching] == "" {
		t.Errorf("links are %v", links)
	}
	if strings.Contains(answer.Body, sitetest.Username) {
		t.Error("the page names an account that is not signed in")
	}
}

// An ordinary sign-in replaces the session: the visitor asked for it.
func TestA9_AnOrdinarySignInTakesEachAccount(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "max_age 10m /billing*", Window: "-"})
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, s.ReauthenticatedCookie(sitetest.Users()[0], time.Hour))
	if answer := pressAs(b, b.Get("/instagram_auth/login?return_to=/members"), "maria.sees"); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s\n%s", answer.Status, answer.Body)
	}
	b.Get("/members")
	if who := s.Upstream.Last(t).Header.Get("X-Instagram-Username"); who != "maria.sees" {
		t.Errorf("the visitor is %q", who)
	}
}

// Another node without max_age, or of an earlier version, finishes sign-ins that are never fresh.
func TestA9_ASignInThatIsNeverFreshIsNoLoop(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "max_age 10m /billing*"})
	b := s.NewBrowser()
	b.SignIn("/page")
	// Each sign-in of this browser ends at the node of an earlier version.
	finishElsewhere := func(start sitetest.Response) {
		b.Window(start)
		b.Get("/page")
		mark, err := roundMark()
		if err != nil {
			t.Fatal(err)
		}
		b.Plant(sitetest.SessionCookie+"_round", mark)
	}
	finishElsewhere(b.Get("/billing"))
	answer := b.Get("/billing")
	sitetest.WantRefusal(t, answer, http.StatusBadRequest, "This sign-in is no longer valid. Please start again.")
	if lines := s.Logged("sign-in refused"); len(lines) != 1 || lines[0]["level"] != "warn" || !strings.Contains(lines[0]["error"].(string), "too old for max_age") {
		t.Errorf("log: %v", lines)
	}
	// Another attempt is possible.
	if answer, windows := b.Follow("/billing"); answer.StatusCode != http.StatusOK || windows != 1 {
		t.Errorf("later: %s, %d windows", answer.Status, windows)
	}
}

// roundMark returns the mark of a browser that has just finished two sign-ins.
func roundMark() (string, error) {
	cookies, err := session.New(session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour,
	})
	if err != nil {
		return "", err
	}
	line, err := cookies.Mark(session.Login{Rounds: 1})
	value, _, _ := strings.Cut(strings.TrimPrefix(line, sitetest.SessionCookie+"_round="), ";")
	return value, err
}

// The browser still sends an old session and keeps no new cookie.
func TestA9_ABrowserThatKeepsNoNewCookieIsNoLoop(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "max_age 10m"})
	old := sitetest.SessionCookie + "=" + s.ReauthenticatedCookie(sitetest.Users()[0], time.Hour)
	windows := 0
	address := "/billing"
	for range 20 {
		request := sitetest.Navigation(t, http.MethodGet, address)
		if strings.HasPrefix(address, "/") || strings.HasPrefix(address, sitetest.Origin) {
			request.Header.Set("Cookie", old)
		} else {
			windows++
		}
		answer := s.NewBrowser().Do(request)
		if answer.Location() == "" {
			if answer.StatusCode != http.StatusBadRequest || windows != 1 {
				t.Errorf("%d windows, and then %s\n%s", windows, answer.Status, answer.Body)
			}
			return
		}
		address = answer.Location()
	}
	t.Errorf("a loop: %d windows", windows)
}

func TestA9_ANewSignInKeepsThePermissionsThatTheVisitorHasGrantedBefore(t *testing.T) {
	const comments = "instagram_business_manage_comments"
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "max_age 10m /billing*\nstep_up " + comments, Window: "-"})
	b := s.NewBrowser()
	stepUp := b.Get("/instagram_auth/login?return_to=/members&scope=" + comments)
	request := sitetest.Navigation(t, http.MethodPost, stepUp.Location())
	sitetest.SetBody(request, url.Values{"action": {"allow"}, "user": {sitetest.Username}, "permission": {comments}}.Encode())
	b.Get(b.Do(request).Location())
	b.Get("/members")
	if who := b.Get("/instagram_auth/userinfo").Body; !strings.Contains(who, comments) {
		t.Fatalf("at first: %s", who)
	}
	for _, address := range []string{"/billing", "/instagram_auth/login?fresh=true", "/instagram_auth/login?fresh=true&scope=" + comments} {
		window, err := url.Parse(b.Get(address).Location())
		if err != nil {
			t.Fatal(err)
		}
		if scope := window.Query().Get("scope"); scope != "instagram_business_basic,"+comments {
			t.Errorf("%s asks for %q", address, scope)
		}
	}
	window, err := url.Parse(s.NewBrowser().Get("/billing").Location())
	if err != nil {
		t.Fatal(err)
	}
	if scope := window.Query().Get("scope"); scope != "instagram_business_basic" {
		t.Errorf("somebody who is not signed in is asked for %q", scope)
	}
}
