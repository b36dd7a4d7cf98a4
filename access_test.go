package instagramauth_test

import (
	"net/http"
	"strings"
	"testing"
)

const noAccess = "This account has no access here."

func TestX1_WhoIsLetIn(t *testing.T) {
	for _, c := range []struct {
		name, options string
		admitted      bool
	}{
		{"no list", "", true},
		{"the ID", "allow " + userID, true},
		{"the app-scoped ID", "allow " + appScopedID, true},
		{"among others", "allow 1 " + userID + " 2", true},
		{"somebody else", "allow 17841405822304914", false},
		{"the beginning of the ID", "allow " + userID[:16], false},
		{"the ID and a digit more", "allow " + userID + "0", false},
		{"a zero in front", "allow 0" + userID, false},
		{"the name", "allow @" + username, true},
		{"the name in capitals", "allow @" + strings.ToUpper(username), true},
		{"the beginning of the name", "allow @" + username[:4], false},
		{"denied by ID", "deny " + userID, false},
		{"denied by name", "deny @" + strings.ToUpper(username), false},
		{"denied and allowed", "allow " + userID + "\ndeny @" + username, false},
		{"somebody else denied", "deny 1 @x", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startSite(t, siteConfig{options: c.options})
			b := s.newBrowser()
			answer := b.get(b.window(b.get("/page")))
			if c.admitted {
				if page := b.get("/page"); answer.StatusCode != http.StatusSeeOther || page.body != "hello "+username {
					t.Errorf("answered %s, then %q", answer.Status, page.body)
				}
				return
			}
			wantRefusal(t, answer, http.StatusForbidden, noAccess)
			if b.cookie(sessionCookie) != "" || s.upstream.count() != 0 || !strings.Contains(answer.body, "Use another account") {
				t.Errorf("cookies %q, %d requests of the site\n%s", b.cookies(), s.upstream.count(), answer.body)
			}
			if lines := s.logged("sign-in refused"); len(lines) != 1 || lines[0]["code"] != "no_access" || lines[0]["user_id"] != userID {
				t.Errorf("log lines = %v", lines)
			}
		})
	}
}

func TestX1_ARenamedAccountIsNotLetInByItsOldName(t *testing.T) {
	renamed := users()
	renamed[0].Username = "somebody.else"
	s := startSite(t, siteConfig{options: "allow @" + username, users: renamed, window: "somebody.else"})
	b := s.newBrowser()
	wantRefusal(t, b.get(b.window(b.get("/page"))), http.StatusForbidden, noAccess)
	if lines := s.logged("usernames can change and change owner; list numeric user IDs instead"); len(lines) != 1 || lines[0]["option"] != "allow" {
		t.Errorf("warned %v", lines)
	}
}

func TestX2_AChangeOfTheListsBitesAtTheNextRequest(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*"})
	for _, path := range []string{"/page", "/public", "/instagram_auth/userinfo"} {
		s.load(siteConfig{matcher: "/page*"})
		b := s.newBrowser()
		b.signIn("/page")
		cookies := b.cookieHeader()
		s.wantAlive(cookies, true)
		s.load(siteConfig{matcher: "/page*", options: "deny " + userID})
		before := s.upstream.count()
		answer := b.get(path)
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(answer.body, noAccess) || s.upstream.count() != before {
			t.Errorf("%s: answered %s %q", path, answer.Status, answer.body)
		}
		if b.cookie(sessionCookie) != "" {
			t.Errorf("%s: the cookie is still there", path)
		}
		// Let in again, they must sign in again: the session has ended.
		s.load(siteConfig{matcher: "/page*"})
		s.wantAlive(cookies, false)
		if answer := b.get("/public"); answer.StatusCode != http.StatusOK || answer.body != "hello " {
			t.Errorf("afterwards a public page is %s %q", answer.Status, answer.body)
		}
	}
}
