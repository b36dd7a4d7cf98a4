package doctor_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// JSON can have a value of another kind than its option takes, and a secret where none belongs.
func TestTheDoctorExplainsJSON(t *testing.T) {
	const file = `{"admin": {"disabled": true}, "storage": {"module": "file_system", "root": %q}, "apps": {"http": {"servers": {"s": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{"handler": "instagram_auth", %s}]}]}}}}}`
	for options, want := range map[string]string{
		`"app_id": "1", "app_secret": "SuperSecretValue", "redirect_uri": ["https://a.test/auth/"]`:                                "✗ options: app_secret: takes a list; write [ and ] around the value",
		`"app_id": "1", "app_secret": ["{env.TEST_SECRET}"], "redirect_uri": ["https://a.test/auth/"], "session": {"secret": "x"}`: "✗ options: session secret: takes a list; write [ and ] around the value",
		`"app_id": 1, "app_secret": ["{env.TEST_SECRET}"], "redirect_uri": ["https://a.test/auth/"]`:                               "✗ options: app_id: takes one text; write it between quotes",
		`"app_id": "1", "app_secret": ["{env.TEST_SECRET}"], "redirect_uri": ["https://u:SuperSecretValue@a.test/auth/"]`:          `✗ options: redirect_uri: "https://…@a.test/auth/": has a user name, a query or a fragment; remove them`,
	} {
		t.Setenv("TEST_SECRET", sitetest.AppSecret)
		folder := t.TempDir()
		name := filepath.Join(folder, "caddy.json")
		if err := os.WriteFile(name, fmt.Appendf(nil, file, folder, options), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", name)
		if err == nil || !strings.Contains(out, want) || strings.Contains(out, "SuperSecretValue") {
			t.Errorf("%s: %v\n%s", options, err, out)
		}
	}
}
