package session_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func newVault(t testing.TB, secrets ...string) *session.Vault {
	t.Helper()
	return newRing(t, secrets...).Vault()
}

func sealed(t testing.TB, v *session.Vault, plaintext, ad string) []byte {
	t.Helper()
	value, err := v.Seal([]byte(plaintext), []byte(ad))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestF3_AVaultOpensWhatItSealed(t *testing.T) {
	for _, plaintext := range []string{"", "x", "ended: 17841405793187218", strings.Repeat("long ", 2000)} {
		for _, ad := range []string{"", "place", strings.Repeat("p", 300)} {
			value := sealed(t, newVault(t, secret), plaintext, ad)
			before := bytes.Clone(value)
			got, err := newVault(t, secret).Open(value, []byte(ad))
			if err != nil || string(got) != plaintext || !bytes.Equal(value, before) {
				t.Errorf("%.20q at %.20q: %.20q, %v", plaintext, ad, got, err)
			}
			if len(plaintext) > 1 && bytes.Contains(value, []byte(plaintext)) || bytes.Equal(value, sealed(t, newVault(t, secret), plaintext, ad)) {
				t.Errorf("%.20q is sealed as %.60q", plaintext, value)
			}
		}
	}
}

// wantShut fails the test unless a value does not open, and for the one reason that
// is ever given. [S2]
func wantShut(t *testing.T, v *session.Vault, value []byte, ad string) {
	t.Helper()
	if got, err := v.Open(value, []byte(ad)); got != nil || err == nil || err.Error() != "value was not sealed here" {
		t.Errorf("%.60x opened as %q, %v", value, got, err)
	}
}

func TestF3_AValueThatWasMovedOrChangedIsShut(t *testing.T) {
	v := newVault(t, secret)
	value := sealed(t, v, "ended", "place")
	for _, ad := range []string{"", "plac", "place ", "Place", "place\x00", "\x01place"} {
		wantShut(t, v, value, ad)
	}
	for i := range value {
		for bit := range 8 {
			forged := bytes.Clone(value)
			forged[i] ^= 1 << bit
			wantShut(t, v, forged, "place")
		}
	}
	for n := range value {
		wantShut(t, v, value[:n], "place")
		wantShut(t, v, value[len(value)-n:], "place")
	}
	wantShut(t, v, append(bytes.Clone(value), 0), "place")
	wantShut(t, v, nil, "place")
	wantShut(t, v, []byte(base64.RawURLEncoding.EncodeToString(value)), "place")
}

func TestS4_AVaultOpensNothingOfAnotherKey(t *testing.T) {
	wantShut(t, newVault(t, "another", "a third"), sealed(t, newVault(t, secret), "ended", "place"), "place")
}

func TestS7_AVaultOutlivesAChangeOfTheSecret(t *testing.T) {
	before, during, after := newVault(t, "old"), newVault(t, "new", "old"), newVault(t, "new")
	if got, err := during.Open(sealed(t, before, "ended", "place"), []byte("place")); err != nil || string(got) != "ended" {
		t.Errorf("a value of the old secret: %q, %v", got, err)
	}
	value := sealed(t, during, "ended", "place")
	if got, err := after.Open(value, []byte("place")); err != nil || string(got) != "ended" {
		t.Errorf("a value of the first secret: %q, %v", got, err)
	}
	wantShut(t, before, value, "place")
}

// The session cookie's own value and place, under the vault's key.
func TestS4_AVaultOpensNoCookie(t *testing.T) {
	_, text, _ := strings.Cut(create(t, newCookies(t, nil)), "=")
	value, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	// The place of a cookie: name and instance with their lengths, after the version.
	const place = "\x00\x0e" + name + "\x00\x07" + "1 /auth"
	wantShut(t, newVault(t, secret), value, place)
	wantShut(t, newVault(t, secret), value, "\x01"+place)

	planted := base64.RawURLEncoding.EncodeToString(sealed(t, newVault(t, secret), "ended", place))
	if s, ok := open(newCookies(t, nil), name+"="+planted); ok {
		t.Errorf("a vault's value is the session %+v", s)
	}
}
