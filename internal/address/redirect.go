package address

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// Redirect is a configured redirect URI and its parts.
type Redirect struct {
	URI    string // byte for byte as configured and as registered with Meta [A3]
	Origin string // scheme, host and port
	Host   string // lower case, without the default port of the scheme
	Path   string
}

// ParseRedirect parses a redirect URI. Its errors say what is wrong and do not repeat the URI.
func ParseRedirect(uri string) (Redirect, error) {
	u, err := url.Parse(uri)
	switch {
	case strings.Contains(uri, "*"):
		return Redirect{}, fmt.Errorf("has a *: Meta allows no wildcards; list the address of each host")
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return Redirect{}, fmt.Errorf("not an absolute URL; write one such as https://example.com/auth/")
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return Redirect{}, fmt.Errorf("plain http is allowed for loopback hosts only; use https")
	case u.Scheme != "https" && u.Scheme != "http":
		return Redirect{}, fmt.Errorf("its scheme is not https; write the whole address, such as https://example.com/auth/")
	case !strings.HasPrefix(uri, u.Scheme+"://"):
		// Meta compares the URI byte for byte.
		return Redirect{}, fmt.Errorf("has capital letters in its scheme; write %s", u.Scheme+uri[len(u.Scheme):])
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(uri, "#"):
		return Redirect{}, fmt.Errorf("has a user name, a query or a fragment; remove them")
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Redirect{}, fmt.Errorf("has a space or a character outside ASCII; write the host in its xn-- form")
	case u.Path == "" || u.Path == "/":
		return Redirect{}, fmt.Errorf("has no path; the front page cannot be the callback; add a path such as /auth/")
	case !isPlainPath(u.Path) || u.RawPath != "" || strings.Contains(uri, "%"):
		return Redirect{}, fmt.Errorf("its path is not plain; " +
			"remove dot segments, double slashes, percent-encoding, commas and semicolons")
	}
	secure := u.Scheme == "https"
	host := NormalHost(u.Host, secure)
	return Redirect{URI: uri, Origin: u.Scheme + "://" + host, Host: host, Path: u.Path}, nil
}

// isPlainPath reports whether a path has only one spelling, so that it can be compared byte for
// byte. [C7]
func isPlainPath(p string) bool {
	for _, b := range []byte(p) {
		letter := 'a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9'
		if !letter && !strings.ContainsRune("/-._~", rune(b)) {
			return false
		}
	}
	trimmed := strings.TrimSuffix(p, "/")
	return len(trimmed) > 1 && trimmed[0] == '/' && path.Clean(trimmed) == trimmed
}

// IsLoopback reports whether a browser reaches a host on its own machine.
func IsLoopback(host string) bool {
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	// Browsers resolve all names in .localhost to loopback. [RFC 6761, 6.3]
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// NormalHost returns the value of a Host header in the form of Redirect.Host. secure is whether
// the request came over https.
func NormalHost(host string, secure bool) string {
	// strings.ToLower would turn some other letters into ASCII, such as the Kelvin sign.
	host = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, host)
	name, port, err := net.SplitHostPort(host)
	if err != nil || port != "" && port != map[bool]string{true: "443", false: "80"}[secure] {
		return host
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}
