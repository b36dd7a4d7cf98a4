package placement

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// branches finds blocks with the same options in branches of a route, such as two handle blocks.
// A request takes only one, so the same block in both, such as an imported snippet, is no conflict.
type branches struct {
	options Digest
	digest  func(block json.RawMessage) (Digest, error)
}

const directive = "instagram_auth"

// rawRoute is the part of Caddy's route that decides which handlers run.
type rawRoute struct {
	Group    string            `json:"group"`
	Terminal bool              `json:"terminal"`
	Handle   []json.RawMessage `json:"handle"`
}

// rawHandler is the part of a handler with routes of its own that decides which of them run.
type rawHandler struct {
	Handler string     `json:"handler"`
	Routes  []rawRoute `json:"routes"`
	Errors  *struct {
		Routes []rawRoute `json:"routes"`
	} `json:"errors"`
}

// apart reports whether no request passes two blocks with these options within a route. The
// route must not have loaded its handlers yet. If the configuration does not tell, it is false.
func (b branches) apart(route *caddyhttp.Route) bool {
	return b.onOneWay([]rawRoute{{Handle: route.HandlersRaw}}) <= 1
}

// onOneWay returns an upper bound for the blocks with these options that one request passes in
// routes. Only one route of a group runs, and only one of the terminal routes.
func (b branches) onOneWay(routes []rawRoute) (total int) {
	const terminals = "\x00" // cannot be the name of a group
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

// in returns the same bound for one handler.
func (b branches) in(raw json.RawMessage) int {
	var handler rawHandler
	if err := json.Unmarshal(raw, &handler); err != nil {
		return len(raw) // cannot be parsed: assume the worst
	}
	switch handler.Handler {
	case directive:
		switch sum, err := b.digest(raw); {
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

// anywhere counts all blocks within a handler that chooses among routes in an unknown way.
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
