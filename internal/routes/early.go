package routes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// userPlaceholder begins the placeholders of the user, which have no value before a block.
const userPlaceholder = "{http.auth.user."

func namesUser(text string) bool { return strings.Contains(text, userPlaceholder) }

// tooEarly returns a step that remembers what has read the user.
func (s *Step) tooEarly(reader string) *Step {
	if len(s.passed) > 0 {
		return s
	}
	next := *s
	next.early = with(s.early, reader)
	return &next
}

// mentionsUser reports whether a handler reads the user when a request reaches it. Others, such as
// map, log_append and a deferred header, read it when it is known.
func (s *Server) mentionsUser(handler any) bool {
	var options []any
	switch h := handler.(type) {
	case *rewrite.Rewrite, *caddyhttp.VarsMiddleware:
		options = []any{h}
	case *headers.Handler:
		options = []any{h.Request}
		if h.Response != nil && !h.Response.Deferred {
			options = append(options, h.Response.HeaderOps)
		}
	default:
		return false
	}
	mentions, known := s.early[handler]
	if !known {
		text, _ := json.Marshal(options) // it was JSON before
		mentions = namesUser(string(text))
		s.early[handler] = mentions
	}
	return mentions
}

// mentionsUserIn reports whether matchers read the user.
func mentionsUserIn(sets caddyhttp.MatcherSets) bool {
	return slices.ContainsFunc(sets, func(set caddyhttp.MatcherSet) bool { return slices.ContainsFunc(set, asksForUser) })
}

func asksForUser(matcher any) bool {
	var texts []string
	switch m := matcher.(type) {
	case *caddyhttp.VarsMatcher:
		texts = slices.Collect(maps.Keys(*m))
	case *caddyhttp.MatchVarsRE:
		texts = slices.Collect(maps.Keys(*m))
	case *caddyhttp.MatchExpression:
		texts = []string{m.Expr}
	case *caddyhttp.MatchPath:
		texts = *m
	case *fileserver.MatchFile:
		texts = append(slices.Clone(m.TryFiles), m.Root)
	case *caddyhttp.MatchNot:
		return mentionsUserIn(m.MatcherSets)
	}
	return slices.ContainsFunc(texts, namesUser)
}
