package instagramauth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// What a page's picture and its script are answered carries what is new of the session: it
// is handed out once, and would be lost otherwise.
func TestP6_ARenewedSessionComesWithThePictureAndWithUserinfo(t *testing.T) {
	for _, path := range []string{picturePath, "/instagram_auth/userinfo"} {
		t.Run(path, func(t *testing.T) {
			s := startSite(t, siteConfig{options: rechecked, users: withPictures(pictureURL)})
			token := s.tokenOf(s.newBrowser())
			b := s.newBrowser()
			b.plant(sessionCookie, s.olderCookie(token, 10*time.Minute))
			before := s.instagram.Calls(simulator.UserNode)
			b.fetch("/instagram_auth/userinfo") // has Instagram asked in the background
			eventually(t, "a look at the profile", func() bool { return s.instagram.Calls(simulator.UserNode) > before })
			var answer response
			eventually(t, "the renewed cookie", func() bool {
				answer = b.image(path)
				return answer.Header.Get("Set-Cookie") != ""
			})
			if cache := answer.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
				t.Errorf("a session goes out with Cache-Control %q", cache)
			}
			asked := s.instagram.Calls(simulator.UserNode)
			for range 3 {
				if page := b.get("/page"); page.StatusCode != http.StatusOK || page.Header.Get("Set-Cookie") != "" {
					t.Errorf("answered %s, Set-Cookie %q", page.Status, page.Header["Set-Cookie"])
				}
			}
			if n := s.instagram.Calls(simulator.UserNode); n != asked {
				t.Errorf("Instagram was asked %d times more", n-asked)
			}
		})
	}
}

// A page's picture says what the trouble is, and that of one person is nobody else's.
func TestAPictureOfAnAppThatMetaRestricts(t *testing.T) {
	for state, c := range map[simulator.AppState]struct {
		status int
		code   string
	}{simulator.Restricted: {503, "app_blocked"}, simulator.InvitationPending: {403, "app_not_open"}} {
		t.Run(string(state), func(t *testing.T) {
			s := startSite(t, siteConfig{options: keptToken, users: withPictures(pictureURL)})
			b := s.newBrowser()
			b.signIn("/page")
			if err := s.instagram.SetState(state); err != nil {
				t.Fatal(err)
			}
			wantNoImage(t, b.image(picturePath), c.status, c.code)
			if page := b.get("/page"); page.StatusCode != http.StatusOK {
				t.Errorf("the page is %s", page.Status)
			}
		})
	}
}

// The browser that has the login gets the same answer once more, and nobody else does.
func TestC4_AnAnswerThatMayNotHaveArrivedIsGivenAgain(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.begin("/private")
	cookies := b.cookieHeader()
	first := b.get(back)
	again := navigation(t, http.MethodGet, back)
	again.Header.Set("Cookie", cookies)
	second := s.newBrowser().do(again)
	session := func(answer response) string {
		for _, c := range answer.Cookies() {
			if c.Name == sessionCookie {
				return c.Value
			}
		}
		return ""
	}
	if second.StatusCode != http.StatusSeeOther || session(first) == "" || session(second) != session(first) {
		t.Errorf("answered %s with %q after %s with %q", second.Status, session(second), first.Status, session(first))
	}
	wantRefusal(t, s.newBrowser().get(back), http.StatusBadRequest, loginExpired)
	if n := s.instagram.Calls(simulator.Token); n != 1 || len(s.logged("signed in")) != 1 {
		t.Errorf("the code was sent %d times, and %d logins were logged", n, len(s.logged("signed in")))
	}
}

// Whoever is denied by a reload is not let in by an answer of before.
func TestX1_AnAnswerThatIsGivenAgainAsksTheListsOfToday(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	back := b.begin("/private")
	cookies := b.cookieHeader()
	b.get(back)
	s.load(siteConfig{options: "deny " + userID})
	again := navigation(t, http.MethodGet, back)
	again.Header.Set("Cookie", cookies)
	wantRefusal(t, s.newBrowser().do(again), http.StatusForbidden, "This account has no access here.")
}

// The person stays out of the log whatever disguise their profile comes in.
func TestP2_AProfileInADisguiseIsNotLogged(t *testing.T) {
	node := fmt.Sprintf(`{"id":%q,"user_id":%q,"username":%q}`, appScopedID, userID, username)
	for name, fault := range map[string]simulator.Fault{
		"as text":            {ContentType: "text/plain", Body: node},
		"with another 2xx":   {Status: 203, Body: node},
		"with status fail":   {Body: strings.Replace(node, "{", `{"status":"fail",`, 1)},
		"cut off":            {Body: node[:len(node)-3]},
		"with a broken name": {Body: strings.Replace(node, username, username+" \u202e", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{options: "log {\n user_id off\n}"})
			b := s.newBrowser()
			back := b.begin("/private")
			fault.Kind = simulator.Answer
			s.instagram.Misbehave(simulator.UserNode, fault)
			if answer := b.get(back); answer.StatusCode < 500 {
				t.Errorf("answered %s", answer.Status)
			}
			for _, told := range []string{username, userID, appScopedID} {
				if strings.Contains(s.logs(), told) {
					t.Errorf("%s is in the log", told)
				}
			}
		})
	}
}

// What the window says reaches the log without what it repeats of the login, and whoever
// meets an odd query can start again.
func TestP1_WordsOfTheWindowRepeatNothingOfTheLogin(t *testing.T) {
	s := startSite(t, siteConfig{logFilter: productionFormat(t)})
	const token = "IGAAZplanted0123456789abcdef"
	for _, q := range []string{"error=server_error&error_description=STATE+" + token, "error_code=1&error_message=" + token + "+STATE", "error=&error_reason=x&error_description=Some+words+STATE", "error=a&code=b&error_description=Some+words+" + token} {
		b := s.newBrowser()
		state := query(t, b.get("/private").location()).Get("state")
		answer := b.get(callback + "?" + strings.ReplaceAll(q, "STATE", state) + "&state=" + state)
		if answer.StatusCode < 400 || !strings.Contains(answer.body, "/instagram_auth/login") {
			t.Errorf("%s: answered %s\n%s", q, answer.Status, answer.body)
		}
		lines := s.logged("sign-in refused")
		text := fmt.Sprint(lines[len(lines)-1])
		if strings.Contains(text, state) || strings.Contains(text, token) || !strings.Contains(text, "remedy") || strings.Contains(q, "words") && !strings.Contains(text, "Some words") {
			t.Errorf("%s: logged %s", q, text)
		}
	}
}
