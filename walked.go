package instagramauth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// What a walk through the routes of a server learns from a block.

// walked is a block as a walk sees it.
type walked struct{ h *Handler }

// asBlock returns the block that a handler is, nil if it is none.
func asBlock(handler any) routes.Block {
	if h, ok := handler.(*Handler); ok && h.settings.client != nil {
		return walked{h}
	}
	return nil
}

// Answers reports whether a request is for an address of the block's own.
func (w walked) Answers(s *routes.Step) bool {
	r, ok := w.h.settings.paths.RedirectFor(s.Request.Host)
	path := s.Asked.Path
	return ok && path == r.Path || path == w.h.settings.paths.Prefix || strings.HasPrefix(path, w.h.settings.paths.Prefix+"/")
}

// Asks tells whether an anonymous request needs a session: by the address that was asked for, or
// by the one that it was rewritten to.
func (w walked) Asks(s *routes.Step) routes.Answer {
	if w.h.protect == nil {
		if w.h.settings.handoff {
			return routes.No
		}
		return routes.Yes
	}
	return max(s.Any(w.h.protect), s.Original().Any(w.h.protect))
}

// Protects returns the matchers of what needs a session.
func (w walked) Protects() caddyhttp.MatcherSets { return w.h.protect }

// Headers returns the request headers that a block sets.
func (w walked) Headers() []string { return w.h.settings.guard.Names() }

// RefusesAsErrors reports whether Caddy's error routes get the refusals.
func (w walked) RefusesAsErrors() bool { return w.h.settings.handleErrors }

// origins returns the origins at which people see a block.
func (h *Handler) origins() (all []*url.URL) {
	var known []string
	for _, r := range h.settings.paths.Served {
		if slices.Contains(known, r.Origin) {
			continue
		}
		u, _ := url.Parse(r.Origin) // of a redirect URI, which was parsed before
		known, all = append(known, r.Origin), append(all, u)
	}
	return all
}
