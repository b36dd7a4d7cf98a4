package limit

import "net/netip"

// A Client is the address that a request came from, and for IPv6 the networks around it. One
// customer of a provider has a /64, a /56 or a /48 of their own, and nothing in the address
// tells which. The zero value is a client without an address, as behind a Unix socket.
type Client struct {
	networks [levels]netip.Prefix
	known    int // of the networks
}

// levels is how many networks a client has at most.
const levels = 3

// lengths are the sizes of these networks.
var lengths = [levels]int{64, 56, 48}

// translated is the prefix of IPv4 addresses that a translator hands to a server with IPv6 alone.
// [RFC 6052, RFC 7755]
var translated = netip.MustParsePrefix("64:ff9b::/96")

// ClientOf returns the client with an address. What is no address is a client without one.
func ClientOf(ip string) (c Client) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return c
	}
	addr = addr.Unmap().WithZone("")
	if translated.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if addr.Is4() {
		c.networks[0], c.known = netip.PrefixFrom(addr, 32), 1
		return c
	}
	for i, bits := range lengths {
		c.networks[i] = netip.PrefixFrom(addr, bits).Masked()
	}
	c.known = levels
	return c
}

// HasAddress reports whether anything is known of a client.
func (c Client) HasAddress() bool { return c.known > 0 }

// Key returns the IPv4 address or the /64 of a client. Those without an address share one key.
func (c Client) Key() string {
	if c.known == 0 {
		return "unknown"
	}
	return c.networks[0].String()
}
