package instagramauth_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// askedOthers counts calls of modules that only this test knows.
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

// otherSource is a source of trusted proxies.
type otherSource struct{}

func (*otherSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.ip_sources.others", New: func() caddy.Module { return new(otherSource) }}
}

func (*otherSource) GetIPRanges(*http.Request) []netip.Prefix {
	askedOthers++
	return nil
}

func (*otherSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if !d.Next() {
		return errors.New("no name")
	}
	return nil
}

func init() {
	caddy.RegisterModule(new(otherMatcher))
	caddy.RegisterModule(new(otherSource))
}

// TestN17_TheChecksCallNoModuleOfOthers: neither a matcher in an expression nor a source of trusted
// proxies.
func TestN17_TheChecksCallNoModuleOfOthers(t *testing.T) {
	askedOthers = 0
	startSite(t, siteConfig{
		global: "servers {\ntrusted_proxies others\n}",
		block:  "@m expression others('x')\nroute {\nrespond @m no 403\n" + protectingBlock("/members*") + "\n}",
	})
	if askedOthers != 0 {
		t.Errorf("modules by others were called %d times", askedOthers)
	}
}
