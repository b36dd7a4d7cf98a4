// Command production is Caddy with its standard modules and instagram_auth, as xcaddy
// would build it: without the simulator.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
)

func main() {
	caddycmd.Main()
}
