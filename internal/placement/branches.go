package placement

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Within one site, blocks may stand in branches of which each request takes one: two `handle`
// blocks are such branches. The same block in both, such as an imported snippet, is one
// instance, because no request ever passes two of them.

// branches looks for blocks with the same options in the branches of a route.
type branches struct {
	options Digest
	digest  func(block json.RawMessage) (Digest, error)
}

const directive = "instagram_auth"

// rawRoute is a route of Caddy's, as far as it decides which handlers run.
type rawRoute struct {
	Group    string            `json:"group"`
	Terminal bool              `json:"terminal"`
	Handle   []json.RawMessage `json:"handle"`
}

// rawHandler is a handler of Caddy's that has routes of its own.
type rawHandler struct {
	Handler string     `json:"handler"`
	Routes  []rawRoute `json:"routes"`
	Errors  *struct {
		Routes []rawRoute `json:"routes"`
	} `json:"errors"`
}

// apart reports whether no request passes two blocks with these options within a route, which
// must not have loaded its handlers yet. Where that cannot be told, it is false.
func (b branches) apart(route *caddyhttp.Route) bool {
	return b.onOneWay([]rawRoute{{Handle: route.HandlersRaw}}) <= 1
}

// onOneWay returns how many blocks with these options one request may pass in routes, or
// more than that. Of a group only one route runs, and of the terminal ones as well.
func (b branches) onOneWay(routes []rawRoute) (total int) {
	const terminals = "\x00" // no name of a group
	alternatives := make(map[string]int)
	for _, route := range routes {
		count := 0
		for _, raw := range route.Handle {
			count += b.in(raw)
		}
		group := route.Group
		if group == "" && route.Terminal {
			group = terminals
		}
		if group == "" {
			total += count
		} else {
			alternatives[group] = max(alternatives[group], count)
		}
	}
	for _, count := range alternatives {
		total += count
	}
	return total
}

// in is onOneWay for one handler.
func (b branches) in(raw json.RawMessage) int {
	var handler rawHandler
	if err := json.Unmarshal(raw, &handler); err != nil {
		return len(raw) // nothing is known of it
	}
	switch handler.Handler {
	case directive:
		sum, err := b.digest(raw)
		switch {
		case err != nil:
			return len(raw)
		case sum != b.options:
			return 0
		}
		return 1
	case "subroute":
		count := b.onOneWay(handler.Routes)
		if handler.Errors != nil {
			count += b.onOneWay(handler.Errors.Routes)
		}
		return count
	}
	var inside any
	if err := json.Unmarshal(raw, &inside); err != nil {
		return len(raw)
	}
	return anywhere(inside)
}

// anywhere counts blocks within a handler whose way of choosing among them is unknown.
func anywhere(value any) (count int) {
	switch value := value.(type) {
	case map[string]any:
		if value["handler"] == directive {
			count++
		}
		for _, member := range value {
			count += anywhere(member)
		}
	case []any:
		for _, member := range value {
			count += anywhere(member)
		}
	}
	return count
}
