package instagramauth

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The way of a request through the routes of a server, to see where it ends. The routes
// are walked as Caddy walks them, with Caddy's own matchers; of the handlers, only those
// run that change the request.

// trail follows one request.
type trail struct {
	modules caddy.Context
	server  *caddyhttp.Server
	target  string // the block that it should reach, as canonical JSON
	request *http.Request

	met  bool   // some route has taken it
	end  string // the handler that answered it
	deep int
}

// step says how far a request has come.
type step int

const (
	goesOn  step = iota
	reached      // the block
	ended        // elsewhere, or nowhere
)

// maxDepth bounds routes that invoke themselves.
const maxDepth = 64

// follow sends a request through a server.
func (e *examination) follow(server *caddyhttp.Server, target, method, address string) (*trail, step) {
	t := &trail{modules: e.modules, server: server, target: target}
	u, _ := url.Parse(address) // of a redirect URI, which was parsed before
	request := &http.Request{Method: method, URL: &url.URL{Path: u.Path}, Host: u.Host, Header: make(http.Header), RequestURI: u.Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	t.request = caddyhttp.PrepareRequest(request.WithContext(e.ctx), caddy.NewReplacer(), nobody{}, server)
	return t, t.routes(server.Routes)
}

func (t *trail) routes(list caddyhttp.RouteList) step {
	taken := make(map[string]bool)
	for i := range list {
		route := &list[i]
		if route.Group != "" && taken[route.Group] || !t.matches(*route) {
			continue
		}
		taken[route.Group] = true
		t.met = t.met || len(route.HandlersRaw) > 0
		for _, raw := range route.HandlersRaw {
			if s := t.handler(raw); s != goesOn {
				return s
			}
		}
		if route.Terminal {
			return ended
		}
	}
	return goesOn
}

// matches reports whether a route takes the request. A matcher that cannot be made here
// takes none. The route is a copy: loading uses it up.
func (t *trail) matches(route caddyhttp.Route) (match bool) {
	defer func() {
		if recover() != nil { // a matcher that needs all of Caddy
			match = false
		}
	}()
	var sets caddyhttp.RawMatcherSets
	if err := json.Unmarshal(asJSON(route.MatcherSetsRaw), &sets); err != nil {
		return false
	}
	route.MatcherSetsRaw = sets
	if err := route.ProvisionMatchers(t.modules); err != nil {
		return false
	}
	match, err := route.MatcherSets.AnyMatchWithError(t.request)
	return match && err == nil
}

func asJSON(value any) []byte {
	text, _ := json.Marshal(value) // it was JSON before
	return text
}

// answering are handlers that answer whatever reaches them.
var answering = map[string]bool{"static_response": true, "reverse_proxy": true, "file_server": true, "error": true, "metrics": true, "acme_server": true, "php": true}

// changing are handlers that change the request for those behind them.
var changing = map[string]bool{"rewrite": true, "vars": true}

func (t *trail) handler(raw json.RawMessage) step {
	var h struct {
		Handler        string              `json:"handler"`
		Routes         caddyhttp.RouteList `json:"routes"`
		Name           string              `json:"name"`
		PassThru       bool                `json:"pass_thru"`
		HandleResponse json.RawMessage     `json:"handle_response"`
	}
	var document map[string]any
	if json.Unmarshal(raw, &document) != nil {
		return goesOn
	}
	_ = json.Unmarshal(raw, &h) // of another handler, members may be of another type
	if t.deep++; t.deep > maxDepth {
		return ended
	}
	defer func() { t.deep-- }()
	switch {
	case h.Handler == directive && canonical(document) == t.target:
		return reached
	case h.Handler == "subroute":
		return t.routes(h.Routes)
	case h.Handler == "invoke" && t.server.NamedRoutes[h.Name] != nil:
		return t.routes(caddyhttp.RouteList{*t.server.NamedRoutes[h.Name]})
	case changing[h.Handler]:
		t.change(h.Handler, document)
	case answering[h.Handler] && !h.PassThru && h.HandleResponse == nil:
		t.end = h.Handler
		return ended
	}
	return goesOn
}

// change has a handler change the request.
func (t *trail) change(name string, document map[string]any) {
	delete(document, "handler")
	module, err := t.modules.LoadModuleByID("http.handlers."+name, asJSON(document))
	if err != nil {
		return // Caddy says what is wrong with it
	}
	_ = module.(caddyhttp.MiddlewareHandler).ServeHTTP(nobody{}, t.request, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		t.request = r
		return nil
	}))
}

// nobody is who gets the answers here.
type nobody struct{}

func (nobody) Header() http.Header         { return make(http.Header) }
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) WriteHeader(int)             {}
