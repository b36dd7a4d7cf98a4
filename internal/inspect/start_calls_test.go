package inspect_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// askedOthers counts calls of a module that only this test knows.
var askedOthers int

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

func init() { caddy.RegisterModule(new(otherSource)) }

// A source of trusted proxies by others is no business of the checks.
func TestN17_TheChecksAskNoSourceOfOthers(t *testing.T) {
	askedOthers = 0
	sitetest.Start(t, sitetest.Config{
		Global: "servers {\ntrusted_proxies others\n}",
		Block:  "@m client_ip 203.0.113.0/24\nroute {\nrespond @m no 403\n" + protectingBlock("/members*") + "\n}",
	})
	if askedOthers != 0 {
		t.Errorf("a source by others was asked %d times", askedOthers)
	}
}
