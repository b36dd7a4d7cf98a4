package sitetest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Somebody returns the identity of the user of the tests.
func Somebody() session.Identity {
	return session.Identity{UserID: UserID, AppScopedID: AppScopedID, Username: Username}
}

// TokenHeader is the header in which the tests forward an access token.
const TokenHeader = "X-Instagram-Access-Token"

// OlderSession signs in and then gives the browser a session of the same person that is
// older, so that Instagram is to be asked again.
func (s *Site) OlderSession(b *Browser, ago time.Duration) (token string) {
	s.T.Helper()
	token = s.TokenOf(b)
	b.Plant(SessionCookie, s.OlderCookie(token, ago))
	return token
}

// OlderCookie returns the cookie of a session of its own that began some time ago.
func (s *Site) OlderCookie(token string, ago time.Duration) string {
	s.T.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Tokens: true, Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		s.T.Fatal(err)
	}
	issued := time.Now().Add(-ago)
	_, line, _, err := cookies.Create(session.Session{
		Identity: Somebody(), Keys: session.Keys{Session: 4711 + 4*sessions.Add(1), User: 4712, AppScoped: 4713},
		Token: session.Token{Access: token, LongLived: true, Issued: issued, Expires: issued.Add(60 * 24 * time.Hour)},
	})
	if err != nil {
		s.T.Fatal(err)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(line, SessionCookie+"="), ";")
	return value
}

// ReauthenticatedCookie returns the session cookie of a user of the simulated Instagram who some
// time ago signed in where Instagram was asked to let them sign in again.
func (s *Site) ReauthenticatedCookie(user simulator.User, ago time.Duration) string {
	s.T.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		s.T.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{
		Identity: session.Identity{UserID: user.ID, AppScopedID: user.AppScopedID, Username: user.Username},
		Keys: session.Keys{
			Session: 4711 + 4*sessions.Add(1), User: uint64(revocation.UserKey(AppID, user.ID)), AppScoped: uint64(revocation.UserKey(AppID, user.AppScopedID)),
		},
		Reauthenticated: true,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(line, SessionCookie+"="), ";")
	return value
}

// TokenOf signs a browser in and returns the token that the site gets.
func (s *Site) TokenOf(b *Browser) string {
	s.T.Helper()
	b.SignIn("/page")
	b.Get("/page")
	return s.Upstream.Last(s.T).Header.Get(TokenHeader)
}

// SealedBy reports whether the browser's session opens with a secret alone, as on another
// node that has only this one.
func (b *Browser) SealedBy(secret string) bool {
	b.T.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{secret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour})
	if err != nil {
		b.T.Fatal(err)
	}
	found := cookies.Find([]string{b.CookieHeader()})
	_, ok := cookies.Open(&found, nil)
	return ok
}

// SealSession returns the session cookie that an instance with this configuration would
// make.
func SealSession(t *testing.T, c session.Config, who session.Identity) string {
	t.Helper()
	cookies, err := session.New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// CookieFor makes a session cookie as a node with the same secret would.
func CookieFor(t *testing.T, who session.Identity) string {
	t.Helper()
	return SealSession(t, session.Config{Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour}, who)
}

// sessions counts the calls of OlderCookie.
var sessions atomic.Uint64
