package instagramauth

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Within one site, blocks may stand in branches of which each request takes one: two `handle`
// blocks are such branches. The same block in both, such as an imported snippet, is one
// instance, because no request ever passes two of them.

// digest returns what tells the options of two blocks apart. Their matchers may differ.
func (h *Handler) digest() (sum [sha256.Size]byte, err error) {
	options, err := json.Marshal(h)
	if err != nil {
		return sum, fmt.Errorf("comparing options: %w", err)
	}
	return sha256.Sum256(options), nil
}

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
func apart(route *caddyhttp.Route, options [sha256.Size]byte) bool {
	return blocksOnOneWay([]rawRoute{{Handle: route.HandlersRaw}}, options) <= 1
}

// blocksOnOneWay returns how many blocks with these options one request may pass in routes, or
// more than that. Of a group only one route runs, and of the terminal ones as well.
func blocksOnOneWay(routes []rawRoute, options [sha256.Size]byte) (total int) {
	const terminals = "\x00" // no name of a group
	alternatives := make(map[string]int)
	for _, route := range routes {
		count := 0
		for _, raw := range route.Handle {
			count += blocksIn(raw, options)
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

// blocksIn is blocksOnOneWay for one handler.
func blocksIn(raw json.RawMessage, options [sha256.Size]byte) int {
	var handler rawHandler
	if err := json.Unmarshal(raw, &handler); err != nil {
		return len(raw) // nothing is known of it
	}
	switch handler.Handler {
	case directive:
		var block Handler
		if err := json.Unmarshal(raw, &block); err != nil {
			return len(raw)
		}
		block.ProtectRaw = nil
		if sum, err := block.digest(); err == nil && sum != options {
			return 0
		}
		return 1
	case "subroute":
		count := blocksOnOneWay(handler.Routes, options)
		if handler.Errors != nil {
			count += blocksOnOneWay(handler.Errors.Routes, options)
		}
		return count
	}
	var inside any
	if err := json.Unmarshal(raw, &inside); err != nil {
		return len(raw)
	}
	return blocksAnywhere(inside)
}

// blocksAnywhere counts blocks within a handler whose way of choosing among them is unknown.
func blocksAnywhere(value any) (count int) {
	switch value := value.(type) {
	case map[string]any:
		if value["handler"] == directive {
			count++
		}
		for _, member := range value {
			count += blocksAnywhere(member)
		}
	case []any:
		for _, member := range value {
			count += blocksAnywhere(member)
		}
	}
	return count
}
