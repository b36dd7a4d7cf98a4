package login_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The browser that has the login gets the same answer once more, and nobody else does.
func TestC4_AnAnswerThatMayNotHaveArrivedIsGivenAgain(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Begin("/private")
	cookies := b.CookieHeader()
	first := b.Get(back)
	again := sitetest.Navigation(t, http.MethodGet, back)
	again.Header.Set("Cookie", cookies)
	second := s.NewBrowser().Do(again)
	session := func(answer sitetest.Response) string {
		for _, c := range answer.Cookies() {
			if c.Name == sitetest.SessionCookie {
				return c.Value
			}
		}
		return ""
	}
	if second.StatusCode != http.StatusSeeOther || session(first) == "" || session(second) != session(first) {
		t.Errorf("answered %s with %q after %s with %q", second.Status, session(second), first.Status, session(first))
	}
	sitetest.WantRefusal(t, s.NewBrowser().Get(back), http.StatusBadRequest, sitetest.LoginExpired)
	if n := s.Instagram.Calls(simulator.Token); n != 1 || len(s.Logged("signed in")) != 1 {
		t.Errorf("the code was sent %d times, and %d logins were logged", n, len(s.Logged("signed in")))
	}
}

// Whoever is denied by a reload is not let in by an answer of before.
func TestX1_AnAnswerThatIsGivenAgainAsksTheListsOfToday(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	back := b.Begin("/private")
	cookies := b.CookieHeader()
	b.Get(back)
	s.Load(sitetest.Config{Options: "deny " + sitetest.UserID})
	again := sitetest.Navigation(t, http.MethodGet, back)
	again.Header.Set("Cookie", cookies)
	sitetest.WantRefusal(t, s.NewBrowser().Do(again), http.StatusForbidden, "No access")
}

// The person stays out of the log whatever disguise their profile comes in.
func TestP2_AProfileInADisguiseIsNotLogged(t *testing.T) {
	node := fmt.Sprintf(`{"id":%q,"user_id":%q,"username":%q}`, sitetest.AppScopedID, sitetest.UserID, sitetest.Username)
	for name, fault := range map[string]simulator.Fault{
		"as text":            {ContentType: "text/plain", Body: node},
		"with another 2xx":   {Status: 203, Body: node},
		"with status fail":   {Body: strings.Replace(node, "{", `{"status":"fail",`, 1)},
		"cut off":            {Body: node[:len(node)-3]},
		"with a broken name": {Body: strings.Replace(node, sitetest.Username, sitetest.Username+" \u202e", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: "log {\n user_id off\n}"})
			b := s.NewBrowser()
			back := b.Begin("/private")
			fault.Kind = simulator.Answer
			s.Instagram.Misbehave(simulator.UserNode, fault)
			if answer := b.Get(back); answer.StatusCode < 500 {
				t.Errorf("answered %s", answer.Status)
			}
			for _, told := range []string{sitetest.Username, sitetest.UserID, sitetest.AppScopedID} {
				if strings.Contains(s.Logs(), told) {
					t.Errorf("%s is in the log", told)
				}
			}
		})
	}
}

// What the window says reaches the log without what it repeats of the login, and whoever
// meets an odd query can start again.
func TestP1_WordsOfTheWindowRepeatNothingOfTheLogin(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{LogFilter: sitetest.ProductionLogFormat(t)})
	const token = "IGAAZplanted0123456789abcdef"
	for _, q := range []string{"error=server_error&error_description=STATE+" + token, "error_code=1&error_message=" + token + "+STATE", "error=&error_reason=x&error_description=Some+words+STATE", "error=a&code=b&error_description=Some+words+" + token} {
		b := s.NewBrowser()
		state := sitetest.Query(t, b.Get("/private").Location()).Get("state")
		answer := b.Get(sitetest.Callback + "?" + strings.ReplaceAll(q, "STATE", state) + "&state=" + state)
		if answer.StatusCode < 400 || !strings.Contains(answer.Body, "/instagram_auth/login") {
			t.Errorf("%s: answered %s\n%s", q, answer.Status, answer.Body)
		}
		lines := s.Logged("sign-in refused")
		text := fmt.Sprint(lines[len(lines)-1])
		if strings.Contains(text, state) || strings.Contains(text, token) || !strings.Contains(text, "remedy") || strings.Contains(q, "words") && !strings.Contains(text, "Some words") {
			t.Errorf("%s: logged %s", q, text)
		}
	}
}
