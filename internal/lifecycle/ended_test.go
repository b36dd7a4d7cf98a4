package lifecycle_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// sealedSession returns the cookie of a session of somebody, which began at a time, as the
// site with the usual options makes it.
func sealedSession(t *testing.T, who string, began time.Time) string {
	t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Now: func() time.Time { return began },
	})
	if err != nil {
		t.Fatal(err)
	}
	id, user := session.NewID(), uint64(revocation.UserKey(sitetest.AppID, who))
	_, line, _, err := cookies.Create(session.Session{
		Identity: session.Identity{UserID: who, Username: sitetest.Username}, ID: id,
		Keys: session.Keys{Session: uint64(revocation.SessionKey(id)), User: user, AppScoped: user},
	})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// One person signs out of session after session: all of them end, and the storage holds
// few names.
func TestN14_SignOutsOfOnePersonFillNoStorage(t *testing.T) {
	const sessions = 600
	s := sitetest.Start(t, sitetest.Config{})
	began := time.Now().Add(-time.Hour)
	var cookies []string
	for i := range sessions {
		cookies = append(cookies, sealedSession(t, sitetest.UserID, began.Add(time.Duration(i)*time.Second)))
	}
	stays, other := sealedSession(t, sitetest.UserID, time.Now()), sealedSession(t, "17841405822304914", began)
	for i, cookie := range cookies {
		if answer := s.SignOut(cookie); answer.StatusCode != http.StatusOK {
			t.Fatalf("sign-out %d: %s", i, answer.Status)
		}
	}
	names := len(s.Stored())
	t.Logf("%d sign-outs, %d names", sessions, names)
	if names > 260 {
		t.Errorf("%d names in the storage", names)
	}
	check := func(when string) {
		t.Helper()
		for i, cookie := range cookies {
			if answer := s.With(cookie); answer.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s: session %d goes on: %s", when, i, answer.Status)
			}
		}
		s.WantAlive(stays, true)
		s.WantAlive(other, true)
	}
	check("at once")
	s.Restart(sitetest.Config{})
	check("after a restart")
	if answer := s.SignOut(cookies[0]); answer.StatusCode != http.StatusOK || len(s.Stored()) != names {
		t.Errorf("signing out again: %s, %d names", answer.Status, len(s.Stored()))
	}
	if lines := s.Logged("signed out"); len(lines) != sessions {
		t.Errorf("%d log lines", len(lines))
	}
}

// Meta's callbacks about one person leave one name, however many come.
func TestN14_CallbacksAboutOnePersonLeaveOneName(t *testing.T) {
	now := time.Now()
	s := sitetest.Start(t, sitetest.Config{Now: func() time.Time { return now }})
	for i := range 50 {
		now = now.Add(-time.Second) // some come late, in another order
		if i%2 == 0 {
			now = time.Now().Add(time.Duration(i-60) * time.Minute)
		}
		for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
			if answer := s.FromMeta(path, s.Instagram.SignedRequest(sitetest.Username)); answer.StatusCode != http.StatusOK {
				t.Fatal(fmt.Sprint(i, answer.Status, answer.Body))
			}
		}
	}
	ends := 0
	for _, name := range s.Stored() { // without the notes of what has been delivered, which last for a week
		if strings.Contains(name, "/ended/") {
			ends++
		}
	}
	if ends == 0 || ends > 2 {
		t.Errorf("%d names", ends)
	}
}

// Within the second that a callback from Meta has dated, "sign out everywhere" ends what has
// begun since, in every browser.
func TestN13_SigningOutEverywhereRightAfterACallbackEndsAllSessions(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := sitetest.Start(t, sitetest.Config{Now: func() time.Time { return now }})
	if answer := s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username)); answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	one, other := s.NewBrowser(), s.NewBrowser()
	one.SignIn("/page")
	other.SignIn("/page")
	s.WantAlive(other.CookieHeader(), true)
	one.Logout(url.Values{"everywhere": {"1"}})
	s.WantAlive(other.CookieHeader(), false)
}
