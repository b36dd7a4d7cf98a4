package placement

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
)

// front is the first matcher of a server, and always matches. It deletes identity headers that a
// client sent, so that a route without the block cannot carry them to the upstream. [H1]
//
// Caddy has no hook that sees each request of a server first. The matchers of the first route
// come closest: Caddy compiles the routes after it has provisioned all handlers, and asks the
// first route about each request. A test with the newest Caddy fails if that changes. Named
// routes and error routes are compiled separately: there, only the block itself deletes headers.
type front struct {
	// all has the header names of all blocks. An ordinary request costs one scan of its
	// headers, however many blocks and hosts there are.
	all    *headerguard.Guard
	blocks []frontBlock
}

// frontBlock is one block of the server.
type frontBlock struct {
	guard *headerguard.Guard
	place Place
}

// PutInFront makes the server delete the block's identity headers on every route of the block's
// hosts. It is called last in Provision, because it cannot be undone. Without a server it does
// nothing.
func (p Place) PutInFront(server *caddyhttp.Server, guard *headerguard.Guard) {
	if server == nil || p.route == nil {
		return // in a named route or an error route, or in no server
	}
	sets := &server.Routes[0].MatcherSets
	if len(*sets) == 0 {
		*sets = caddyhttp.MatcherSets{{}} // an empty set and no set both match everything
	}
	// Caddy asks the sets in order, so the first one is enough.
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

// MatchWithError deletes the headers that only a block may set. It matches every request.
func (f *front) MatchWithError(r *http.Request) (bool, error) {
	if !f.all.Concerns(r) || r.Context().Value(http.LocalAddrContextKey) == nil {
		// There is nothing to delete, or the request came over no connection: Caddy made it
		// from one that has been here, as httpInclude of templates does.
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

// MatchesAll marks the matcher for package routes as one that matches everything.
func (f *front) MatchesAll() {}

// isOn reports whether a request is for one of the block's hosts. Other sites of the server keep
// their headers.
func (p Place) isOn(r *http.Request) bool {
	sets := p.route.MatcherSets
	return len(sets) == 0 || slices.ContainsFunc(sets, func(set caddyhttp.MatcherSet) bool {
		i := slices.IndexFunc(set, isHost)
		if i < 0 {
			return true
		}
		match, err := set[i].(*caddyhttp.MatchHost).MatchWithError(r)
		return match || err != nil
	})
}

var _ caddyhttp.RequestMatcherWithError = (*front)(nil)
