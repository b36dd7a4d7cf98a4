package instagramauth

import (
	"fmt"
	"net/url"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A claim is something that two blocks on one server cannot both have: a redirect
// URI, own paths on a host, a cookie name on a host. Caddy makes new servers at each
// load, so that the configuration that is being replaced is never in the way.
type claim struct {
	server *caddyhttp.Server
	option string
	value  string
}

// claims knows the claims of all instances: instances do not know one another.
var claims = claimRegistry{owners: make(map[claim]*Handler)}

type claimRegistry struct {
	mu     sync.Mutex
	owners map[claim]*Handler
}

func (c *claimRegistry) take(wanted claim, h *Handler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.owners[wanted]; taken {
		return &optionError{wanted.option, fmt.Sprintf("%s belongs to another instagram_auth block of the same server; give each block its own", wanted.value)}
	}
	c.owners[wanted] = h
	return nil
}

func (c *claimRegistry) release(all []claim, h *Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, owned := range all {
		if c.owners[owned] == h {
			delete(c.owners, owned)
		}
	}
}

// claims returns what an instance with these settings lays claim to, which is
// nothing outside a server, as in unit tests.
func (s *settings) claims(server *caddyhttp.Server) (all []claim) {
	if server == nil {
		return nil
	}
	for _, r := range s.redirects {
		all = append(all,
			claim{server, "redirect_uri", r.uri},
			claim{server, "path_prefix", (&url.URL{Host: r.host, Path: s.pathPrefix}).String()},
			claim{server, "session cookie", s.cookies.Name() + " on " + r.host},
		)
	}
	return all
}
