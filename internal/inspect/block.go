package inspect

import (
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Block is what the checks know of one instagram_auth block.
type Block struct {
	Handler any // the module, as it stands in Caddy's routes
	Logger  *zap.Logger
	Strict  bool // what is wrong keeps Caddy from starting

	Paths        *address.Paths
	Matchers     caddyhttp.MatcherSets // of what needs a session; nil for everything
	Handoff      bool                  // the site keeps the sessions
	HandleErrors bool                  // Caddy's error routes get the refusals
	HeaderNames  []string              // of the request headers that the block sets

	// Public are addresses that pages show to visitors who are not signed in, by option.
	Public map[string]string
	// Cookie makes a Set-Cookie line as the block sends them.
	Cookie func(page string) (string, error)
	// Options returns what the options show, without a look at any route.
	Options func() []finding.Finding
}

// Answers reports whether a request is for an address of the block's own.
func (b *Block) Answers(s *routes.Step) bool {
	r, ok := b.Paths.RedirectFor(s.Request.Host)
	return ok && s.Asked.Path == r.Path || b.Paths.IsBelow(s.Asked.Path)
}

// Asks tells whether an anonymous request needs a session: by the address that was asked for, or
// by the one that it was rewritten to.
func (b *Block) Asks(s *routes.Step) routes.Answer {
	if b.Matchers == nil {
		if b.Handoff {
			return routes.No
		}
		return routes.Yes
	}
	return max(s.Any(b.Matchers), s.Original().Any(b.Matchers))
}

// Protects returns the matchers of what needs a session.
func (b *Block) Protects() caddyhttp.MatcherSets { return b.Matchers }

// Headers returns the request headers that a block sets.
func (b *Block) Headers() []string { return b.HeaderNames }

// RefusesAsErrors reports whether Caddy's error routes get the refusals.
func (b *Block) RefusesAsErrors() bool { return b.HandleErrors }

// origins returns the origins at which people see a block.
func (b *Block) origins() (all []*url.URL) {
	var known []string
	for _, r := range b.Paths.Served {
		if slices.Contains(known, r.Origin) {
			continue
		}
		u, _ := url.Parse(r.Origin) // of a redirect URI, which was parsed before
		known, all = append(known, r.Origin), append(all, u)
	}
	return all
}
