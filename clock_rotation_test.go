package instagramauth

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// Files with secrets are looked at often, so that no test waits for long.
func init() { rotation.Interval = 20 * time.Millisecond }

const (
	formerSecret = "9f4c2e7ab1d85036e7c90b4d6f1a8235"
	latterSecret = "e80b5d17c3f6a924904e7b2d8c5f1a63"
)

// forged is the Cookie header of a session that somebody makes now who knows a secret.
func (w *world) forged(secret string) string {
	w.t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{secret}, Instance: "1 /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour, Now: w.at.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{Identity: identityNamed("jayposiris"), Keys: session.Keys{Session: 1, User: 2, AppScoped: 3}})
	if err != nil {
		w.t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(line, ";")
	return cookie
}

// lets reports whether a node lets somebody in with a Cookie header.
func (n *node) lets(t *testing.T, cookie string) bool {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+n.addr+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "example.test"
	request.Header.Set("Cookie", cookie)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// until waits for something that happens in the background.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

func TestN18_ARetiredSecretOpensNothingAfterTheLongestLifetime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(secret string) {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(formerSecret)
	w := newWorld(t, &Handler{Session: SessionOptions{Secret: []string{"{file." + file + "}"}}})
	n, v := w.nodes[0], w.newVisitor()
	v.signIn()
	if w.at.advance(24 * time.Hour); n.lets(t, w.forged(latterSecret)) {
		t.Fatal("a secret opens that no file has held")
	}
	write(latterSecret)
	until(t, "the change is taken over", func() bool { return n.lets(t, w.forged(latterSecret)) })
	v.wantSignedIn("jayposiris")
	changed := w.at.now()

	// The visitor stays until their session ends, and not a second less.
	w.at.advance(6*24*time.Hour - time.Second)
	v.wantSignedIn("jayposiris")
	w.at.advance(time.Second)
	if v.get("/page").StatusCode == http.StatusOK {
		t.Error("a session lives longer than its lifetime")
	}
	// Whoever has stolen the former secret can use it for as long as that of the longest
	// session, and not a second more.
	w.at.advance(changed.Add(n.settings.Lifetime).Sub(w.at.now()) - time.Second)
	if !n.lets(t, w.forged(formerSecret)) {
		t.Error("the former secret opens nothing before the longest lifetime is over")
	}
	w.at.advance(time.Second)
	until(t, "the former secret is retired", func() bool { return !n.lets(t, w.forged(formerSecret)) })
	if !n.lets(t, w.forged(latterSecret)) {
		t.Error("the secret in use opens nothing")
	}
}
