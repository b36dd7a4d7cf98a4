// Package placement finds out where a block is on its server: on which route and for which hosts.
// It refuses two blocks that cannot both work there, and guards the routes that bypass a block.
//
// It knows Caddy's routes and nothing of sign-ins.
package placement

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Place is the place of a block on its server. The zero value is a block outside any server.
type Place struct {
	route   *caddyhttp.Route // of the server, that leads to the block; nil if unknown
	options Digest
	apart   bool // no request passes two blocks with these options within the route
}

// Digest identifies the options of a block, without its matcher.
type Digest [sha256.Size]byte

// DigestOf returns the digest of options. It fails if they cannot be written as JSON.
func DigestOf(options any) (Digest, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return Digest{}, fmt.Errorf("comparing options: %w", err)
	}
	return sha256.Sum256(text), nil
}

// Find returns the place of the block that Caddy is loading. Caddy loads the matchers of all routes
// first, then the handlers of one route after the other. So the route is the first one without
// handlers. digest returns the digest of another block in the configuration. server may be nil.
func Find(server *caddyhttp.Server, options Digest, digest func(json.RawMessage) (Digest, error)) Place {
	p := Place{options: options}
	if server == nil {
		return p
	}
	for i := range server.Routes {
		if route := &server.Routes[i]; len(route.Handlers) == 0 && len(route.HandlersRaw) > 0 {
			p.route, p.apart = route, branches{options, digest}.apart(route)
			break
		}
	}
	return p
}

// standsBeside reports whether two blocks are the same one in two places, such as an imported
// snippet: they have the same options, and no request passes both.
func (p Place) standsBeside(other Place) bool {
	if p.options != other.options || p.route == nil || other.route == nil {
		return false
	}
	if p.route == other.route {
		return p.apart && other.apart
	}
	return p.route.Terminal && other.route.Terminal
}

// Hosts returns the hosts of the block's route; nil means any host.
func (p Place) Hosts() (all caddyhttp.MatchHost) {
	if p.route == nil {
		return nil
	}
	for _, set := range p.route.MatcherSets {
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
