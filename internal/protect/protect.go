// Package protect decides which requests need a session. It asks the matchers of protect about
// every form in which a server may read an address.
//
// It does not know whether a request has a session.
package protect

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/pathnorm"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Rules say which requests need a session. They are not changed after Provision.
type Rules struct {
	Sets      caddyhttp.MatcherSets // the matchers of protect; nil without that option
	Otherwise bool                  // the result of Required if Sets is nil
	MaxAges   []MaxAge              // the shortest first
	Telemetry *telemetry.Recorder
}

// MaxAge is the time for which a sign-in is fresh enough for some requests.
type MaxAge struct {
	Duration time.Duration
	Sets     caddyhttp.MatcherSets // of these requests; nil for all that protect covers
}

// Required reports whether a request needs a session. It does if a matcher accepts the original
// address or the rewritten one, in any of their forms. For a malformed address, which is to be
// refused, it sets v.Malformed and reports true. [A4, N7]
func (p *Rules) Required(v *request.State) bool {
	return p.protects(v) || slices.ContainsFunc(p.MaxAges, func(age MaxAge) bool { return p.limits(v, age) })
}

// MaxAge returns how old a sign-in may be for a request, and false if it may have any age. The
// shortest time counts. An address in any of its forms is covered, as by Required. [A9]
func (p *Rules) MaxAge(v *request.State) (limit time.Duration, covered bool) {
	for _, age := range p.MaxAges {
		if p.limits(v, age) {
			return age.Duration, true
		}
	}
	return 0, false
}

// Covered returns the matchers of all requests that need a session; nil if no matcher says so.
func (p *Rules) Covered() caddyhttp.MatcherSets {
	if p.Sets == nil {
		return nil
	}
	sets := slices.Clone(p.Sets)
	for _, age := range p.MaxAges {
		sets = append(sets, age.Sets...)
	}
	return sets
}

// limits reports whether a request is one of those that a MaxAge is for.
func (p *Rules) limits(v *request.State, age MaxAge) bool {
	if age.Sets == nil {
		return p.protects(v)
	}
	return p.covers(v, age.Sets)
}

// protects is Required for the option protect alone.
func (p *Rules) protects(v *request.State) bool {
	if p.Sets == nil {
		return p.Otherwise
	}
	return p.covers(v, p.Sets)
}

// covers reports whether one of the sets accepts an address of a request in any of its forms.
func (p *Rules) covers(v *request.State, sets caddyhttp.MatcherSets) bool {
	if p.Matches(v.R, sets) {
		return true
	}
	verdict := pathnorm.Scan(v.OriginalURL)
	if v.R.Method == http.MethodOptions && v.OriginalURL.Path == "*" {
		verdict = pathnorm.Plain // it is about the server, and names no path
	}
	switch {
	case verdict == pathnorm.Malformed:
		v.Malformed = true
		return true
	case verdict == pathnorm.Plain && *v.R.URL == *v.OriginalURL:
		return false
	}
	// Matchers set placeholders. So the address that the site gets is matched last.
	return p.matchesOtherwise(v, sets) || p.Matches(v.R, sets)
}

// matchesOtherwise asks the matchers about all forms of the request's addresses, except the
// current one.
//
// It changes the addresses in place and restores them, also after a panic. Placeholders are
// bound to one request, and a handler in front may have passed on a copy: all matchers see only
// what both requests point to.
func (p *Rules) matchesOtherwise(v *request.State, sets caddyhttp.MatcherSets) bool {
	current, asked, uri := *v.R.URL, *v.OriginalURL, v.R.RequestURI
	restore := func() { *v.R.URL, *v.OriginalURL, v.R.RequestURI = current, asked, uri }
	defer restore()
	if current != asked {
		if pathnorm.Scan(&current) != pathnorm.Plain && p.matchesForm(v, sets, v.R.URL) {
			return true
		}
		restore()
		*v.R.URL, v.R.RequestURI = asked, asked.RequestURI()
		if p.Matches(v.R, sets) {
			return true
		}
	}
	// Matchers may read the original request, too.
	return pathnorm.Scan(&asked) != pathnorm.Plain && p.matchesForm(v, sets, v.R.URL, v.OriginalURL)
}

// matchesForm asks the matchers about each form of the first target. It sets all targets to the
// form.
func (p *Rules) matchesForm(v *request.State, all caddyhttp.MatcherSets, targets ...*url.URL) bool {
	address := *targets[0]
	return pathnorm.AnyForm(&address, func(form pathnorm.Form) bool {
		for _, target := range targets {
			target.Path, target.RawPath = form.Path, form.RawPath
		}
		v.R.RequestURI = v.R.URL.RequestURI()
		sets := all
		if form.Authority {
			sets = naming(sets)
		}
		return len(sets) > 0 && p.Matches(v.R, sets) // an empty list of sets would match everything
	})
}

// naming returns the sets that name what is protected. It leaves out sets that only say which
// paths are public: an address such as //assets/x.png usually comes from a careless template and
// does not mean the host "assets". It must stay public.
func naming(sets caddyhttp.MatcherSets) caddyhttp.MatcherSets {
	return slices.DeleteFunc(slices.Clone(sets), func(set caddyhttp.MatcherSet) bool {
		not, names := false, false
		for _, matcher := range set {
			module, ok := matcher.(caddy.Module)
			if !ok {
				continue
			}
			switch module.CaddyModule().ID.Name() {
			case "not":
				not = true
			case "path", "path_regexp", "expression", "vars", "vars_regexp", "url_pattern":
				names = true
			}
		}
		return not && !names
	})
}

// Matches reports whether any of the sets matches a request. The error of a matcher counts as a
// match, and is logged. [A6]
func (p *Rules) Matches(r *http.Request, sets caddyhttp.MatcherSets) bool {
	match, err := sets.AnyMatchWithError(r)
	if err != nil {
		p.Telemetry.NotifySampled(telemetry.NoticeMatcherFailed, "", err, p.Telemetry.RequestFields(r)...)
	}
	return match || err != nil
}
