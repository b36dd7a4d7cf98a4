package session_test

import (
	"regexp"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestP2_APseudonymStandsForOneValueUnderOneSecret(t *testing.T) {
	pseudonyms := func(secrets ...string) *session.Pseudonyms {
		t.Helper()
		return newRing(t, secrets...).Pseudonyms()
	}
	one := pseudonyms("secret", "older").Of("user_id", "17841405793187218")
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(one) {
		t.Errorf("pseudonym %q", one)
	}
	if again := pseudonyms("secret").Of("user_id", "17841405793187218"); again != one {
		t.Errorf("the same value is %s and %s", one, again)
	}
	for what, other := range map[string]string{
		"another value":  pseudonyms("secret").Of("user_id", "17841405793187219"),
		"another kind":   pseudonyms("secret").Of("client_ip", "17841405793187218"),
		"another secret": pseudonyms("older", "secret").Of("user_id", "17841405793187218"),
		"shifted bounds": pseudonyms("secret").Of("user_id1", "7841405793187218"),
	} {
		if other == one {
			t.Errorf("%s has the same pseudonym", what)
		}
	}
	if _, err := session.NewKeyring(nil); err == nil {
		t.Error("made without a secret")
	}
}
