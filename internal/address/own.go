package address

import (
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

// Own is one of the paths that the handler answers itself.
type Own uint8

// The own paths. All but the redirect URI lie below path_prefix.
const (
	None Own = iota
	Callback
	Login
	Logout
	Account
	Refused
	Userinfo
	Picture
	Deauthorize
	DataDeletion
)

var ownPaths = [...]string{
	Login: "/login", Logout: "/logout", Account: "/account", Refused: "/refused", Userinfo: "/userinfo", Picture: "/picture",
	Deauthorize: "/deauthorize", DataDeletion: "/data_deletion",
}

// Of returns the path of own, which must be neither None nor Callback.
func (p *Paths) Of(own Own) string { return p.Prefix + ownPaths[own] }

// Own returns which own path an address is. Only the plain spelling of a path counts: RawPath is
// set if the address has escapes that Go has decoded in Path. [C7]
func (p *Paths) Own(u *url.URL, host string) Own {
	if u.RawPath != "" {
		return None
	}
	if p.isCallback(host, u.Path) {
		return Callback
	}
	rest, below := strings.CutPrefix(u.Path, p.Prefix)
	if !below || rest == "" {
		return None
	}
	return Own(max(slices.Index(ownPaths[:], rest), 0)) // the first one is None
}

// isCallback reports whether an address is a redirect URI. On a host without one, every callback
// path counts, so that the response can say what is wrong.
func (p *Paths) isCallback(host, path string) bool {
	if !p.IsCallbackPath(path) {
		return false
	}
	r, listed := p.RedirectFor(host)
	return !listed || r.Path == path
}

// IsCallbackPath reports whether a path is that of a redirect URI on any host.
func (p *Paths) IsCallbackPath(path string) bool {
	return slices.ContainsFunc(p.Redirects, func(r Redirect) bool { return r.Path == path })
}

// IsBelow reports whether a path is path_prefix, or below it.
func (p *Paths) IsBelow(path string) bool {
	return path == p.Prefix || strings.HasPrefix(path, p.Prefix+"/")
}

// IsAccount reports whether a path form is the account page in its plain spelling, with or without
// a query.
func (p *Paths) IsAccount(pathForm string) bool {
	rest, found := strings.CutPrefix(pathForm, p.Of(Account))
	return found && (rest == "" || rest[0] == '?' || rest[0] == '#')
}

// IsOwn reports whether a path form leads to an own path. [A7, R3]
func (p *Paths) IsOwn(pathForm string) bool {
	path := returnpath.Path(pathForm)
	return p.IsCallbackPath(path) || p.IsBelow(path)
}
