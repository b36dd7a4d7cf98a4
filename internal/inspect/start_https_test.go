package inspect_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// Caddy keeps its own redirects to HTTPS by value. The checks at start meet them on every site that
// has automatic HTTPS.
func TestTheChecksAtStartReadTheRedirectsToHTTPS(t *testing.T) {
	plain, secure := sitetest.FreeAddr(t), sitetest.FreeAddr(t)
	config := `{
		admin off
		default_bind 127.0.0.1
		http_port ` + sitetest.Port(plain) + `
		https_port ` + sitetest.Port(secure) + `
		auto_https disable_certs
		persist_config off
		servers {
			protocols h1
		}
		storage file_system ` + filepath.Join(t.TempDir(), "storage") + `
	}
	localhost {
		instagram_auth {
			app_id ` + sitetest.AppID + `
			app_secret ` + sitetest.AppSecret + `
			redirect_uri https://localhost/auth/
			strict_config
		}
		respond ok
	}`
	adapted, err := sitetest.Adapt(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(adapted, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+plain+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "localhost"
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if location := answer.Header.Get("Location"); !strings.HasPrefix(location, "https://localhost") {
		t.Errorf("answered %s to %q", answer.Status, location)
	}
}
