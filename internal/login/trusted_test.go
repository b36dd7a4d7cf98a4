package login_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// client is a visitor behind the proxy of a recipe. The test is the proxy: it comes from an
// address that Caddy trusts and appends what it saw to what the visitor sent.
const (
	client      = "203.0.113.9"
	otherClient = "203.0.113.10"
	office      = "192.0.2.1" // an address that a matcher lets in
)

// madeUp are headers with which a client tries to be somebody else, the proxy's word included.
func madeUp(address, saw string) map[string]http.Header {
	return map[string]http.Header{
		"in front":             {"X-Forwarded-For": {address + ", " + saw}},
		"in a line of its own": {"X-Forwarded-For": {address, saw}},
		"with a port":          {"X-Forwarded-For": {address + ":443, " + saw}},
		"without a space":      {"X-Forwarded-For": {address + "," + saw}},
		"many":                 {"X-Forwarded-For": {strings.Repeat(address+", ", 200) + saw}},
		"the proxy's own":      {"X-Forwarded-For": {address + ", 127.0.0.1, " + saw}},
		"behind rubbish":       {"X-Forwarded-For": {address + ", ,unknown,_hidden, " + saw}},
		"other headers": {"X-Forwarded-For": {saw}, "X-Real-Ip": {address}, "Forwarded": {"for=" + address}, "True-Client-Ip": {address},
			"Cf-Connecting-Ip": {address}, "X-Client-Ip": {address}, "X-Forwarded": {address}, "X-Cluster-Client-Ip": {address}},
	}
}

// trusting returns the Caddyfiles of all pages that trust a proxy, by page and number.
func trusting(t *testing.T) map[string]sitetest.Config {
	t.Helper()
	all := make(map[string]sitetest.Config)
	for _, name := range project.Pages(t) {
		for i, match := range project.Fence.FindAllStringSubmatch(project.Read(t, name), -1) {
			if !strings.Contains(match[2], "trusted_proxies ") {
				continue
			}
			c := sitetest.RecipeSite(t, match[2])
			if !strings.Contains(c.Global, "10.0.0.0/8") {
				t.Fatalf("%s trusts a proxy that this test does not know:\n%s", name, c.Global)
			}
			c.Global = strings.Replace(c.Global, "10.0.0.0/8", "127.0.0.1/32", 1)
			all[fmt.Sprint(name, " ", i)] = c
		}
	}
	if len(all) == 0 {
		t.Fatal("no page trusts a proxy")
	}
	return all
}

func TestN8_TheClientsAddressIsWhatTheNearestTrustedProxySaw(t *testing.T) {
	for name, c := range trusting(t) {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c)
			for how, header := range madeUp(office, client) {
				if got := s.Deny(s.NewBrowser(), header); got != http.StatusForbidden {
					t.Fatalf("%s: answered %d", how, got)
				}
				lines := s.Logged("sign-in refused")
				if got := lines[len(lines)-1]["client_ip"]; got != client {
					t.Errorf("%s: client_ip = %v in the log, want %s", how, got, client)
				}
			}
		})
	}
}

func TestN8_TheLimitFollowsTheClientBehindTheProxy(t *testing.T) {
	for name, c := range trusting(t) {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c)
			limited := false
			for i := range 40 {
				limited = limited || s.Deny(s.NewBrowser(), http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.100.%d, %s", i, client)}}) == http.StatusTooManyRequests
			}
			if !limited {
				t.Error("forty logins of one client were taken, each with another address in front")
			}
			if got := s.Deny(s.NewBrowser(), http.Header{"X-Forwarded-For": {otherClient}}); got != http.StatusForbidden {
				t.Errorf("another client behind the same proxy was answered %d", got)
			}
			// Nobody else is a proxy, whatever they send.
			stranger := s.NewBrowser()
			stranger.HTTP.Transport.(*http.Transport).DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, network, s.Addr)
			}
			if got := s.Deny(stranger, http.Header{"X-Forwarded-For": {client}}); got != http.StatusForbidden {
				t.Errorf("a stranger with the address of the limited client was answered %d", got)
			}
			lines := s.Logged("sign-in refused")
			if got := lines[len(lines)-1]["client_ip"]; got != "127.0.0.2" {
				t.Errorf("the stranger's client_ip = %v", got)
			}
		})
	}
}

// TestN8_AnAddressAsAWayInIsNoHeader puts two recipes together: one that trusts a proxy, and
// one that lets an address in without a session.
func TestN8_AnAddressAsAWayInIsNoHeader(t *testing.T) {
	for name, c := range trusting(t) {
		t.Run(name, func(t *testing.T) {
			c.Block = strings.Replace(c.Block, "instagram_auth /members*", "@people not client_ip 192.0.2.0/24\ninstagram_auth @people", 1)
			s := sitetest.Start(t, c)
			get := func(header http.Header) int {
				request := sitetest.Navigation(t, http.MethodGet, "/members")
				request.Header.Set("Accept", "application/json")
				request.Header.Set("Sec-Fetch-Mode", "cors")
				request.Header.Set("Sec-Fetch-Dest", "empty")
				for name, values := range header {
					request.Header[name] = values
				}
				return s.NewBrowser().Do(request).StatusCode
			}
			for how, header := range madeUp(office, client) {
				if got := get(header); got != http.StatusUnauthorized {
					t.Errorf("%s: answered %d", how, got)
				}
			}
			if got := get(http.Header{"X-Forwarded-For": {client + ", " + office}}); got != http.StatusOK {
				t.Errorf("the office itself was answered %d", got)
			}
			// The test can fail: this is what the option is for.
			c.Global = strings.Replace(c.Global, "trusted_proxies_strict", "", 1)
			s.Load(c)
			if got := get(http.Header{"X-Forwarded-For": {office + ", " + client}}); got != http.StatusOK {
				t.Errorf("without strict: answered %d; Caddy has changed, and the pages may say so", got)
			}
		})
	}
}

func TestN8_EveryTrustedProxiesHasStrictBesideIt(t *testing.T) {
	names := project.Pages(t)
	for _, pattern := range []string{"example/*Caddyfile", "example/*/*Caddyfile", "docs/*/*.md"} {
		names = append(names, project.Glob(t, pattern)...)
	}
	found := 0
	for _, name := range names {
		content := project.Read(t, name)
		found += strings.Count(content, "trusted_proxies")
		for _, part := range withoutStrict(content) {
			t.Errorf("%s has trusted_proxies without trusted_proxies_strict: %s", name, part)
		}
	}
	if found < 6 {
		t.Errorf("found %d", found)
	}
	for _, open := range []string{"servers {\n\ttrusted_proxies static 10.0.0.0/8\n}\n", "a `trusted_proxies` here\n\nand `trusted_proxies_strict` there", "| `trusted_proxies` |\n| `trusted_proxies_strict` |"} {
		if len(withoutStrict(open)) == 0 {
			t.Errorf("this test finds nothing in %q", open)
		}
	}
}

// withoutStrict returns the paragraphs and rows of a table that name the one option without
// the other.
func withoutStrict(text string) (found []string) {
	for _, part := range strings.Split(strings.ReplaceAll(text, "|\n|", "|\n\n|"), "\n\n") {
		if strict := strings.Count(part, "trusted_proxies_strict"); strict == 0 && strings.Contains(part, "trusted_proxies") {
			found = append(found, part)
		}
	}
	return found
}
