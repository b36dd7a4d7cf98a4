package placement

import "github.com/caddyserver/caddy/v2/modules/caddyhttp"

// BeforeErrors puts a handler in front of the error routes of the block's server. It is called last
// in Provision, because it cannot be undone. Caddy compiles the error routes after it has
// provisioned all others. Without a server, or without error routes, it does nothing, and neither
// does it if the handler is there already. The handler must be comparable.
func (p Place) BeforeErrors(server *caddyhttp.Server, handler caddyhttp.MiddlewareHandler) {
	if server == nil || server.Errors == nil || len(server.Errors.Routes) == 0 {
		return
	}
	if p.route == nil {
		// In an error route, Caddy is provisioning those routes at this moment: a copy of the list
		// would lack their handlers. In a named route, they are compiled already.
		return
	}
	if there := server.Errors.Routes[0].Handlers; len(there) > 0 && there[0] == handler {
		return // of another block
	}
	first := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{handler}}
	server.Errors.Routes = append(caddyhttp.RouteList{first}, server.Errors.Routes...)
}
