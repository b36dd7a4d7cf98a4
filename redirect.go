package instagramauth

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
)

// redirect is one configured redirect URI, taken apart.
type redirect struct {
	uri    string // byte for byte as configured and as registered with Meta [A3]
	origin string // scheme, host and port
	host   string // lower case, without the scheme's own port
	path   string
}

// resolveRedirects checks redirect_uri and path_prefix, which must not overlap.
func (h *Handler) resolveRedirects(s *settings, replace option.Resolver) error {
	s.pathPrefix = cmp.Or(h.PathPrefix, defaultPathPrefix)
	if !isPlainPath(s.pathPrefix) || strings.HasSuffix(s.pathPrefix, "/") {
		return option.Errorf("path_prefix", "%q is not a plain path; write one such as %s, without a slash at the end", s.pathPrefix, defaultPathPrefix)
	}
	if len(h.RedirectURI) == 0 {
		return option.Errorf("redirect_uri", "required: the URI that is registered with Meta, such as https://example.com/auth/")
	}
	uris, err := replace.All("redirect_uri", h.RedirectURI)
	if err != nil {
		return err
	}
	for _, uri := range uris {
		if uri == "" {
			continue // not known before load, see adaptTime
		}
		r, err := parseRedirect(uri)
		if err != nil {
			return option.Errorf("redirect_uri", "%q: %v", uri, err)
		}
		if problem := s.conflict(r); problem != "" {
			return option.Errorf("redirect_uri", "%q: %s", uri, problem)
		}
		s.redirects = append(s.redirects, r)
		s.origins = append(s.origins, r.origin)
	}
	s.secure = len(s.redirects) == 0 || strings.HasPrefix(s.redirects[0].uri, "https:")
	return nil
}

// conflict says what keeps a redirect URI from standing beside the other options.
func (s *settings) conflict(r redirect) string {
	if r.path == s.pathPrefix || strings.HasPrefix(r.path, s.pathPrefix+"/") {
		return "its path lies below path_prefix; choose another path for one of them"
	}
	for _, other := range s.redirects {
		if other.host == r.host {
			return "its host has a redirect URI already; list one for each host"
		}
		if strings.HasPrefix(other.uri, "https:") != strings.HasPrefix(r.uri, "https:") {
			return "all redirect URIs of a block have the same scheme; write a block for each scheme"
		}
	}
	return ""
}

func parseRedirect(uri string) (redirect, error) {
	u, err := url.Parse(uri)
	switch {
	case strings.Contains(uri, "*"):
		return redirect{}, fmt.Errorf("has a *: Meta takes no wildcards; list the address of each host")
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return redirect{}, fmt.Errorf("not an absolute URL; write one such as https://example.com/auth/")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return redirect{}, fmt.Errorf("plain http is for loopback hosts alone; use https")
	case u.Scheme != "https" && u.Scheme != "http":
		return redirect{}, fmt.Errorf("its scheme is not https; write it in whole, such as https://example.com/auth/")
	case !strings.HasPrefix(uri, u.Scheme+"://"):
		// Who sends it on compares it as it is written.
		return redirect{}, fmt.Errorf("has capital letters in its scheme; write %s", u.Scheme+strings.TrimPrefix(uri, uri[:len(u.Scheme)]))
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(uri, "#"):
		return redirect{}, fmt.Errorf("has a user name, a query or a fragment; leave them out")
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }):
		return redirect{}, fmt.Errorf("has a space or a character outside ASCII; write the host in its xn-- form")
	case u.Path == "" || u.Path == "/":
		return redirect{}, fmt.Errorf("has no path of its own; the front page cannot be the callback; write one such as /auth/")
	case !isPlainPath(u.Path) || u.RawPath != "" || strings.Contains(uri, "%"):
		return redirect{}, fmt.Errorf("its path is not plain; leave out dot segments, double slashes, percent-encoding, commas and semicolons")
	}
	secure := u.Scheme == "https"
	host := normalHost(u.Host, secure)
	return redirect{uri: uri, origin: u.Scheme + "://" + host, host: host, path: u.Path}, nil
}

// isPlainPath reports whether a path has one spelling alone, so that comparing
// it byte for byte is enough. [C7]
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

// isLoopback reports whether browsers look for a host on their own machine.
func isLoopback(host string) bool {
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	// All of .localhost is loopback to browsers. [RFC 6761, 6.3]
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// normalHost returns a Host header's value in the form that redirect.host has.
func normalHost(host string, secure bool) string {
	// Not strings.ToLower, which makes ASCII letters of some that are none, such as the
	// Kelvin sign.
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

// redirectFor returns the redirect URI for the host of a request. [A3]
func (s *settings) redirectFor(host string) (redirect, bool) {
	host = normalHost(host, s.secure)
	for _, r := range s.redirects {
		if r.host == host {
			return r, true
		}
	}
	return redirect{}, false
}

// isCallback reports whether an address is a redirect URI. On a host that is not
// configured every callback path counts, so that the answer can say what is wrong.
func (s *settings) isCallback(host, path string) bool {
	if !s.isCallbackPath(path) {
		return false
	}
	r, listed := s.redirectFor(host)
	return !listed || r.path == path
}

// isCallbackPath reports whether a path is that of a redirect URI, of any host.
func (s *settings) isCallbackPath(path string) bool {
	for i := range s.redirects {
		if s.redirects[i].path == path {
			return true
		}
	}
	return false
}
