package routes

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// place is the place of a handler: the routes that lead there, the outermost first.
type place struct {
	matchers []caddyhttp.MatcherSets
	groups   []string
	routes   []*caddyhttp.Route
	aside    bool // in a named route or an error route
	errors   bool // in an error route
}

// standing is a block and its place.
type standing struct {
	block Block
	place
}

// tree has the contents of routes.
type tree struct {
	blocks   []standing
	proxies  []proxy
	patterns []string // of all path matchers, but for those of blocks
	guarded  []string // of the path matchers of blocks
	changes  []change // of addresses
	guesses  []string // patterns that an expression may mean
	regexps  []string
	prefixes []string // that are cut off
}

// change is a handler that changes addresses, and its place.
type change struct {
	*rewrite.Rewrite // nil for error routes
	place
}

// proxy is a reverse proxy and its place.
type proxy struct {
	*reverseproxy.Handler
	place
}

// look returns the tree of all routes.
func (s *Server) look() *tree {
	if s.whole == nil {
		s.whole = s.collect(countTo(len(s.Caddy.Routes)))
		s.guards = make(map[string][]Block)
		for _, at := range s.whole.blocks {
			if at.aside {
				continue
			}
			for _, host := range hostsIn(at.place) {
				s.guards[host] = with(s.guards[host], at.block)
			}
		}
	}
	return s.whole
}

// lookAt returns the tree of the routes that a request for a host may take.
func (s *Server) lookAt(host string) *tree {
	host = strings.ToLower(host)
	if s.trees[host] == nil {
		s.trees[host] = s.collect(s.candidates(host))
	}
	return s.trees[host]
}

// collect looks at some of the server's routes, by their places, and at its error routes.
func (s *Server) collect(places []int) *tree {
	t := new(tree)
	c := collector{s, t, nil}
	for _, i := range places {
		c.route(&s.Caddy.Routes[i], place{})
	}
	if s.Caddy.Errors != nil {
		t.changes = append(t.changes, change{})
		c.list(s.Caddy.Errors.Routes, place{aside: true, errors: true})
	}
	slices.Sort(t.patterns)
	t.patterns = slices.Compact(t.patterns)
	return t
}

type collector struct {
	server  *Server
	into    *tree
	invoked []string
}

func (c *collector) list(list caddyhttp.RouteList, above place) {
	for i := range list {
		c.route(&list[i], above)
	}
}

func (c *collector) route(route *caddyhttp.Route, above place) {
	sets, _ := c.server.reader.Matchers(route) // the walk says what is wrong with them
	c.sets(sets)
	if len(sets) > 0 {
		above.matchers = append(slices.Clip(above.matchers), sets)
	}
	above.routes = append(slices.Clip(above.routes), route)
	if route.Group != "" {
		above.groups = append(slices.Clip(above.groups), route.Group)
	}
	for _, handler := range c.server.reader.Handlers(route) {
		c.handler(handler, above)
	}
}

func (c *collector) handler(handler any, above place) {
	if block := c.server.block(handler); block != nil {
		c.into.blocks = append(c.into.blocks, standing{block, above})
		before := len(c.into.patterns)
		c.sets(block.Protects())
		c.into.guarded = append(c.into.guarded, c.into.patterns[before:]...)
		c.into.patterns = c.into.patterns[:before]
		return
	}
	switch h := handler.(type) {
	case *caddyhttp.Subroute:
		c.list(h.Routes, above)
		if h.Errors != nil {
			c.into.changes = append(c.into.changes, change{nil, above})
			above.errors = true
			c.list(h.Errors.Routes, above)
		}
	case *caddyhttp.Invoke:
		if route := c.server.named(h.Name); route != nil && !slices.Contains(c.invoked, h.Name) {
			c.invoked, above.aside = append(c.invoked, h.Name), true
			c.list(route, above)
			c.invoked = c.invoked[:len(c.invoked)-1]
		}
	case *rewrite.Rewrite:
		if h.StripPathPrefix != "" {
			c.into.prefixes = with(c.into.prefixes, h.StripPathPrefix)
		}
		c.into.changes = append(c.into.changes, change{h, above})
	case *reverseproxy.Handler:
		c.into.proxies = append(c.into.proxies, proxy{h, above})
		if h.Rewrite != nil {
			c.into.changes = append(c.into.changes, change{h.Rewrite, above})
		}
	}
}

// expression takes the texts in an expression, which may be paths, patterns, or parts of them.
func (c *collector) expression(text string) {
	for _, found := range quoted.FindAllString(text, -1) {
		part := found[1 : len(found)-1]
		c.into.guesses = append(c.into.guesses, part, part+"*", "*"+part, "*"+part+"*")
		c.into.regexps = append(c.into.regexps, part)
	}
}

// sets takes the paths of matchers, those under `not` as well.
func (c *collector) sets(sets caddyhttp.MatcherSets) {
	for _, set := range sets {
		for _, matcher := range set {
			switch m := matcher.(type) {
			case *caddyhttp.MatchPath:
				c.into.patterns = append(c.into.patterns, *m...)
			case *caddyhttp.MatchPathRE:
				c.into.regexps = append(c.into.regexps, m.Pattern)
			case *caddyhttp.VarsMatcher:
				for _, values := range *m {
					c.into.patterns = append(c.into.patterns, values...)
				}
			case *caddyhttp.MatchVarsRE:
				for _, value := range *m {
					c.into.regexps = append(c.into.regexps, value.Pattern)
				}
			case *caddyhttp.MatchExpression:
				c.expression(m.Expr)
			case *caddyhttp.MatchNot:
				c.sets(m.MatcherSets)
			}
		}
	}
}
