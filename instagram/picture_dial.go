package instagram

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
)

// How pictures are fetched: over connections of their own, to public addresses alone. The
// host of a picture is part of an answer, and a name can resolve to any address. [T3]

var errNotPublic = errors.New("the host of the picture has a private address")

var (
	directPictures  = newPictureTransport(false)
	proxiedPictures = newPictureTransport(true)
)

func newPictureTransport(proxied bool) *http.Transport {
	t := newTransport()
	// One picture of each person in a while is no reason to keep connections.
	t.DisableKeepAlives, t.DisableCompression = true, true
	if !proxied {
		t.Proxy, t.DialContext = nil, dialPicture
	}
	return t
}

// fetchPicture makes the request, through the proxy that the environment names if there is
// one. A proxy looks the host up itself, and its own address may well be private.
func fetchPicture(request *http.Request) (*http.Response, error) {
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		return proxiedPictures.RoundTrip(request)
	}
	return directPictures.RoundTrip(request)
}

// dialPicture connects to a public address, or to a loopback one for a host that says so.
func dialPicture(ctx context.Context, network, address string) (net.Conn, error) {
	return dialPictureWith(ctx, net.Dialer{Timeout: dialTime}, network, address)
}

func dialPictureWith(ctx context.Context, dialer net.Dialer, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	allowed := isPublic
	if isLoopback(host) { // of a simulator: checkPictureURL lets no other pass
		allowed = netip.Addr.IsLoopback
	}
	dialer.Control = func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr().Unmap()) {
			return errNotPublic
		}
		return nil
	}
	return dialer.DialContext(ctx, network, address)
}

// notPublic are the blocks of addresses that no public host has, beside those that netip
// knows, and those that hold an IPv4 address which is reached through another machine.
// [IANA's registries of special-purpose addresses]
var notPublic = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10")

// nat64 are the addresses under which a network without IPv4 reaches IPv4 hosts; the last
// four bytes are the IPv4 address. [RFC 6052]
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

// isPublic reports whether an address can be that of a host on the internet.
func isPublic(a netip.Addr) bool {
	a = a.WithZone("")
	if nat64.Contains(a) {
		last := a.As16()
		a = netip.AddrFrom4([4]byte(last[12:]))
	}
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(notPublic, holds)
}
