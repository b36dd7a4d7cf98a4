// Package placement knows where a block stands on its server: in which site, on which hosts, and
// which other blocks are in its way.
package placement

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Where a block stands: in which site of its server, and on which hosts.

// Place is the place of a block on its server.
type Place struct {
	// route is the route of the server that leads to the block; nil if unknown.
	route *caddyhttp.Route
	// options are a digest of the block's own, its matcher excepted.
	options Digest
	// apart says that no request passes two blocks with these options within the route.
	apart bool
}

// Digest tells the options of two blocks apart. Their matchers may differ.
type Digest [sha256.Size]byte

// DigestOf returns the digest of options, which can be written as JSON.
func DigestOf(options any) (Digest, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return Digest{}, fmt.Errorf("comparing options: %w", err)
	}
	return sha256.Sum256(text), nil
}

// Find returns the place of a block whose matchers have been loaded. Caddy loads the handlers of one
// route after the other, all matchers before; the one at work is the first that has no handlers
// yet. digest returns the digest of a block in a configuration, without its matcher.
func Find(server *caddyhttp.Server, options Digest, digest func(block json.RawMessage) (Digest, error)) Place {
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

// standsBeside reports whether two blocks are the same one in two places, such as an
// imported snippet: with the same options, and never both on one request's way.
func (p Place) standsBeside(other Place) bool {
	if p.options != other.options || p.route == nil || other.route == nil {
		return false
	}
	if p.route == other.route {
		return p.apart && other.apart
	}
	return p.route.Terminal && other.route.Terminal
}

// Hosts returns the hosts that lead to the block; nil for any.
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
