package demo

import (
	"net"
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

// ports are ports that a demo has chosen. Between the choice and the moment when Caddy listens,
// another demo must not choose the same port. So each port is held by a UDP socket of the same
// number, which only one process can have and which does not stand in Caddy's way.
type ports struct{ held []net.PacketConn }

// take holds a port if no program listens on it and no other demo holds it, and reports whether
// that is so.
func (p *ports) take(port int, hosts []string) bool {
	socket, err := net.ListenPacket("udp", hosts[0]+":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	if !isFree(port, hosts) {
		_ = socket.Close()
		return false
	}
	p.held = append(p.held, socket)
	return true
}

// takeNext takes a port, or the next one that it can take, and returns it. If there is none, it
// returns the port: then Caddy says what is wrong.
func (p *ports) takeNext(port int, hosts []string) int {
	for next := port; next < port+100 && next <= lastPort; next++ {
		if p.take(next, hosts) {
			return next
		}
	}
	return port
}

// release lets other demos have the ports.
func (p *ports) release() {
	for _, socket := range p.held {
		_ = socket.Close()
	}
	p.held = nil
}
