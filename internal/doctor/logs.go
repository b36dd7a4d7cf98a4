package doctor

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// What the doctor reads in the configuration as it is written, and what no handler sees: the logs,
// the admin endpoint, and whom a server believes.

// besideAccess are loggers of Caddy's that write addresses down, too: when a request fails, or at
// level DEBUG.
var besideAccess = []string{"http.log.error", "http.handlers.rewrite", "http.handlers.reverse_proxy", "http.handlers.file_server"}

// checkLogs looks for logs that write the authorization code down.
func (r *run) checkLogs(b *block) []finding.Finding {
	var open, safe []string
	for _, logger := range append(b.accessLoggers(), besideAccess...) {
		for name, encoder := range r.takers(logger) {
			if finding.Redacts(encoder) {
				safe = append(safe, name)
			} else {
				open = append(open, name+finding.Rest(encoder))
			}
		}
	}
	if slices.Sort(open); len(open) > 0 {
		f := finding.Doubt("the authorization code and the state can get into the log "+strings.Join(slices.Compact(open), ", ")+", with the address of the request", "write format instagram_auth in each log, those of the global options included:")
		f.Paste = finding.LogFormat
		return []finding.Finding{f}
	}
	if slices.Sort(safe); len(safe) == 0 {
		return []finding.Finding{finding.OK("there is no log")}
	}
	return []finding.Finding{finding.OK("code and state stay out of the log %s", strings.Join(slices.Compact(safe), ", "))}
}

// checkProxies looks at whom the servers of a block believe about the address of a client.
func (r *run) checkProxies(b *block) (found []finding.Finding) {
	trusted := false
	for _, server := range b.servers {
		if server.TrustedProxiesRaw == nil {
			continue
		}
		if trusted = true; server.TrustedProxiesStrict == 0 {
			found = append(found, finding.Doubt("trusted_proxies without trusted_proxies_strict: clients choose the address that rate_limit and client_ip see", "add trusted_proxies_strict beside trusted_proxies"))
		}
	}
	switch {
	case len(found) > 0:
		return found[:1]
	case trusted:
		return []finding.Finding{finding.OK("the address of a client comes from trusted_proxies, read from the right")}
	}
	return []finding.Finding{finding.OK("the address of a client is the one that connects: there are no trusted_proxies")}
}

// checkAdmin looks at the endpoint that commands use.
func (r *run) checkAdmin() finding.Finding {
	admin := new(caddy.AdminConfig)
	if r.config.Admin != nil {
		admin = r.config.Admin
	}
	if admin.Disabled {
		return finding.Doubt("admin off: neither caddy reload nor caddy instagram-auth revoke and status can reach Caddy while it runs", "take admin off out of the global options, or give admin a Unix socket; as it is, Caddy has to be restarted for each change")
	}
	at, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(admin.Listen, ""))
	if admin.Listen != "" && err == nil && !at.IsUnixNetwork() && !address.IsLoopback(at.Host) {
		return finding.Doubt("the admin endpoint listens on "+admin.Listen+", where others may reach it: it shows the configuration, secrets included, and revokes sessions", "let admin listen on localhost or on a Unix socket")
	}
	return finding.OK("the admin endpoint can be used from here")
}
