package inspect

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Protection follows anonymous requests for the protected addresses of a block, on each host that
// serves them. It reports a finding once, even if several hosts have it.
func (b *Block) Protection(servers []*routes.Server) (found []finding.Finding) {
	if b.Matchers == nil && b.Handoff {
		return nil // it asks nobody for a session
	}
	origins := b.origins()
	for _, s := range servers {
		switch {
		case !s.Has(b):
			continue
		case s.InErrors(b):
			found = append(found, finding.Fault("nothing is protected: this block is in handle_errors, which only errors reach", "move instagram_auth out of handle_errors"))
			continue
		}
		for i, origin := range slices.Concat(origins, b.otherOrigins(s)) {
			if !s.HasAt(b, origin.Hostname()) {
				continue // returns says that the site does not have the host
			}
			survey := s.Survey(b, origin)
			findings := b.exposed(&survey)
			if i < len(origins) && survey.Asked() == 0 && !b.hasWrongPath() && !s.Reached(b, origin) {
				findings = append(findings, b.unreached(&survey))
			}
			findings = append(findings, b.shown(s.Shown(b, origin))...)
			for _, f := range findings {
				switch same := func(known finding.Finding) bool { return known.Message == f.Message }; {
				case slices.ContainsFunc(found, same):
					continue
				case i > 0:
					f.Message = "on " + origin.Host + " " + f.Message
				}
				found = append(found, f)
			}
		}
	}
	return found
}

// otherOrigins returns the origins of the site on which nobody signs in. The block has to protect
// its addresses there, too.
func (b *Block) otherOrigins(s *routes.Server) (others []*url.URL) {
	origins := b.origins()
	for _, host := range s.Hosts(b) {
		if strings.Contains(host, "{") || slices.ContainsFunc(origins, func(u *url.URL) bool { return address.Accepts(caddyhttp.MatchHost{host}, u.Hostname()) }) {
			continue
		}
		others = append(others, &url.URL{Scheme: origins[0].Scheme, Host: strings.ReplaceAll(host, "*", "any")})
	}
	return others
}

// exposed puts what becomes of the addresses of a block into words.
func (b *Block) exposed(survey *routes.Survey) (found []finding.Finding) {
	for _, a := range grouped(survey, survey.Open) {
		found = append(found, a.open())
	}
	for _, a := range grouped(survey, survey.Doubtful) {
		found = append(found, a.doubt())
	}
	for _, a := range grouped(survey, survey.Earlier) {
		found = append(found, a.earlier())
	}
	for _, a := range grouped(survey, survey.Public) {
		found = append(found, finding.OK("%s public: the configuration has another branch for that, with %s", a.are(), a.by()))
	}
	if len(survey.Early) > 0 {
		found = append(found, finding.Fault(fmt.Sprintf("{http.auth.user.…} has no value in %s, which %s before this block", Enumerated(survey.Early), verb(survey.Early, "comes", "come")), "move instagram_auth above it, or put both into a route block, instagram_auth first"))
	}
	if len(survey.Blank) > 0 {
		found = append(found, finding.Fault("errors handle is set, but no handle_errors answers: visitors see an empty page", "add a handle_errors block for 4xx and 5xx to the site, or delete the option errors"))
	}
	return found
}

// unreached is for a block that asks nobody for a session.
func (b *Block) unreached(survey *routes.Survey) finding.Finding {
	for _, set := range b.Matchers {
		for _, matcher := range set {
			hosts, ok := matcher.(*caddyhttp.MatchHost)
			if ok && !slices.ContainsFunc(b.origins(), func(origin *url.URL) bool { return address.Accepts(*hosts, origin.Hostname()) }) {
				return finding.Fault(fmt.Sprintf("nothing is protected: the matcher of this block is for the host %s, which has no redirect_uri here", Enumerated(*hosts)), "remove host from the matcher: the site has its hosts already")
			}
		}
	}
	ahead := grouped(survey, survey.Ahead)
	if len(ahead) == 0 {
		return finding.Fault("nothing is protected: no address matches the matcher of this block and those of the routes around it",
			"compare the matcher with the addresses of your pages: one address must match all of its lines, and the routes "+
				"around the block. Remove the line that excludes the others")
	}
	return finding.Fault(fmt.Sprintf("no visitor reaches this block: %s answers %s first", ahead[0].by(), ahead[0].paths()), fmt.Sprintf("move instagram_auth above %s", ahead[0].by())).With(ahead[0].by())
}

// alike are addresses that become the same.
type alike struct {
	end       routes.Ending
	addresses []string
}

// grouped puts together what the same handler answers under the same conditions.
func grouped(survey *routes.Survey, verdicts []routes.Verdict) (groups []alike) {
	var order []string
	members := make(map[string][]routes.Verdict)
	for _, v := range verdicts {
		key := fmt.Sprintf("%q", []string{v.End.By, v.End.Where(), v.End.After(), fmt.Sprint(v.End.Status(), v.End.Replaces())})
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], v)
	}
	for _, key := range order {
		groups = append(groups, alike{members[key][0].End, survey.Addresses(members[key])})
	}
	return groups
}

// directives are the names in a Caddyfile of handlers that have another name in JSON.
var directives = map[string]string{"authentication": "basic_auth"}

// by returns the name of the handler that answers.
func (a alike) by() string { return answeredBy(a.end) }

func answeredBy(e routes.Ending) string {
	return cmp.Or(directives[e.By], e.By, "another instagram_auth")
}

// mostNamed is how many addresses a line names.
const mostNamed = 3

func (a alike) paths() string { return Enumerated(a.addresses) }
func (a alike) need() string  { return a.paths() + " " + verb(a.addresses, "needs", "need") }
func (a alike) are() string   { return a.paths() + " " + verb(a.addresses, "is", "are") }

// open is for addresses that are answered without a session.
func (a alike) open() finding.Finding {
	if a.end.Replaces() {
		return finding.Fault(fmt.Sprintf("%s NOT protected: intercept answers instead of this block, by %s", a.are(), a.by()), notIntercepted).With("intercept")
	}
	if a.end.Status() != 0 {
		return finding.Fault(fmt.Sprintf("%s NOT protected: handle_errors serves it, by %s", a.are(), a.by()), "rewrite to an error page in handle_errors before "+a.by()).With(a.by())
	}
	return finding.Fault(fmt.Sprintf("%s NOT protected: %s answers first", a.are(), a.by()), fmt.Sprintf("move instagram_auth above %s, or put both into a route block, instagram_auth first", a.by())).With(a.by())
}

// earlier is for addresses that a route of their own answers before a block for all addresses.
func (a alike) earlier() finding.Finding {
	return finding.Doubt(fmt.Sprintf("%s answered by %s without a session, in front of this block", a.are(), a.by()), fmt.Sprintf("move instagram_auth above %s; if you want this, put it into its own handle block", a.by())).With(a.by())
}

// doubt is for addresses of which it is not known whether they ask for a session.
func (a alike) doubt() finding.Finding {
	if a.end.GivenUp() {
		return finding.Doubt(fmt.Sprintf("this check cannot tell whether %s a session: %s", a.need(), a.end.By), Simpler)
	}
	if unknown := cmp.Or(a.end.After(), a.by()); a.end.Kind == routes.Unclear || a.end.After() != "" {
		return finding.Doubt(fmt.Sprintf("this check cannot tell whether %s a session: %s comes before this block", a.need(), unknown), "make sure that it answers no request itself, or move instagram_auth above it").With(unknown)
	}
	if a.end.Replaces() {
		return finding.Doubt(fmt.Sprintf("%s answered by intercept instead of this block, by %s, where this is so: %s", a.are(), a.by(), a.end.Where()), notIntercepted).With("intercept")
	}
	if a.end.Status() != 0 {
		return finding.Doubt(fmt.Sprintf("this check cannot tell whether handle_errors serves %s, by %s: it depends on %s", a.paths(), a.by(), a.end.Where()), "rewrite to an error page in handle_errors before "+a.by()).With(a.by())
	}
	if a.end.If() == routes.LeftOut {
		f := finding.Doubt(fmt.Sprintf("%s answered by %s without a session where %s", a.are(), a.by(), a.end.If()), "fine if you want this; otherwise let the matcher look at the path only").With(a.by())
		f.Quiet = true
		return f
	}
	remedy := "fine if you want this; otherwise move instagram_auth above " + a.by()
	if strings.HasPrefix(a.end.Where(), routes.NoMatch) {
		remedy = "fine if you want this; otherwise let the matcher look at the path only"
	}
	return finding.Doubt(fmt.Sprintf("%s answered by %s without a session where this is so: %s", a.are(), a.by(), a.end.Where()), remedy).With(a.by())
}
