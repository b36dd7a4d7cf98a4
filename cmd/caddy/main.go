// Command caddy is Caddy with its standard modules, instagram_auth, the Instagram
// simulator and the command demo. The demo and the end-to-end tests run it; for
// production build with xcaddy, which leaves the simulator and the demo out.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/demo"
	_ "github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func main() {
	caddycmd.RegisterCommand(demo.Command())
	caddycmd.Main()
}
