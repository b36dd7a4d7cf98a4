package protect

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/pathnorm"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Which requests need a session: the matchers of `protect` are asked about every way in which
// servers read an address.

// Rules say which requests need a session.
type Rules struct {
	Sets      caddyhttp.MatcherSets // those of `protect`; nil without that option
	Otherwise bool                  // what counts without matchers
	Telemetry *telemetry.Recorder
}

// Required reports whether a request needs a session: if a matcher accepts the address that was
// asked for, or the one that it was rewritten to, in any of its forms. A malformed address is
// refused, which is noted in v. [A4, N7]
func (p *Rules) Required(v *request.State) bool {
	if p.Sets == nil {
		return p.Otherwise
	}
	if p.Matches(v.R, p.Sets) {
		return true
	}
	verdict := pathnorm.Scan(v.OriginalURL)
	if v.R.Method == http.MethodOptions && v.OriginalURL.Path == "*" {
		verdict = pathnorm.Plain // it asks about the server, and names no path
	}
	switch {
	case verdict == pathnorm.Malformed:
		v.Malformed = true
		return true
	case verdict == pathnorm.Plain && *v.R.URL == *v.OriginalURL:
		return false
	}
	// Matchers leave what they have found in placeholders. The last one to be asked about is
	// therefore the address that the site gets.
	return p.matchesOtherwise(v) || p.Matches(v.R, p.Sets)
}

// matchesOtherwise asks the matchers about all forms of the request's addresses but the current one.
//
// The addresses are changed in place and put back, also after a panic. Placeholders are bound to
// one request, and a handler in front may have passed a copy of it on: only what both point to
// is seen by all matchers.
func (p *Rules) matchesOtherwise(v *request.State) bool {
	current, asked, uri := *v.R.URL, *v.OriginalURL, v.R.RequestURI
	restore := func() { *v.R.URL, *v.OriginalURL, v.R.RequestURI = current, asked, uri }
	defer restore()
	if current != asked {
		if pathnorm.Scan(&current) != pathnorm.Plain && p.matchesForm(v, v.R.URL) {
			return true
		}
		restore()
		*v.R.URL, v.R.RequestURI = asked, asked.RequestURI()
		if p.Matches(v.R, p.Sets) {
			return true
		}
	}
	// Matchers may look at the original request, too.
	return pathnorm.Scan(&asked) != pathnorm.Plain && p.matchesForm(v, v.R.URL, v.OriginalURL)
}

// matchesForm asks about the forms of the first of targets, and gives all of them each form.
func (p *Rules) matchesForm(v *request.State, targets ...*url.URL) bool {
	address := *targets[0]
	return pathnorm.AnyForm(&address, func(form pathnorm.Form) bool {
		for _, target := range targets {
			target.Path, target.RawPath = form.Path, form.RawPath
		}
		v.R.RequestURI = v.R.URL.RequestURI()
		sets := p.Sets
		if form.Authority {
			sets = naming(sets)
		}
		return len(sets) > 0 && p.Matches(v.R, sets) // no set at all would match everything
	})
}

// naming leaves out the sets that only say which paths are public. A path such as //assets/x.png
// comes from a careless template far more often than from somebody who means the host "assets", and
// must stay public.
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

// Matches asks matcher sets about a request. An error of a matcher counts as yes. [A6]
func (p *Rules) Matches(r *http.Request, sets caddyhttp.MatcherSets) bool {
	match, err := sets.AnyMatchWithError(r)
	if err != nil {
		p.Telemetry.NotifySampled(telemetry.NoticeMatcherFailed, "", err, p.Telemetry.RequestFields(r)...)
	}
	return match || err != nil
}
