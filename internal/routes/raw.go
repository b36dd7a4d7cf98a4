package routes

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
	if called == "rewrite" {         // is provisioned, because a walk has it change requests
		if module, err := r.modules.LoadModuleByID("http.handlers.rewrite", rest); err == nil {
			return module
		}
		return Unknown{called}
	}
	if !slices.Contains(decoded, called) {
		return Unknown{called}
	}
	info, err := caddy.GetModule("http.handlers." + called)
	if err != nil {
		return Unknown{called}
	}
	module := info.New()
	if json.Unmarshal(rest, module) != nil {
		return Unknown{called}
	}
	return module
}

// decoded are Caddy's handlers whose options a walk reads.
var decoded = []string{
	"subroute", "invoke", "vars", "static_response", "error", "authentication", "request_body",
	"file_server", "intercept", "headers", "reverse_proxy",
}
