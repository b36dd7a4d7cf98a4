package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// looks checks the app ID and the secrets of a block, as far as they have a value.
func (b *block) looks() finding.Finding {
	replacer := caddy.NewReplacer()
	var secrets []string
	for _, secret := range b.AppSecret {
		secrets = append(secrets, replacer.ReplaceAll(secret, ""))
	}
	appID := replacer.ReplaceAll(b.AppID, "")
	if appID == "" || len(secrets) == 0 || slices.Contains(secrets, "") {
		return finding.OK("") // it is said elsewhere that they are missing
	}
	return finding.Credentials(appID, secrets)
}

// checkRedirects follows a visitor who comes back to each redirect URI.
func (r *run) checkRedirects(b *block) (found []finding.Finding) {
	if b.inspected.InErrors(r.servers) {
		return nil // checkMatcher says so
	}
	for _, redirect := range b.Paths().Redirects {
		destination := r.destination(b, http.MethodGet, redirect.URI)
		if r.refused == "redirect_uri" && destination == inspect.NotServed(redirect.URI) {
			continue // has been said
		}
		if found = append(found, destination); destination.Status == finding.Wrong {
			continue
		}
		found = append(found, finding.Slash(redirect.URI))
	}
	if r.refused != "redirect_uri" { // which says it all
		found = append(found, b.inspected.Hosts(r.servers)...)
	}
	return slices.Concat(found, b.inspected.Capitals(), b.inspected.Requests(r.servers))
}

// checkCallbacks follows Meta's callbacks.
func (r *run) checkCallbacks(b *block) (found []finding.Finding) {
	if b.inspected.InErrors(r.servers) {
		return nil
	}
	for _, own := range []address.Own{address.Deauthorize, address.DataDeletion} {
		uri := b.Paths().Redirects[0].Origin + b.Paths().Of(own)
		switch destination := r.destination(b, http.MethodPost, uri); {
		case destination.Status == finding.Look: // already reported for the redirect URI, and so is
			found = append(found, finding.OK("%s reaches this block", uri))
		case destination != inspect.NotServed(uri): // that the host is not served
			found = append(found, destination)
		}
	}
	return found
}

// destination tells whether a request to an address reaches a block, by the scheme and port that it
// is written for.
func (r *run) destination(b *block, method, address string) finding.Finding {
	last := inspect.NotServed(address)
	for _, server := range r.servers {
		if !server.Has(b.inspected) {
			continue
		}
		f := b.inspected.Destination(server, method, address)
		if f.Status == finding.Fine {
			problem := r.otherDoor(server.Caddy, address)
			if problem == "" {
				return f
			}
			f = finding.Doubt(address+" reaches this block, but "+problem, "fine behind a proxy that takes care of this; otherwise change the address of the site")
		}
		if last.Status != finding.Look { // by another server it does reach the block
			last = f
		}
	}
	return last
}

// otherDoor says by which other scheme or port a server is reached, "" if by that of the
// address.
func (r *run) otherDoor(server *caddyhttp.Server, address string) string {
	u, _ := url.Parse(address) // of a redirect URI, which was parsed before
	port, _ := strconv.Atoi(cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme]))
	httpPort := uint(cmp.Or(r.http.HTTPPort, caddyhttp.DefaultHTTPPort))
	automatic := server.AutoHTTPS == nil || !server.AutoHTTPS.Disabled && !slices.Contains(server.AutoHTTPS.Skip, u.Hostname())
	// Caddy gets certificates for sites by name.
	named := slices.ContainsFunc(server.Routes, func(route caddyhttp.Route) bool {
		return slices.ContainsFunc(route.MatcherSetsRaw, func(set caddy.ModuleMap) bool { return set["host"] != nil })
	})
	for _, listen := range server.Listen {
		at, err := caddy.ParseNetworkAddress(listen)
		if err != nil || uint(port) < at.StartPort || uint(port) > at.EndPort {
			continue
		}
		secure := len(server.TLSConnPolicies) > 0 || automatic && at.StartPort != httpPort && named
		if secure != (u.Scheme == "https") {
			return map[bool]string{true: "Caddy speaks TLS there", false: "Caddy speaks plain http there"}[secure]
		}
		return ""
	}
	return "Caddy listens on " + strings.Join(server.Listen, ", ")
}

// checkMatcher follows anonymous requests for what the block is to protect.
func (r *run) checkMatcher(b *block) []finding.Finding {
	sets := b.Protect
	if len(sets) == 0 && b.Routes.Handoff {
		return []finding.Finding{finding.Doubt("nothing is protected: the site itself asks its visitors to sign in", "link to "+b.Paths().Of(address.Login)+", or give the block a matcher")}
	}
	if r.refused == "redirect_uri" {
		return nil // on a host that the site does not have, nobody asks for anything
	}
	found := slices.Concat(b.inspected.Borders(r.servers), b.inspected.Protection(r.servers))
	if slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Status != finding.Fine }) {
		return found // no tick beside a cross
	}
	if len(sets) == 0 || slices.ContainsFunc(sets, func(set caddy.ModuleMap) bool { return len(set) == 0 }) {
		return append(found, finding.OK("everything else that reaches this block is protected"))
	}
	for _, set := range sets {
		var paths []string
		if len(set) == 1 && json.Unmarshal(set["path"], &paths) == nil && len(paths) > 0 {
			found = append(found, finding.OK("protected: %s", first(paths, " ")))
			continue
		}
		found = append(found, finding.OK("protected: what matches %s", inWordsOf(set)))
	}
	return found
}

// mostNamed is how many of many texts, or lines of a Caddyfile, a finding names.
const mostNamed = 3

// first joins the first of many texts.
func first(all []string, by string) string {
	if more := len(all) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:mostNamed], by), more)
	}
	return strings.Join(all, by)
}

// inWordsOf says in short what a set of matchers asks for.
func inWordsOf(set caddy.ModuleMap) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		var values []string
		var sets []caddy.ModuleMap
		switch {
		case name == "not" && json.Unmarshal(set[name], &sets) == nil:
			for _, inner := range sets {
				parts = append(parts, "not "+inWordsOf(inner))
			}
		case (name == "path" || name == "host" || name == "method") && json.Unmarshal(set[name], &values) == nil:
			parts = append(parts, name+" "+first(values, ", "))
		case name == "expression":
			parts = append(parts, "an expression")
		default:
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, " and ")
}

func (r *run) checkCookies(b *block) []finding.Finding {
	found := b.inspected.Responses(r.servers)
	switch {
	case !b.Paths().Secure:
		return append(found, finding.Doubt(
			"redirect_uri is plain http: the session cookie "+b.Cookie+" has neither Secure nor the prefix __Host-", "use https in production"))
	case len(found) == 0:
		return []finding.Finding{finding.OK("session cookie %s, Secure, for %v", b.Cookie, b.Lifetime)}
	}
	return found
}

// accessLoggers returns the names under which callbacks to a block are logged.
func (b *block) accessLoggers() (names []string) {
	for _, server := range b.servers {
		for _, redirect := range b.Paths().Redirects {
			u, _ := url.Parse(redirect.URI) // was parsed before
			for _, name := range loggersOf(server.Logs, u.Hostname()) {
				names = append(names, strings.TrimSuffix("http.log.access."+name, "."))
			}
		}
	}
	return names
}

// loggersOf returns the loggers of a host, by its name or by a wildcard, as Caddy does.
func loggersOf(logs *caddyhttp.ServerLogConfig, host string) []string {
	if logs == nil || slices.Contains(logs.SkipHosts, host) {
		return nil
	}
	labels := strings.Split(host, ".")
	for i := range len(labels) + 1 {
		if names, mapped := logs.LoggerNames[strings.Join(labels, ".")]; mapped {
			return names
		}
		if i < len(labels) {
			labels[i] = "*"
		}
	}
	if logs.SkipUnmappedHosts {
		return nil
	}
	return []string{logs.DefaultLoggerName}
}

// takers returns the encoders of the logs that take what a logger says, by name.
func (r *run) takers(logger string) map[string]json.RawMessage {
	below := func(namespace string) bool {
		return namespace == "*" || strings.HasPrefix(logger+".", namespace+".")
	}
	logs := make(map[string]json.RawMessage)
	known := map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {}}
	if r.config.Logging != nil {
		for name, log := range r.config.Logging.Logs {
			if log != nil {
				known[name] = log
			}
		}
	}
	for name, log := range known {
		included := len(log.Include) == 0 || slices.ContainsFunc(log.Include, below)
		if included && !slices.ContainsFunc(log.Exclude, below) && !strings.Contains(string(log.WriterRaw), `"discard"`) {
			logs[name] = log.EncoderRaw
		}
	}
	return logs
}

// checkUpstream looks for ways to the upstreams of a block that lead past it.
func (r *run) checkUpstream(b *block) []finding.Finding {
	found := r.checks.Upstreams(b.inspected)
	for _, s := range r.servers {
		if s.Exhausted() && s.Has(b.inspected) {
			return append(found, finding.Doubt("this check cannot tell whether another site passes requests on to the upstream of this block: "+routes.TooMany, inspect.Simpler))
		}
	}
	if len(found) == 0 {
		found = append(found, finding.OK("no other site passes requests on to the upstream of this block"))
	}
	return found
}

// located adds the lines with the directive of a finding, unless there are many.
func (r *run) located(found []finding.Finding) []finding.Finding {
	for i, f := range found {
		if f.Directive == "" || f.Status == finding.Fine {
			continue
		}
		if lines := r.linesOf(f.Directive); lines != "" && strings.Count(lines, ":") <= mostNamed {
			found[i].Message += fmt.Sprintf(" (%s is on %s%s)", f.Directive, r.file, lines)
		}
	}
	return found
}
