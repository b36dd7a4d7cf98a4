package instagramauth

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Where a block stands: in which site of its server, and on which hosts.

// site is the place of a block on its server.
type site struct {
	// route is the route of the server that leads to the block; nil if unknown.
	route *caddyhttp.Route
	// options are a digest of the block's own, its matcher excepted.
	options [sha256.Size]byte
	// apart says that no request passes two blocks with these options within the route.
	apart bool
}

// siteOf returns the place of a block whose matchers have been loaded. Caddy loads the
// handlers of one route after the other, all matchers before; the one at work is the
// first that has no handlers yet.
func siteOf(server *caddyhttp.Server, h *Handler) (s site, err error) {
	if s.options, err = h.digest(); err != nil || server == nil {
		return s, err
	}
	for i := range server.Routes {
		if route := &server.Routes[i]; len(route.Handlers) == 0 && len(route.HandlersRaw) > 0 {
			s.route, s.apart = route, apart(route, s.options)
			break
		}
	}
	return s, nil
}

// standsBeside reports whether two blocks are the same one in two places, such as an
// imported snippet: with the same options, and never both on one request's way.
func (s site) standsBeside(other site) bool {
	if s.options != other.options || s.route == nil || other.route == nil {
		return false
	}
	if s.route == other.route {
		return s.apart && other.apart
	}
	return s.route.Terminal && other.route.Terminal
}

// hosts returns the hosts that lead to the block; nil for any.
func (s site) hosts() (all caddyhttp.MatchHost) {
	if s.route == nil {
		return nil
	}
	for _, set := range s.route.MatcherSets {
		i := slices.IndexFunc(set, isHost)
		if i < 0 {
			return nil
		}
		all = append(all, *set[i].(*caddyhttp.MatchHost)...)
	}
	return all
}

func isHost(matcher any) bool {
	_, ok := matcher.(*caddyhttp.MatchHost)
	return ok
}

// chooseHosts notes which redirect URIs are on hosts of the block's site. It refuses a block
// that has none: nobody could ever come back to it. One that is imported into several sites
// lists the hosts of the others, too. [A6]
func (s *settings) chooseHosts(hosts caddyhttp.MatchHost) error {
	if !s.paths.Serve(func(host string) bool { return len(hosts) == 0 || address.Accepts(hosts, host) }) {
		return option.Errorf("redirect_uri", "%q is not an address of this site, which is %s; give the site that host, or write an address of the site", s.paths.Redirects[0].URI, strings.Join(hosts, ", "))
	}
	return nil
}
