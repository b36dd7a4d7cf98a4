package instagramauth

import (
	"slices"
	"sync"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A claim is something that two blocks on one server cannot both have: a redirect
// URI, own paths on a host, a cookie name on a host. Caddy makes new servers at each
// load, so that the configuration that is being replaced is never in the way.
type claim struct {
	server *caddyhttp.Server
	option string
	host   string
	value  string
}

func (c claim) String() string { return c.value + " on " + c.host }

// sameCookiesAs reports whether two claims are for cookies of the same host: their
// names may differ and still overlap.
func (c claim) sameCookiesAs(other claim) bool {
	return c.server == other.server && c.option == "session cookie" && other.option == c.option && c.host == other.host
}

// claims knows the claims of all instances: instances do not know one another.
var claims = claimRegistry{owners: make(map[claim][]*Handler)}

type claimRegistry struct {
	mu sync.Mutex
	// owners are several where the same block stands in several sites.
	owners map[claim][]*Handler
}

func (c *claimRegistry) take(wanted claim, h *Handler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for owned, owners := range c.owners {
		if owned == wanted || owned.sameCookiesAs(wanted) && owners[0].settings.cookies.Overlaps(h.settings.cookies) {
			if i := slices.IndexFunc(owners, func(owner *Handler) bool { return !h.site.standsBeside(owner.site) }); i >= 0 {
				return option.Errorf(wanted.option, "%s belongs to another instagram_auth block of the same server; give each block its own", wanted)
			}
		}
	}
	c.owners[wanted] = append(c.owners[wanted], h)
	return nil
}

// callbackOf reports whether a path on a host is the callback of some block.
func (c *claimRegistry) callbackOf(host, path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for owned := range c.owners {
		if owned.option == "redirect_uri" && owned.host == host {
			if r, err := address.ParseRedirect(owned.value); err == nil && r.Path == path {
				return true
			}
		}
	}
	return false
}

func (c *claimRegistry) release(all []claim, h *Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, owned := range all {
		c.owners[owned] = slices.DeleteFunc(c.owners[owned], func(owner *Handler) bool { return owner == h })
		if len(c.owners[owned]) == 0 {
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
	for _, r := range s.paths.Redirects {
		all = append(all,
			claim{server, "redirect_uri", r.Host, r.URI},
			claim{server, "path_prefix", r.Host, s.paths.Prefix},
			claim{server, "session cookie", r.Host, s.cookies.Name()},
		)
	}
	return all
}
