package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
)

// askedOthers counts calls of a matcher that only this test knows.
var askedOthers int

// otherMatcher is a matcher that expressions can call.
type otherMatcher struct{}

func (*otherMatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.others", New: func() caddy.Module { return new(otherMatcher) }}
}

func (*otherMatcher) MatchWithError(*http.Request) (bool, error) {
	askedOthers++
	return false, nil
}

func (*otherMatcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return nil }

func (*otherMatcher) CELLibrary(caddy.Context) (cel.Library, error) {
	return caddyhttp.CELMatcherImpl("others", "others_request", []*cel.Type{cel.StringType}, func(ref.Val) (caddyhttp.RequestMatcherWithError, error) {
		return new(otherMatcher), nil
	})
}

func init() { caddy.RegisterModule(new(otherMatcher)) }

// TestN17_TheChecksCallNoMatcherOfOthers: not even one in an expression.
func TestN17_TheChecksCallNoMatcherOfOthers(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "log")
	text := strings.NewReplacer("{folder}", folder, "{log}", log).Replace(`{
	admin off
	auto_https off
	persist_config off
	storage file_system {folder}
	log {
		output file {log}
		format json
		level DEBUG
	}
}
http://example.com:0 {
	@m expression others('x')
	route {
		respond @m no 403
		instagram_auth /members* {
			app_id 990602627938098
			app_secret eb8c7e0e1b1e4b1d9e3e2f5a6c7d8e9f
			redirect_uri https://example.com/auth/
		}
		respond hello
	}
}
`)
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	if content, err := os.ReadFile(log); err != nil || !strings.Contains(string(content), "configuration checked") {
		t.Fatalf("nothing was checked: %v\n%s", err, content)
	}
	if askedOthers != 0 {
		t.Errorf("a matcher by others was called %d times", askedOthers)
	}
}
