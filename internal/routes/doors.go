package routes

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Door is a way to a site's upstream past its block. A client that uses it can set the identity
// headers.
type Door struct {
	Host     string // "" for any
	Path     string
	Upstream string
	End      Ending
}

// Doors returns the ways to an upstream that lead past a block. safe reports whether blocks that
// the request has passed, and names of request headers that were deleted, are as good as the block.
func (s *Server) Doors(upstream string, safe func(passed []Block, deleted []string) bool) (doors []Door) {
	for _, p := range s.look().proxies {
		if !slices.Contains(dialled(p.Handler), upstream) {
			continue
		}
		for _, host := range hostsIn(p.place) {
			// A server deletes the headers of its blocks from each request for their hosts.
			if guards := slices.Concat(s.guards[host], s.guards[""]); safe(guards, nil) {
				continue
			}
			if door, ok := s.door(p, host, safe); ok {
				door.Upstream = upstream
				doors = append(doors, door)
			}
		}
	}
	return doors
}

// door looks for a way to a proxy at a host.
func (s *Server) door(p proxy, host string, safe func([]Block, []string) bool) (found Door, ok bool) {
	paths := []string{"/", "/" + within}
	for _, pattern := range spread(patternsOf(p.matchers...), mostPatterns) {
		paths = append(paths, ofPattern(pattern)...)
	}
	for _, path := range paths {
		// A name that no site has, where any will do.
		at := strings.ReplaceAll(strings.ReplaceAll(host, "*", within), "{", "")
		if at == "" {
			at = "caddy.invalid"
		}
		for _, e := range s.Ends(Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: at, Path: path}, Any: true}) {
			if e.Handler != p.Handler || safe(e.Step.passed, e.Step.deleted) {
				continue
			}
			if certain := e.If() == "" && e.After() == ""; !ok || certain {
				found, ok = Door{Host: host, Path: path, End: e}, true
				if certain {
					return found, true
				}
			}
		}
	}
	return found, ok
}

// hostsIn returns the hosts of the routes that lead to a place, "" for any.
func hostsIn(p place) (hosts []string) {
	for _, sets := range p.matchers {
		for _, set := range sets {
			i := slices.IndexFunc(set, isHost)
			if i < 0 {
				continue
			}
			for _, host := range *set[i].(*caddyhttp.MatchHost) {
				hosts = with(hosts, strings.ToLower(host))
			}
		}
		if len(hosts) > 0 {
			return hosts
		}
	}
	return []string{""}
}

// dialled returns the addresses of a proxy's upstreams, those of this machine in one spelling.
func dialled(proxy *reverseproxy.Handler) (addresses []string) {
	for _, upstream := range proxy.Upstreams {
		address := strings.ToLower(upstream.Dial)
		if host, port, err := net.SplitHostPort(address); err == nil && (host == "" || host == "::1" || strings.HasPrefix(host, "127.")) {
			address = net.JoinHostPort("localhost", port)
		}
		addresses = with(addresses, address)
	}
	return addresses
}

// without returns a step that remembers which request headers are deleted.
func (s *Step) without(ops *headers.HeaderOps) *Step {
	if ops == nil || len(ops.Delete) == 0 {
		return s
	}
	next := *s
	next.deleted = with(s.deleted, ops.Delete...)
	return &next
}
