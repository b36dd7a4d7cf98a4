package routes

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

const cookieHeader = "Cookie" // with the session and the login

// Change is a handler that changes request headers.
type Change struct {
	By     string // the directive
	Ops    *headers.HeaderOps
	Behind bool // it comes behind a block
}

// identified is a block that sets request headers.
type identified interface{ Headers() []string }

// changing returns a step that remembers a change of the cookies before a block, or of its headers
// behind it. Others are left out, because each one that is remembered is one more way to follow.
func (s *Step) changing(by string, ops *headers.HeaderOps) *Step {
	if ops == nil {
		return s
	}
	change := Change{by, ops, len(s.passed) > 0}
	touches := !change.Behind && len(change.Of(cookieHeader)) > 0
	for _, block := range s.passed {
		if b, ok := block.(identified); ok {
			touches = touches || slices.ContainsFunc(b.Headers(), func(name string) bool { return len(change.Of(name)) > 0 })
		}
	}
	if !touches {
		return s
	}
	next := *s
	next.changes = with(s.changes, change)
	return &next
}

// stands reports whether a pattern of header names stands for a name.
func stands(pattern, name string) bool {
	match, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return match && err == nil
}

// Effect is what becomes of a header.
type Effect struct {
	Deleted bool
	Value   string // otherwise, what is set or added, or what replaces a part
}

// Of returns what a change does to a header, in Caddy's order: it deletes what it has set.
func (c Change) Of(name string) (effects []Effect) {
	for _, all := range []map[string][]string{c.Ops.Add, c.Ops.Set} {
		for _, field := range slices.Sorted(maps.Keys(all)) {
			if strings.EqualFold(field, name) {
				effects = append(effects, Effect{Value: strings.Join(all[field], " ")})
			}
		}
	}
	if slices.ContainsFunc(c.Ops.Delete, func(pattern string) bool { return stands(pattern, name) }) {
		effects = append(effects, Effect{Deleted: true})
	}
	for _, field := range slices.Sorted(maps.Keys(c.Ops.Replace)) {
		if strings.EqualFold(field, name) || field == "*" {
			for _, replacement := range c.Ops.Replace[field] {
				effects = append(effects, Effect{Value: replacement.Replace})
			}
		}
	}
	return effects
}

// BeforeBlock returns what changes the cookies of a request on its way to a block.
func (e Ending) BeforeBlock() (changes []Change) {
	for _, change := range e.Step.changes {
		if !change.Behind && len(change.Of(cookieHeader)) > 0 {
			changes = append(changes, change)
		}
	}
	return changes
}

// Method returns the method of the request as it arrives.
func (e Ending) Method() string { return e.Step.Request.Method }

// Behind returns the upstreams behind a block, and what changes its headers on the way there.
func (s *Server) Behind(b Block, origin *url.URL) (upstreams []string, changes []Change) {
	for request := range s.visits(b, origin) {
		request.SignedIn = true
		for _, e := range s.Ends(request) {
			if e.Kind != Content || !slices.Contains(e.Step.passed, b) {
				continue
			}
			if proxy, ok := e.Handler.(*reverseproxy.Handler); ok {
				upstreams = with(upstreams, dialled(proxy)...)
			}
			for _, change := range e.Step.changes {
				if change.Behind {
					changes = with(changes, change)
				}
			}
		}
	}
	return upstreams, changes
}
