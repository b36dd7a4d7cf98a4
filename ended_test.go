package instagramauth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// sealedSession returns the cookie of a session of somebody, which began at a time, as the
// site with the usual options makes it.
func sealedSession(t *testing.T, who string, began time.Time) string {
	t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Now: func() time.Time { return began },
	})
	if err != nil {
		t.Fatal(err)
	}
	id, user := session.NewID(), uint64(revocation.UserKey(appID, who))
	_, line, _, err := cookies.Create(session.Session{
		Identity: session.Identity{UserID: who, Username: username}, ID: id,
		Keys: session.Keys{Session: uint64(revocation.SessionKey(id)), User: user, AppScoped: user},
	})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// signOut signs the session of a cookie out.
func (s *site) signOut(cookie string) response {
	s.t.Helper()
	b := s.newBrowser()
	request := b.logoutRequest(nil)
	request.Header.Set("Cookie", cookie)
	return b.do(request)
}

// One person signs out of session after session: all of them end, and the storage holds
// few names.
func TestN14_SignOutsOfOnePersonFillNoStorage(t *testing.T) {
	const sessions = 600
	s := startSite(t, siteConfig{})
	began := time.Now().Add(-time.Hour)
	var cookies []string
	for i := range sessions {
		cookies = append(cookies, sealedSession(t, userID, began.Add(time.Duration(i)*time.Second)))
	}
	stays, other := sealedSession(t, userID, time.Now()), sealedSession(t, "17841405822304914", began)
	for i, cookie := range cookies {
		if answer := s.signOut(cookie); answer.StatusCode != http.StatusOK {
			t.Fatalf("sign-out %d: %s", i, answer.Status)
		}
	}
	names := len(s.stored())
	t.Logf("%d sign-outs, %d names", sessions, names)
	if names > 260 {
		t.Errorf("%d names in the storage", names)
	}
	check := func(when string) {
		t.Helper()
		for i, cookie := range cookies {
			if answer := s.with(cookie); answer.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s: session %d goes on: %s", when, i, answer.Status)
			}
		}
		s.wantAlive(stays, true)
		s.wantAlive(other, true)
	}
	check("at once")
	s.restart(siteConfig{})
	check("after a restart")
	if answer := s.signOut(cookies[0]); answer.StatusCode != http.StatusOK || len(s.stored()) != names {
		t.Errorf("signing out again: %s, %d names", answer.Status, len(s.stored()))
	}
	if lines := s.logged("signed out"); len(lines) != sessions {
		t.Errorf("%d log lines", len(lines))
	}
}

// Meta's callbacks about one person leave one name, however many come.
func TestN14_CallbacksAboutOnePersonLeaveOneName(t *testing.T) {
	now := time.Now()
	s := startSite(t, siteConfig{now: func() time.Time { return now }})
	for i := range 50 {
		now = now.Add(-time.Second) // some come late, in another order
		if i%2 == 0 {
			now = time.Now().Add(time.Duration(i-60) * time.Minute)
		}
		for _, path := range []string{deauthorizePath, deletionPath} {
			if answer := s.fromMeta(path, s.instagram.SignedRequest(username)); answer.StatusCode != http.StatusOK {
				t.Fatal(fmt.Sprint(i, answer.Status, answer.body))
			}
		}
	}
	ends := 0
	for _, name := range s.stored() { // without the notes of what has been delivered, which last for a week
		if strings.Contains(name, "/ended/") {
			ends++
		}
	}
	if ends == 0 || ends > 2 {
		t.Errorf("%d names", ends)
	}
}

// Within the second that a callback of Meta's has dated, "sign out everywhere" ends what has
// begun since, in every browser.
func TestN13_SigningOutEverywhereRightAfterACallbackEndsAllSessions(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := startSite(t, siteConfig{now: func() time.Time { return now }})
	if answer := s.fromMeta(deauthorizePath, s.instagram.SignedRequest(username)); answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	one, other := s.newBrowser(), s.newBrowser()
	one.signIn("/page")
	other.signIn("/page")
	s.wantAlive(other.cookieHeader(), true)
	one.logout(url.Values{"everywhere": {"1"}})
	s.wantAlive(other.cookieHeader(), false)
}
