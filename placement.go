package instagramauth

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Where a block stands: in which site of its server.

// site is the place of a block on its server.
type site struct {
	// route is the route of the server that leads to the block; nil if unknown.
	route *caddyhttp.Route
	// options are a digest of the block's own, its matcher excepted.
	options [sha256.Size]byte
}

// siteOf returns the place of a block whose matchers have been loaded. Caddy loads the
// handlers of one route after the other, all matchers before; the one at work is the
// first that has no handlers yet.
func siteOf(server *caddyhttp.Server, h *Handler) (s site, err error) {
	options, err := json.Marshal(h)
	if err != nil {
		return s, fmt.Errorf("comparing options: %w", err)
	}
	s.options = sha256.Sum256(options)
	if server == nil {
		return s, nil
	}
	for i := range server.Routes {
		if route := &server.Routes[i]; len(route.Handlers) == 0 && len(route.HandlersRaw) > 0 {
			s.route = route
			break
		}
	}
	return s, nil
}

// standsBeside reports whether two blocks are the same one in two sites, such as an
// imported snippet: with the same options, and never both on one request's way.
func (s site) standsBeside(other site) bool {
	return s.options == other.options && s.route != nil && other.route != nil && s.route != other.route && s.route.Terminal && other.route.Terminal
}
