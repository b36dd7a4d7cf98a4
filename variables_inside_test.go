package instagramauth

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
)

// A secret may have braces in it, which Caddy takes for a placeholder.
func TestASecretWithBracesIsNotRepeated(t *testing.T) {
	h := &Handler{AppID: "{env.NOBODY_HAS_SET_THIS}", AppSecret: []string{"hunter2{x}!"}, RedirectURI: []string{"https://example.com/auth/"}}
	h.Session.Secret = []string{"pass{env.NOBODY_HAS_SET_THIS}word"}
	for name, err := range map[string]error{
		"all at once": h.missing(option.AtLoad(caddy.NewReplacer())),
		"braces":      second(option.AtLoad(caddy.NewReplacer())("app_secret", "hunter2{x}!")),
		"in between":  second(option.AtLoad(caddy.NewReplacer())("session secret", "pass{env.NOBODY_HAS_SET_THIS}word")),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range []string{"hunter2", "{x}", "pass", "word"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func second(_ string, err error) error { return err }
