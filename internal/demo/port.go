package demo

import (
	"net"
	"slices"
	"strconv"
)

// loopback returns the addresses of this machine that "localhost" may mean in a browser, as a
// Caddyfile writes them. Some containers have no IPv6.
func loopback() []string {
	hosts := []string{"127.0.0.1"}
	if listener, err := net.Listen("tcp", "[::1]:0"); err == nil {
		_ = listener.Close()
		hosts = append(hosts, "[::1]")
	}
	return hosts
}

// isFree reports whether no program listens on a port of one of the hosts. Caddy itself would not
// notice another Caddy there: the two would share the port.
func isFree(port int, hosts []string) bool {
	for _, host := range hosts {
		listener, err := net.Listen("tcp", host+":"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

// preferred returns a port, or the next one that is free and not used otherwise. If there is
// none, it returns the port: then Caddy says what is wrong.
func preferred(port int, hosts []string, used ...int) int {
	for next := port; next < port+100 && next <= lastPort; next++ {
		if !slices.Contains(used, next) && isFree(next, hosts) {
			return next
		}
	}
	return port
}
