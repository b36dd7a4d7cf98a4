// Command caddy is Caddy with its standard modules, instagram_auth and the
// Instagram simulator. The demo and the end-to-end tests run it; for production
// build with xcaddy, which leaves the simulator out.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
	_ "github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func main() {
	caddycmd.Main()
}
