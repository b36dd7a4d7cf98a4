package routes

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/requestbody"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// Raw reads routes of a configuration that Caddy has not loaded. It loads their matchers, and of
// the handlers only the rewrites. The options of others are decoded; a handler by others is not
// even made.
type Raw struct {
	modules  caddy.Context
	block    func(raw json.RawMessage) any
	matchers map[*caddyhttp.Route]loaded
	handlers map[*caddyhttp.Route][]any
}

type loaded struct {
	sets caddyhttp.MatcherSets
	err  error
}

// NewRaw returns a reader that loads modules in a context. block returns what stands for a handler
// that is an authentication block, nil for any other.
func NewRaw(modules caddy.Context, block func(raw json.RawMessage) any) *Raw {
	return &Raw{modules, block, make(map[*caddyhttp.Route]loaded), make(map[*caddyhttp.Route][]any)}
}

// Matchers loads the matchers of a route.
func (r *Raw) Matchers(route *caddyhttp.Route) (caddyhttp.MatcherSets, error) {
	known, ok := r.matchers[route]
	if !ok {
		known.sets, known.err = r.LoadMatchers(route.MatcherSetsRaw)
		r.matchers[route] = known
	}
	return known.sets, known.err
}

// LoadMatchers loads matcher sets, and leaves what it is given as it is.
func (r *Raw) LoadMatchers(raw caddyhttp.RawMatcherSets) (sets caddyhttp.MatcherSets, err error) {
	defer func() {
		if p := recover(); p != nil { // a matcher that needs all of Caddy
			err = fmt.Errorf("loading matchers: %v", p)
		}
	}()
	var route caddyhttp.Route
	text, err := json.Marshal(raw)
	if err == nil {
		err = json.Unmarshal(text, &route.MatcherSetsRaw) // loading uses it up
	}
	if err == nil {
		err = route.ProvisionMatchers(r.modules)
	}
	return route.MatcherSets, err
}

// Handlers returns what a walk has to know of the handlers of a route.
func (r *Raw) Handlers(route *caddyhttp.Route) []any {
	known, ok := r.handlers[route]
	if !ok {
		for _, raw := range route.HandlersRaw {
			known = append(known, r.handler(raw))
		}
		r.handlers[route] = known
	}
	return known
}

func (r *Raw) handler(raw json.RawMessage) any {
	if block := r.block(raw); block != nil {
		return block
	}
	var options map[string]json.RawMessage
	var called string
	if json.Unmarshal(raw, &options) != nil || json.Unmarshal(options["handler"], &called) != nil {
		return Unknown{"a handler without a name"}
	}
	delete(options, "handler")
	rest, _ := json.Marshal(options) // it was JSON before
	var module any
	switch called {
	case "subroute":
		module = new(caddyhttp.Subroute)
	case "invoke":
		module = new(caddyhttp.Invoke)
	case "vars":
		module = new(caddyhttp.VarsMiddleware)
	case "static_response":
		module = new(caddyhttp.StaticResponse)
	case "error":
		module = new(caddyhttp.StaticError)
	case "authentication":
		module = new(caddyauth.Authentication)
	case "request_body":
		module = new(requestbody.RequestBody)
	case "file_server":
		module = new(fileserver.FileServer)
	case "intercept":
		module = new(intercept.Intercept)
	case "headers":
		module = new(headers.Handler)
	case "reverse_proxy":
		module = new(reverseproxy.Handler)
	case "rewrite":
		return r.rewrite(rest)
	default:
		return Unknown{called}
	}
	if err := json.Unmarshal(rest, module); err != nil {
		return Unknown{called}
	}
	return module
}

// rewrite is made whole, because a walk has it change requests.
func (r *Raw) rewrite(options json.RawMessage) any {
	module, err := r.modules.LoadModuleByID("http.handlers.rewrite", options)
	if h, ok := module.(*rewrite.Rewrite); ok && err == nil {
		return h
	}
	return Unknown{"rewrite"}
}
