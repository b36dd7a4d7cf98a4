package placement

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
)

// A second line of defence for routes that lead to the site without passing the block.

// front is a matcher that stands before all others of a server and always matches. It
// deletes identity headers that a client sent, so that a route beside the block cannot
// carry them to the upstream. [H1]
//
// Caddy offers no hook that sees each request of a server first. The matchers of the first
// route are the nearest thing: Caddy compiles the routes only after it has provisioned all
// handlers, and asks the first route about each request. A test with the newest Caddy
// notices if that changes. Named routes and error routes are compiled apart and are not
// covered; what a block deletes there is what passes it.
type front struct {
	// all knows the names of all blocks, so that an ordinary request costs one scan of its
	// headers, however many blocks and hosts there are.
	all    *headerguard.Guard
	blocks []frontBlock
}

// frontBlock is one block of the server.
type frontBlock struct {
	guard *headerguard.Guard
	place Place
}

// PutInFront has the server delete the block's identity headers on every route of the
// block's hosts. It is called last in Provision: a block that fails guards nothing.
func (p Place) PutInFront(server *caddyhttp.Server, guard *headerguard.Guard) {
	if server == nil || p.route == nil {
		return // in a named route or an error route, or in no server
	}
	sets := &server.Routes[0].MatcherSets
	if len(*sets) == 0 {
		*sets = caddyhttp.MatcherSets{{}} // as good as none: both match everything
	}
	// Caddy asks the sets one after the other, so the first one is enough.
	first := &(*sets)[0]
	if len(*first) == 0 {
		*first = caddyhttp.MatcherSet{new(front)}
	}
	f, ok := (*first)[0].(*front)
	if !ok {
		f = new(front)
		*first = slices.Concat(caddyhttp.MatcherSet{f}, *first)
	}
	f.all = guard.With(f.all)
	f.blocks = append(f.blocks, frontBlock{guard, p})
}

// MatchWithError deletes what only a block may say. It matches every request.
func (f *front) MatchWithError(r *http.Request) (bool, error) {
	if !f.all.Concerns(r) || r.Context().Value(http.LocalAddrContextKey) == nil {
		// Nothing to delete, or a request that came over no connection: Caddy made it, as
		// httpInclude of templates does, out of one that has been here.
		return true, nil
	}
	for _, b := range f.blocks {
		if b.place.isOn(r) {
			b.guard.Strip(r.Header, nil)
			b.guard.CleanConnection(r.Header)
			b.guard.StripTrailers(r)
		}
	}
	return true, nil
}

// MatchesAll tells a walk through the routes that there is nothing to ask.
func (f *front) MatchesAll() {}

// isOn reports whether a request is for one of the hosts that lead to the block. Other
// sites of the server keep their headers.
func (p Place) isOn(r *http.Request) bool {
	return len(p.route.MatcherSets) == 0 || slices.ContainsFunc(p.route.MatcherSets, func(set caddyhttp.MatcherSet) bool {
		i := slices.IndexFunc(set, isHost)
		if i < 0 {
			return true
		}
		match, err := set[i].(*caddyhttp.MatchHost).MatchWithError(r)
		return match || err != nil
	})
}

// Interface guard
var _ caddyhttp.RequestMatcherWithError = (*front)(nil)
