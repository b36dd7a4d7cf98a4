package session_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	formerSecret = "0c1f6a3d9b8e47520c7d1e9fa3b6584d"
	laterSecret  = "7be21c9d05f84a3696ad8e10c4f7b352"
)

func ring(t *testing.T, secrets ...string) *session.Keyring {
	t.Helper()
	r, err := session.NewKeyring(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func cookiesOf(t *testing.T, keys *session.Keyring) *session.Cookies {
	t.Helper()
	c, err := session.New(session.Config{Keys: keys, Instance: "1 /x", Name: "ig", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signIn(t *testing.T, c *session.Cookies) (header string) {
	t.Helper()
	_, line, _, err := c.Create(session.Session{Identity: session.Identity{UserID: "1", Username: "jay"}})
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ = strings.Cut(line, ";")
	return header
}

func opens(c *session.Cookies, header string) bool {
	found := c.Find([]string{header})
	_, ok := c.Open(&found, nil)
	return ok
}

func TestN18_AnotherSecretSealsAndTheFormerOneOpensUntilItIsTakenOut(t *testing.T) {
	keys := ring(t, formerSecret)
	cookies, vault, codes := cookiesOf(t, keys), keys.Vault(), keys.Codes()
	old := signIn(t, cookies)
	sealed, err := vault.Seal([]byte("text"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	code, id := codes.New(session.DeletedByAll, time.Now()), vault.ID()

	if err := keys.Change([]string{laterSecret, formerSecret}); err != nil {
		t.Fatal(err)
	}
	if !opens(cookies, old) {
		t.Error("the session that the former secret sealed does not open")
	}
	if _, err := vault.Open(sealed, []byte("place")); err != nil {
		t.Error("what the former secret sealed for the storage does not open")
	}
	if _, ok := codes.Read(code); !ok {
		t.Error("a code that the former secret signed does not read")
	}
	if vault.ID() == id {
		t.Error("the vault has the ID of the former secret")
	}
	if other := cookiesOf(t, ring(t, laterSecret)); !opens(other, signIn(t, cookies)) {
		t.Error("a new session is not sealed with the later secret")
	}

	if err := keys.Change([]string{laterSecret}); err != nil {
		t.Fatal(err)
	}
	if opens(cookies, old) {
		t.Error("the session that a secret sealed opens after the secret was taken out")
	}
	if _, err := vault.Open(sealed, []byte("place")); err == nil {
		t.Error("what a secret sealed for the storage opens after the secret was taken out")
	}
	if _, ok := codes.Read(code); ok {
		t.Error("a code reads after its secret was taken out")
	}
}

func TestN18_SecretsThatCannotBeUsedChangeNothing(t *testing.T) {
	keys := ring(t, formerSecret)
	cookies := cookiesOf(t, keys)
	old := signIn(t, cookies)
	for _, secrets := range [][]string{nil, {""}, {laterSecret, ""}} {
		if err := keys.Change(secrets); err == nil {
			t.Errorf("%q is accepted", secrets)
		}
		if !opens(cookies, old) || !opens(cookies, signIn(t, cookies)) {
			t.Errorf("%q: sessions do not open", secrets)
		}
	}
}

func TestAKeyringChangesWhileItIsUsed(t *testing.T) {
	keys := ring(t, formerSecret)
	cookies := cookiesOf(t, keys)
	old := signIn(t, cookies)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if !opens(cookies, old) || !opens(cookies, signIn(t, cookies)) {
					t.Error("a session does not open during a change")
					return
				}
			}
		})
	}
	for i := range 50 {
		secrets := []string{formerSecret, laterSecret}
		if i%2 == 0 {
			secrets = []string{laterSecret, formerSecret}
		}
		if err := keys.Change(secrets); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func TestN18_AFingerprintTellsSecretsApartAndIsNotPartOfThem(t *testing.T) {
	a, b := session.Fingerprint(formerSecret), session.Fingerprint(laterSecret)
	if len(a) != 8 || strings.Trim(a, "0123456789abcdef") != "" || a == b || a != session.Fingerprint(formerSecret) {
		t.Errorf("fingerprints %q and %q", a, b)
	}
	// A value that others compare with or learn must not say what the fingerprint is.
	marks := newRing(t, formerSecret).Marks()
	for _, name := range append(marks.Of("instagram_auth/v1/fingerprint"), marks.Of()...) {
		if strings.Contains(name, a) {
			t.Error("the fingerprint is part of a mark")
		}
	}
}

func TestN18_AWeakSecretHasNoFingerprint(t *testing.T) {
	for _, secret := range []string{
		"", "short", "a1b2c3d4e5f60718293a4b5c6d7e8f9", // one digit less than Meta's
		strings.Repeat("a", 64), strings.Repeat("0123456789abcdef", 4), strings.Repeat("password1", 8),
		"correcthorsebatterystaplecorrecthorse1", "my-company-instagram-signin-secret", "12345678901234567890123456789012",
		"31415926535897932384626433832795028841", "abcdefghijklmnopqrstuvwxyz0123456789", "changeme-changeme-changeme-changeme-1",
		"a-short-and-simple-secret-0123456789", "CorrectHorseBatteryStaple2026PleaseDoNotTell", "xkcd-936-correct-horse-battery-staple",
	} {
		if got := session.Fingerprint(secret); got != session.WeakFingerprint {
			t.Errorf("%q has the fingerprint %s", secret, got)
		}
	}
	weak := 0
	for range 1000 {
		b := make([]byte, 32)
		rand.Read(b)
		for _, secret := range []string{hex.EncodeToString(b[:16]), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b)} {
			if session.Fingerprint(secret) == session.WeakFingerprint {
				weak++
			}
		}
	}
	if weak > 15 {
		t.Errorf("%d of 3000 random secrets count as weak", weak)
	}
}
