package placement

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Live reports whether a server is one of the running configuration. It is not while the
// configuration is loaded, and no longer once another one has taken its place, even if it still
// answers requests that began before. A handler outside of a server is always live.
func Live(server *caddyhttp.Server) bool {
	if server == nil {
		return true
	}
	app, err := caddy.ActiveContext().AppIfConfigured("http")
	if err != nil {
		return false
	}
	running, ok := app.(*caddyhttp.App)
	return ok && slices.Contains(slices.Collect(maps.Values(running.Servers)), server)
}
