// Command caddy is the project's cmd/caddy with a storage in Redis, for the tests of
// clusters, and one that fails on command, for those of faults.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
	_ "github.com/caddy-instagram/caddy-instagram-auth/e2e/faultystorage"
	_ "github.com/caddy-instagram/caddy-instagram-auth/e2e/redisstorage"
	_ "github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func main() {
	caddycmd.Main()
}
