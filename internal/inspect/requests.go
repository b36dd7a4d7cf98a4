package inspect

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Requests looks for handlers that change the method of requests for a block's own addresses,
// or take their cookies away: then no sign-in can end.
func (b *Block) Requests(servers []*routes.Server) (found []finding.Finding) {
	add := func(e routes.Ending, f finding.Finding) {
		if e.If() != "" || e.After() != "" {
			f.Status = finding.Look
		}
		if !slices.ContainsFunc(found, func(known finding.Finding) bool { return known.Message == f.Message }) {
			found = append(found, f)
		}
	}
	addresses := []string{b.Paths.Served[0].URI, b.Paths.Served[0].Origin + b.Paths.Of(address.Deauthorize)}
	for i, method := range []string{http.MethodGet, http.MethodPost} {
		address := addresses[i]
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		for _, s := range servers {
			if !s.Has(b) {
				continue
			}
			for _, e := range s.Ends(routes.Request{Method: method, URL: u, Machine: method == http.MethodPost}) {
				if e.Kind != routes.Own || e.Block != routes.Block(b) {
					continue
				}
				if e.Method() != method {
					add(e, finding.Fault(fmt.Sprintf("%s %s reaches this block as %s: it answers 405", method, address, e.Method()), "change the method of other requests only, or after instagram_auth: put both into a route block, instagram_auth first").With("method"))
				}
				for _, change := range e.BeforeBlock() {
					if method == http.MethodGet {
						add(e, cookieFinding(change))
					}
				}
			}
		}
	}
	return found
}

// cookieFinding is for a change of the cookies before a block.
func cookieFinding(change routes.Change) finding.Finding {
	const remedy = "delete or change cookies after instagram_auth: by header_up in reverse_proxy, or in a route block with instagram_auth first"
	for _, effect := range change.Of("Cookie") {
		if effect.Deleted {
			return finding.Fault(change.By+" removes the header Cookie before this block: every sign-in fails as expired, and nobody is signed in", remedy).With(change.By)
		}
	}
	return finding.Doubt(change.By+" changes the header Cookie before this block: it may not find its login and session cookies there", remedy).With(change.By)
}

// byVisitors are the placeholders of what whoever asks can write.
var byVisitors = []string{"{http.request.header.", "{http.request.cookie.", "{http.request.uri", "{http.request.orig_uri", "{http.request.body", "{query}", "{http.request.host"}

// checkIdentity looks at changes behind a block of the headers that tell a site who asks.
func (b *Block) checkIdentity(changes []routes.Change) (found []finding.Finding) {
	for _, change := range changes {
		var deleted, set, open []string
		for _, name := range b.HeaderNames {
			effects := change.Of(name)
			if len(effects) == 0 {
				continue
			}
			switch last := effects[len(effects)-1]; {
			case last.Deleted:
				deleted = append(deleted, name)
			case strings.Contains(last.Value, "{http.auth.user."):
			case slices.ContainsFunc(byVisitors, func(key string) bool { return strings.Contains(last.Value, key) }):
				open = append(open, name)
			default:
				set = append(set, name)
			}
		}
		if len(deleted) > 0 {
			found = append(found, finding.Doubt(fmt.Sprintf("%s deletes %s after this block: your app does not learn who is signed in", change.By, Enumerated(deleted)),
				"do not touch these headers: instagram_auth deletes forged ones itself. Fine if your app should not know").With(change.By))
		}
		if len(open) > 0 {
			found = append(found, finding.Fault(fmt.Sprintf("%s sets %s after this block to what the visitor sends: a signed-in visitor can pose as anybody", change.By, Enumerated(open)),
				"delete that line: instagram_auth sets the header").With(change.By))
		}
		if len(set) > 0 {
			found = append(found, finding.Doubt(fmt.Sprintf("%s changes %s after this block: your app does not learn who is signed in", change.By, Enumerated(set)),
				"delete that line: instagram_auth sets the header. Fine if your app should not know").With(change.By))
		}
	}
	return found
}
