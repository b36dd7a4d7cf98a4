package session_test

import (
	"slices"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestF4_MarksTellNobodyWithoutASecretAnything(t *testing.T) {
	marks := func(secrets ...string) *session.Marks {
		t.Helper()
		return newRing(t, secrets...).Marks()
	}
	old, both, other := marks("old"), marks("new", "old"), marks("another")
	name := old.Of("a", "bc")
	if len(name) != 1 || len(name[0]) != 32 || !slices.Contains(both.Of("a", "bc"), name[0]) || both.Of("a", "bc")[0] == name[0] {
		t.Errorf("old %q, new and old %q", name, both.Of("a", "bc"))
	}
	for _, stranger := range [][]string{other.Of("a", "bc"), old.Of("ab", "c"), old.Of("abc"), old.Of("a", "bc", "")} {
		if stranger[0] == name[0] {
			t.Errorf("%q twice", name)
		}
	}
	if _, err := session.NewKeyring([]string{""}); err == nil {
		t.Error("an empty secret makes marks")
	}
}
