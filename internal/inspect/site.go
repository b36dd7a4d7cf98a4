package inspect

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// site looks at the hosts of a block's site, its addresses of Instagram, and what happens to
// its cookies.
func (b *Block) site(servers []*routes.Server) []finding.Finding {
	found := slices.Concat(b.Options(), b.Hosts(servers), b.Capitals(), b.OpenPages(servers), b.Requests(servers), b.Responses(servers))
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Status == finding.Fine })
}

// Hosts looks for hosts of the site on which nobody can sign in.
func (b *Block) Hosts(servers []*routes.Server) (found []finding.Finding) {
	var hosts []string
	for _, s := range servers {
		for _, host := range s.Hosts(b) {
			if !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, host := range hosts {
		if strings.Contains(host, "{") {
			continue // only Caddy knows which host that is
		}
		var own []string
		for _, r := range b.Paths.Redirects {
			if address.Accepts(caddyhttp.MatchHost{host}, r.Host) {
				own = append(own, r.Host)
			}
		}
		to := b.Paths.CanonicalFor(host).Origin
		const remedy = "list a redirect_uri for each host that visitors sign in on, and register it with Meta; fine as it is if all of them should go to the other host"
		switch {
		case len(own) == 0:
			found = append(found, finding.Doubt(fmt.Sprintf("nobody can sign in on %s, which has no redirect_uri: its visitors are sent to %s", host, to), remedy))
		case strings.Contains(host, "*"):
			some := finding.Doubt(fmt.Sprintf("of %s, visitors can sign in only on %s: visitors of the others are sent there", host, strings.Join(own, ", ")), remedy)
			some.Quiet = true // nobody knows which hosts there are
			found = append(found, some)
		}
	}
	return found
}

// Capitals looks for hosts that no browser spells like that.
func (b *Block) Capitals() (found []finding.Finding) {
	for _, r := range b.Paths.Redirects {
		if u, err := url.Parse(r.URI); err == nil && u.Host != strings.ToLower(u.Host) {
			found = append(found, finding.Doubt(fmt.Sprintf("redirect_uri %s has capital letters in its host: Meta compares it byte for byte with what is registered", r.URI), "write the host in lower case, here and in Meta's dashboard"))
		}
	}
	return found
}

// OpenPages looks for paths of the site that pages show to visitors who are not signed in, and that
// need a session.
func (b *Block) OpenPages(servers []*routes.Server) (found []finding.Finding) {
	for _, option := range slices.Sorted(maps.Keys(b.Public)) {
		path := b.Public[option]
		u, err := url.Parse(b.Paths.Served[0].Origin + path)
		if err != nil || !strings.HasPrefix(path, "/") {
			continue // of another site
		}
		for _, s := range servers {
			if s.Has(b) && slices.ContainsFunc(s.Ends(routes.Request{Method: http.MethodGet, URL: u}), b.asksFor) {
				found = append(found, finding.Doubt(fmt.Sprintf("%s: %s needs a session, and visitors who are not signed in see it on the pages", option, path),
					"exclude the path from the matcher of instagram_auth, or write the address of a public page"))
				break
			}
		}
	}
	return found
}

// asksFor reports whether a request ends at this block because nobody is signed in.
func (b *Block) asksFor(e routes.Ending) bool {
	return e.Kind == routes.Gated && e.Block == routes.Block(b) && e.If() == ""
}

// Responses looks for handlers that change the cookies of a login on their way to the browser.
func (b *Block) Responses(servers []*routes.Server) (found []finding.Finding) {
	login, err := url.Parse(b.Paths.Served[0].Origin + b.Paths.Of(address.Login))
	if err != nil {
		return nil
	}
	cookie, err := b.Cookie(login.String())
	if err != nil {
		return nil
	}
	add := func(f finding.Finding) {
		if f.Status != finding.Fine && !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	for _, s := range servers {
		if !s.Has(b) {
			continue
		}
		for _, end := range s.Ends(routes.Request{Method: http.MethodGet, URL: login}) {
			if end.Kind == routes.Own && end.Block == routes.Block(b) {
				add(finding.Cookie("header", cookie, end.Cookies(http.StatusFound, []string{cookie})))
			}
		}
		for _, front := range servers {
			for _, cookies := range front.Through(s, http.StatusFound, []string{cookie}) {
				add(finding.Cookie("header_down of the reverse_proxy to "+strings.Join(s.Caddy.Listen, ", "), cookie, cookies))
			}
		}
	}
	return found
}
