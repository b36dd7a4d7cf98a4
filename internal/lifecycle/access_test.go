package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const noAccess = "No access"

func TestX1_WhoIsLetIn(t *testing.T) {
	for _, c := range []struct {
		name, options string
		admitted      bool
	}{
		{"no list", "", true},
		{"the ID", "allow " + sitetest.UserID, true},
		{"the app-scoped ID", "allow " + sitetest.AppScopedID, true},
		{"among others", "allow 1 " + sitetest.UserID + " 2", true},
		{"somebody else", "allow 17841405822304914", false},
		{"the beginning of the ID", "allow " + sitetest.UserID[:16], false},
		{"the ID and a digit more", "allow " + sitetest.UserID + "0", false},
		{"a zero in front", "allow 0" + sitetest.UserID, false},
		{"the name", "allow @" + sitetest.Username, true},
		{"the name in capitals", "allow @" + strings.ToUpper(sitetest.Username), true},
		{"the beginning of the name", "allow @" + sitetest.Username[:4], false},
		{"denied by ID", "deny " + sitetest.UserID, false},
		{"denied by name", "deny @" + strings.ToUpper(sitetest.Username), false},
		{"denied and allowed", "allow " + sitetest.UserID + "\ndeny @" + sitetest.Username, false},
		{"somebody else denied", "deny 1 @x", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: c.options})
			b := s.NewBrowser()
			answer := b.Get(b.Window(b.Get("/page")))
			if c.admitted {
				if page := b.Get("/page"); answer.StatusCode != http.StatusSeeOther || page.Body != "hello "+sitetest.Username {
					t.Errorf("answered %s, then %q", answer.Status, page.Body)
				}
				return
			}
			sitetest.WantRefusal(t, answer, http.StatusForbidden, noAccess)
			if b.Cookie(sitetest.SessionCookie) != "" || s.Upstream.Count() != 0 || !strings.Contains(answer.Body, "Use another account") {
				t.Errorf("cookies %q, %d requests of the site\n%s", b.Cookies(), s.Upstream.Count(), answer.Body)
			}
			if lines := s.Logged("sign-in refused"); len(lines) != 1 || lines[0]["code"] != "no_access" || lines[0]["user_id"] != sitetest.UserID {
				t.Errorf("log lines = %v", lines)
			}
		})
	}
}

func TestX1_ARenamedAccountIsNotLetInByItsOldName(t *testing.T) {
	renamed := sitetest.Users()
	renamed[0].Username = "somebody.else"
	s := sitetest.Start(t, sitetest.Config{Options: "allow @" + sitetest.Username, Users: renamed, Window: "somebody.else"})
	b := s.NewBrowser()
	sitetest.WantRefusal(t, b.Get(b.Window(b.Get("/page"))), http.StatusForbidden, noAccess)
	if lines := s.Logged("usernames can change and change owner; list numeric user IDs instead"); len(lines) != 1 || lines[0]["option"] != "allow" {
		t.Errorf("warned %v", lines)
	}
}

func TestX2_AChangeOfTheListsBitesAtTheNextRequest(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*"})
	for _, path := range []string{"/page", "/public", "/instagram_auth/userinfo"} {
		s.Load(sitetest.Config{Matcher: "/page*"})
		b := s.NewBrowser()
		b.SignIn("/page")
		cookies := b.CookieHeader()
		s.WantAlive(cookies, true)
		s.Load(sitetest.Config{Matcher: "/page*", Options: "deny " + sitetest.UserID})
		before := s.Upstream.Count()
		answer := b.Get(path)
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(answer.Body, noAccess) || s.Upstream.Count() != before {
			t.Errorf("%s: answered %s %q", path, answer.Status, answer.Body)
		}
		if b.Cookie(sitetest.SessionCookie) != "" {
			t.Errorf("%s: the cookie is still there", path)
		}
		// Let in again, they must sign in again: the session has ended.
		s.Load(sitetest.Config{Matcher: "/page*"})
		s.WantAlive(cookies, false)
		if answer := b.Get("/public"); answer.StatusCode != http.StatusOK || answer.Body != "hello " {
			t.Errorf("afterwards a public page is %s %q", answer.Status, answer.Body)
		}
	}
}
