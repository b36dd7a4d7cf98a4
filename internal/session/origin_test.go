package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// startIn begins a login in the browser of an app and returns its state.
func startIn(t *testing.T, c *session.Cookies, app uint8, returnTo string) (state string) {
	t.Helper()
	state, _, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: returnTo, App: app}, new(session.Found))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestC1_AStateSaysWhereItsLoginBegan(t *testing.T) {
	at := &clock{time.Unix(1_800_000_000, 0)}
	c := newCookies(t, at)
	long := "/" + strings.Repeat("p", 95)
	for path, want := range map[string]string{
		"/page?x=1": "/page?x=1", "/": "/", long: long, long + "?query": long, long + "p": "/", "/page?x=" + strings.Repeat("y", 96): "/page",
	} {
		state := startIn(t, c, 7, path)
		l, ok := c.Origin(state, redirectURI)
		if !ok || l.App != 7 || l.ReturnTo != want || l.RedirectURI != redirectURI || l.Nonce == [32]byte{} || len(state) != session.StateLength {
			t.Errorf("%s: %+v, %v, state of %d", path, l, ok, len(state))
		}
	}
}

func TestC1_C3_NobodyElseCanMakeAState(t *testing.T) {
	at := &clock{time.Unix(1_800_000_000, 0)}
	c := newCookies(t, at)
	state, other := startIn(t, c, 1, "/page"), startIn(t, c, 2, "/other")
	if _, ok := c.Origin(state, "https://other.test/auth/"); ok {
		t.Error("a state of another redirect URI counts")
	}
	for name, forged := range map[string]string{
		"empty": "", "short": state[:43], "longer": state + "A", "letters": strings.Repeat("A", session.StateLength),
		"a nonce of another login": other[:43] + state[43:], "line breaks": strings.Repeat("\n", 43) + state[43:], "a line break": state[:42] + "\n" + state[43:],
	} {
		if l, ok := c.Origin(forged, redirectURI); ok {
			t.Errorf("%s: %+v", name, l)
		}
	}
	for i := range state { // each bit of each character
		for bit := range 7 {
			if _, ok := c.Origin(state[:i]+string(rune(state[i]^1<<bit))+state[i+1:], redirectURI); ok {
				t.Fatalf("character %d, bit %d: a changed state counts", i, bit)
			}
		}
	}
	for name, config := range map[string]func(*session.Config){
		"another block":  func(c *session.Config) { c.Instance = "other" },
		"another secret": secrets("another secret of the same length"),
		"another name":   func(c *session.Config) { c.Name = "other" },
	} {
		if _, ok := newCookies(t, at, config).Origin(state, redirectURI); ok {
			t.Errorf("%s: its state counts", name)
		}
	}
	at.at = at.at.Add(session.LoginLifetime + time.Second)
	if _, ok := c.Origin(state, redirectURI); ok {
		t.Error("an expired state counts")
	}
}

func TestC1_AStateIsNoCookieAndNoNote(t *testing.T) {
	c := newCookies(t, nil)
	state := startIn(t, c, 1, "/page")
	found := c.Find([]string{name + "_login_" + state[:8] + "=" + state[43:] + "; " + name + "=" + state[43:] + "; " + name + "_round=" + state[43:]})
	if _, ok := c.Resume(&found, state, redirectURI); ok {
		t.Error("a state resumes a login")
	}
	if s, ok := c.Open(&found, nil); ok || c.Rounds(&found) != 0 {
		t.Errorf("a state opens as a session: %+v", s)
	}
	if text, ok := c.OpenNote(state[43:]); ok {
		t.Errorf("a state opens as a note: %q", text)
	}
	note, err := c.SealNote(strings.Repeat("x", 98))
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := c.Origin(state[:43]+note, redirectURI); ok {
		t.Errorf("a note opens as a state: %+v", l)
	}
}

// The cookie proves whose login it is. A state of which any part is another does not count, not
// even with it.
func TestC1_C2_AStateCountsAsAWhole(t *testing.T) {
	c := newCookies(t, nil)
	state, cookie := begin(t, c, "")
	other, _ := begin(t, c, "")
	if _, ok := resume(c, cookie, state); !ok {
		t.Fatal("the login does not resume")
	}
	for name, changed := range map[string]string{
		"another end": state[:43] + other[43:], "another last character": state[:len(state)-1] + "-", "no end": state[:43],
	} {
		if _, ok := resume(c, cookie, changed); ok && changed != state {
			t.Errorf("%s: resumed", name)
		}
	}
}
