// Package address has the addresses of a block: its redirect URIs, its own paths below
// path_prefix, and the addresses to which a visitor may be redirected.
//
// It knows no sessions and answers no requests.
package address

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
)

// defaultPrefix is the default of path_prefix.
const defaultPrefix = "/instagram_auth"

// Paths has the addresses of a block. Nothing changes them after Serve.
type Paths struct {
	Prefix    string     // path_prefix, without a slash at the end
	Redirects []Redirect // in the order of the option
	Served    []Redirect // those on hosts of the block's site; see Serve
	Secure    bool       // all redirect URIs are https

	origins []string
}

// New returns the paths for the values of path_prefix and redirect_uri. An empty prefix is the
// default. An empty URI is not known yet and is skipped. Errors are *option.Error.
func New(prefix string, uris []string) (*Paths, error) {
	p := &Paths{Prefix: cmp.Or(prefix, defaultPrefix)}
	if !isPlainPath(p.Prefix) || strings.HasSuffix(p.Prefix, "/") {
		return nil, option.Errorf("path_prefix",
			"%q is not a plain path; write one such as %s, without a slash at the end", p.Prefix, defaultPrefix)
	}
	if len(uris) == 0 {
		return nil, option.Errorf("redirect_uri",
			"required: the URI that is registered with Meta, such as https://example.com/auth/")
	}
	for _, uri := range uris {
		if uri == "" {
			continue
		}
		r, err := ParseRedirect(uri)
		if err != nil {
			return nil, option.Errorf("redirect_uri", "%q: %v", uri, err)
		}
		if problem := p.conflict(r); problem != "" {
			return nil, option.Errorf("redirect_uri", "%q: %s", uri, problem)
		}
		p.Redirects = append(p.Redirects, r)
		p.origins = append(p.origins, r.Origin)
	}
	p.Secure = len(p.Redirects) == 0 || strings.HasPrefix(p.Redirects[0].URI, "https:")
	return p, nil
}

// conflict returns why a redirect URI does not fit the other options, "" if it does.
func (p *Paths) conflict(r Redirect) string {
	if r.Path == p.Prefix || strings.HasPrefix(r.Path, p.Prefix+"/") {
		return "its path is below path_prefix; choose another path for one of them"
	}
	for _, other := range p.Redirects {
		if other.Host == r.Host {
			return "its host already has a redirect URI; list one for each host"
		}
		if strings.HasPrefix(other.URI, "https:") != strings.HasPrefix(r.URI, "https:") {
			return "all redirect URIs of a block must have the same scheme; write a block for each scheme"
		}
	}
	return ""
}

// Serve sets Served to the redirect URIs on hosts of the block's site. It reports whether there
// are any: a block without one never sees a callback.
func (p *Paths) Serve(isServed func(host string) bool) bool {
	p.Served = slices.DeleteFunc(slices.Clone(p.Redirects), func(r Redirect) bool { return !isServed(r.Host) })
	return len(p.Served) > 0
}

// RedirectFor returns the redirect URI for the host of a request. [A3]
func (p *Paths) RedirectFor(host string) (Redirect, bool) {
	host = NormalHost(host, p.Secure)
	for _, r := range p.Redirects {
		if r.Host == host {
			return r, true
		}
	}
	return Redirect{}, false
}

// CanonicalFor returns the redirect URI for visitors of a host that has none: that of a related
// host, such as example.com for www.example.com, or else the first one. The request only chooses
// among configured values. Serve must have reported true.
func (p *Paths) CanonicalFor(host string) Redirect {
	host = NormalHost(host, p.Secure)
	for _, r := range p.Served {
		if strings.HasSuffix(host, "."+r.Host) || strings.HasSuffix(r.Host, "."+host) {
			return r
		}
	}
	return p.Served[0]
}

// Safe returns the path form of an address to return to after a login. For an address that is
// not a page of the site, it is the front page. The account page is the one own path to return to:
// the others start a login or answer programs. [R1, R3]
func (p *Paths) Safe(address string) string {
	safe := returnpath.Safe(address, p.origins...)
	if p.IsOwn(safe) && !p.IsAccount(safe) {
		return "/"
	}
	return safe
}

// Parameters of the sign-in link.
const (
	ParamReturnTo       = "return_to"       // the page to return to
	ParamScope          = "scope"           // permissions to request beside the usual ones
	ParamAnotherAccount = "another_account" // "true" lets the visitor choose another account
	ParamFresh          = "fresh"           // "true" lets the visitor sign in at Instagram again
)

// LoginURL returns the address of the sign-in link. more are permissions to request beside the
// usual ones.
func (p *Paths) LoginURL(returnTo string, more ...string) string {
	query := returnQuery(returnTo)
	if len(more) > 0 {
		query = append(query, ParamScope+"="+strings.Join(more, ","))
	}
	return p.loginLink(query)
}

// OtherAccountURL is LoginURL with a choice of account: Instagram does not sign in the current
// one at once.
func (p *Paths) OtherAccountURL(returnTo string) string {
	return p.loginLink(append([]string{ParamAnotherAccount + "=true"}, returnQuery(returnTo)...))
}

// FreshURL is LoginURL with a sign-in at Instagram even for a visitor who is signed in there. [A9]
func (p *Paths) FreshURL(returnTo string, more ...string) string {
	query := append([]string{ParamFresh + "=true"}, returnQuery(returnTo)...)
	if len(more) > 0 {
		query = append(query, ParamScope+"="+strings.Join(more, ","))
	}
	return p.loginLink(query)
}

func returnQuery(returnTo string) []string {
	if returnTo == "/" || returnTo == "" {
		return nil
	}
	return []string{ParamReturnTo + "=" + url.QueryEscape(returnTo)}
}

func (p *Paths) loginLink(query []string) string {
	if len(query) == 0 {
		return p.Of(Login)
	}
	return p.Of(Login) + "?" + strings.Join(query, "&")
}

// SignsIn reports whether visitors can sign in on a host: whether it has a redirect URI.
func (p *Paths) SignsIn(host string) bool {
	_, ok := p.RedirectFor(host)
	return ok
}
