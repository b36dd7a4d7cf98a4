// Package routes tells where a request would end on an HTTP server of Caddy's, without sending it.
//
// A walk follows one request through the routes as Caddy does, with Caddy's own matchers. Of the
// handlers it runs only those that change the request: rewrite and vars. What a request has beside
// its address, such as a header, is not known beforehand. Where it decides, the walk goes both
// ways.
package routes

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy/fastcgi"
)

// Block is an authentication handler in the routes.
type Block interface {
	// Answers reports whether a request is for an address of the block's own.
	Answers(s *Step) bool
	// Asks tells whether an anonymous request needs a session.
	Asks(s *Step) Answer
	// Protects returns the matchers of what needs a session: nil for all that reaches the block.
	Protects() caddyhttp.MatcherSets
	// RefusesAsErrors reports whether the block's refusals go to Caddy's error routes.
	RefusesAsErrors() bool
}

// A Reader returns the matchers and handlers of a route, provisioned by Caddy or only configured.
type Reader interface {
	Matchers(route *caddyhttp.Route) (caddyhttp.MatcherSets, error)
	// Handlers returns modules, provisioned or not, or an Unknown for what is no module here.
	Handlers(route *caddyhttp.Route) []any
}

// Provisioned reads routes that Caddy has provisioned.
type Provisioned struct{}

// Matchers returns the matchers of a route.
func (Provisioned) Matchers(route *caddyhttp.Route) (caddyhttp.MatcherSets, error) {
	return route.MatcherSets, nil
}

// PassesAll marks a handler of this module that lets every request pass and that no configuration
// names.
type PassesAll interface{ PassesAll() }

// Handlers returns the handlers of a route.
func (Provisioned) Handlers(route *caddyhttp.Route) []any {
	handlers := make([]any, 0, len(route.Handlers))
	for _, handler := range route.Handlers {
		if _, own := handler.(PassesAll); !own {
			handlers = append(handlers, handler)
		}
	}
	return handlers
}

// Unknown is a handler of which only the name is known.
type Unknown struct{ Name string }

// Server is a server whose routes can be walked. It is not safe for concurrent use.
type Server struct {
	Caddy  *caddyhttp.Server
	reader Reader
	// block returns the block that a handler is, nil if it is none.
	block func(handler any) Block

	steps  int              // of all walks
	byHost map[string][]int // the routes of each host, by their places
	others []int            // the routes that any host may take
	whole  *tree
	trees  map[string]*tree   // by host
	guards map[string][]Block // blocks that see each request for a host, "" for any
	early  map[any]bool       // whether handlers read the user
	// invoked are the named routes, each as a list of its own.
	invoked map[string]caddyhttp.RouteList
}

// New returns a server with the routes that a reader gives.
func New(server *caddyhttp.Server, reader Reader, block func(handler any) Block) *Server {
	s := &Server{Caddy: server, reader: reader, block: block, byHost: make(map[string][]int), trees: make(map[string]*tree), early: make(map[any]bool), invoked: make(map[string]caddyhttp.RouteList)}
	for i := range server.Routes {
		hosts, all := s.hostsOf(&server.Routes[i])
		if all {
			s.others = append(s.others, i)
		}
		for _, host := range hosts {
			s.byHost[host] = append(s.byHost[host], i)
		}
	}
	return s
}

// named returns a named route as a list, always the same one: routes are compared by address.
func (s *Server) named(name string) caddyhttp.RouteList {
	if route := s.Caddy.NamedRoutes[name]; route != nil && s.invoked[name] == nil {
		s.invoked[name] = caddyhttp.RouteList{*route}
	}
	return s.invoked[name]
}

// hostsOf returns the hosts that a route is for; all says that others may take it, too.
func (s *Server) hostsOf(route *caddyhttp.Route) (hosts []string, all bool) {
	sets, err := s.reader.Matchers(route)
	if err != nil || len(sets) == 0 {
		return nil, true
	}
	for _, set := range sets {
		i := slices.IndexFunc(set, isHost)
		if i < 0 {
			return nil, true
		}
		for _, host := range *set[i].(*caddyhttp.MatchHost) {
			if strings.ContainsAny(host, "*{") { // several names
				return nil, true
			}
			hosts = append(hosts, strings.ToLower(host))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), false
}

// candidates returns the places of the routes that a request for a host may take, in order.
func (s *Server) candidates(host string) []int {
	own := s.byHost[strings.ToLower(host)]
	if len(s.others) == 0 {
		return own
	}
	places := slices.Concat(own, s.others)
	slices.Sort(places)
	return places
}

// called returns the name of a handler as people know it from a Caddyfile.
func called(handler any) string {
	switch h := handler.(type) {
	case *caddyhttp.StaticResponse:
		return "respond"
	case *headers.Handler:
		if h.Response == nil {
			return "request_header"
		}
		return "header"
	case *caddyhttp.VarsMiddleware:
		if _, is := (*h)["root"]; is && len(*h) == 1 {
			return "root"
		}
	case *reverseproxy.Handler:
		if isFastCGI(h) {
			return "php_fastcgi"
		}
	}
	return name(handler)
}

// isFastCGI reports whether a proxy speaks FastCGI, provisioned or not.
func isFastCGI(h *reverseproxy.Handler) bool {
	if _, is := h.Transport.(*fastcgi.Transport); is {
		return true
	}
	var transport struct{ Protocol string }
	return json.Unmarshal(h.TransportRaw, &transport) == nil && transport.Protocol == "fastcgi"
}

// name returns the name of a handler or matcher, as it stands in the configuration.
func name(module any) string {
	switch module := module.(type) {
	case Unknown:
		return module.Name
	case caddy.Module:
		return module.CaddyModule().ID.Name()
	}
	return "a handler without a name"
}
