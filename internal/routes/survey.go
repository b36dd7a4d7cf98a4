package routes

import (
	"cmp"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Verdict is the result of an anonymous request for one address.
type Verdict struct {
	Path string
	End  Ending // the one that decides
}

// Survey has the results for samples of the addresses that a block has to protect.
type Survey struct {
	Open     []Verdict // answered without a session
	Doubtful []Verdict // maybe: it depends on unknown facts, or on an unknown handler
	Public   []Verdict // answered by a route that the configuration has for them instead
	Earlier  []Verdict // answered by a route for some addresses in front of a block for all
	Ahead    []Verdict // answered with a refusal or a redirect before the block sees them
	Gated    int       // how many ask for a session, whatever way they take
	Early    []string  // what reads the user before the block has set one
	Blank    []Verdict // refusals that go to Caddy's error routes, of which none answers

	patterns []string // of what the block is to protect
	tried    int
	all      bool // the block is to protect all that reaches it
}

// Asked is how many addresses ask for a session, or should.
func (v *Survey) Asked() int {
	return v.Gated + len(v.Open) + len(v.Doubtful) + len(v.Earlier)
}

// Addresses names the addresses of verdicts, by a pattern where they are all that was tried of it.
func (v *Survey) Addresses(verdicts []Verdict) (names []string) {
	if v.all && len(verdicts) == v.tried {
		return []string{"every address"}
	}
	rest := make([]string, len(verdicts))
	for i := range verdicts {
		rest[i] = verdicts[i].Path
	}
	for _, pattern := range v.patterns {
		tried := ofPattern(pattern)
		if len(tried) == 0 || slices.Contains(names, pattern) || slices.ContainsFunc(tried, func(path string) bool { return !slices.Contains(rest, path) }) {
			continue
		}
		if plausible(pattern) {
			names = append(names, pattern)
		}
		below := caddyhttp.MatchPath{pattern}
		if below.Provision(caddy.Context{}) != nil {
			continue
		}
		rest = slices.DeleteFunc(rest, func(path string) bool {
			at := &url.URL{Scheme: "https", Host: within}
			addressed(at, path)
			return newStep(&Request{Method: http.MethodGet, URL: at}).ask(&below).Answer == Yes
		})
	}
	// Samples that were made from expressions and maps need not look like addresses.
	if shown := slices.DeleteFunc(slices.Clone(rest), func(path string) bool { return !plausible(path) }); len(names)+len(shown) > 0 {
		rest = shown
	}
	return append(names, rest...)
}

// plausible reports whether a text looks like a path or a pattern, and not like try_… of file().
func plausible(path string) bool {
	return (strings.HasPrefix(path, "/") || strings.HasPrefix(path, "*")) && !strings.ContainsAny(path, "^$()[]{}|\\+?") && !strings.HasPrefix(path, "/try_")
}

// Survey tries the addresses that a block is to protect at an origin.
func (s *Server) Survey(b Block, origin *url.URL) Survey {
	var result Survey
	places := s.placesOf(b)
	result.patterns = patternsOf(b.Protects())
	if result.all = b.Protects() == nil; result.all {
		for _, p := range places {
			result.patterns = append(result.patterns, patternsOf(p.matchers...)...)
		}
	}
	at := s.lookAt(origin.Hostname())
	result.patterns = slices.Concat(result.patterns, at.patterns, at.guarded)
	for request := range s.visits(b, origin) {
		result.tried++
		result.add(cmp.Or(request.URL.RawPath, request.URL.Path), s.Ends(request), b, places)
	}
	return result
}

// visits returns requests for what a block is to protect.
func (s *Server) visits(b Block, origin *url.URL) iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for request, meant := range s.samples(b, origin) {
			if meant && !yield(request) {
				return
			}
		}
	}
}

// samples returns requests for all samples at an origin, and whether a block is to protect them.
func (s *Server) samples(b Block, origin *url.URL) iter.Seq2[Request, bool] {
	at := s.lookAt(origin.Hostname())
	places, probe := at.placesOf(b), s.probe(origin)
	own := probe.filled(patternsOf(b.Protects()))
	var outer []string
	for _, p := range places {
		outer = append(outer, probe.filled(patternsOf(p.matchers...))...)
	}
	return func(yield func(Request, bool) bool) {
		for _, path := range at.samples(slices.Concat(own, outer, at.joined(outer, own))) {
			if request := probe.move(path); !yield(request, at.isFor(b, places, own, probe)) {
				return
			}
		}
	}
}

// filled returns patterns with the values of the placeholders in them that are known.
func (s *Step) filled(patterns []string) []string {
	patterns = slices.Clone(patterns)
	for i, pattern := range patterns {
		if strings.Contains(pattern, "{") && s.decides(pattern) {
			patterns[i] = replacer(s.Request).ReplaceAll(pattern, "")
		}
	}
	return patterns
}

// Reached reports whether any address that was tried leads to a block, meant or not.
func (s *Server) Reached(b Block, origin *url.URL) bool {
	for request := range s.samples(b, origin) {
		if slices.ContainsFunc(s.Ends(request), func(e Ending) bool { return e.Kind == Gated && e.Block == b }) {
			return true
		}
	}
	return false
}

// probe returns a step that move sends to many addresses, to ask matchers about them.
func (s *Server) probe(origin *url.URL) *Step {
	return newStep(&Request{Method: http.MethodGet, URL: &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: "/"}, Any: true})
}

// move gives a probe the path of a sample, and returns a request for it.
func (s *Step) move(path string) Request {
	u := &url.URL{Scheme: s.of.URL.Scheme, Host: s.of.URL.Host}
	for _, u := range []*url.URL{s.Request.URL, s.Asked, u} {
		addressed(u, path)
	}
	return Request{Method: http.MethodGet, URL: u, Any: true}
}

func (t *tree) placesOf(b Block) (places []place) {
	for _, at := range t.blocks {
		if at.block == b {
			places = append(places, at.place)
		}
	}
	return places
}

// placesOf returns the places of a block on the server.
func (s *Server) placesOf(b Block) []place { return s.look().placesOf(b) }

// patternsOf returns the patterns of path matchers that a request must match one of.
func patternsOf(all ...caddyhttp.MatcherSets) (patterns []string) {
	for _, set := range slices.Concat(all...) {
		for _, matcher := range set {
			if m, ok := matcher.(*caddyhttp.MatchPath); ok {
				patterns = append(patterns, *m...)
			}
		}
	}
	return patterns
}

// joined returns a block's patterns below the prefixes that routes around it strip (handle_path).
func (t *tree) joined(outer, own []string) (patterns []string) {
	for _, prefix := range outer {
		front := strings.TrimRight(prefix, "/*")
		if !slices.ContainsFunc(t.prefixes, func(cut string) bool { return strings.EqualFold(strings.TrimRight(cut, "/"), front) }) {
			continue
		}
		for _, pattern := range own {
			if strings.HasPrefix(pattern, "/") {
				patterns = append(patterns, front+pattern)
			}
		}
	}
	return patterns
}

// Fronts returns the prefixes that routes around a block strip from paths, and "".
func (s *Server) Fronts(b Block) (fronts []string) {
	for _, p := range s.placesOf(b) {
		for _, path := range s.look().joined(patternsOf(p.matchers...), []string{"/"}) {
			fronts = with(fronts, strings.TrimSuffix(path, "/"))
		}
	}
	return append(fronts, "")
}

// isFor reports whether the routes that lead to a block match an address, and the block's own
// matchers do, with or without the prefix of those routes.
func (t *tree) isFor(b Block, places []place, own []string, at *Step) bool {
	return slices.ContainsFunc(places, func(p place) bool {
		for _, sets := range p.matchers {
			if at.Any(sets) == No {
				return false
			}
		}
		if b.Protects() == nil || at.Any(b.Protects()) != No {
			return true
		}
		path := caddyhttp.MatchPath(t.joined(patternsOf(p.matchers...), own))
		return len(path) > 0 && path.Provision(caddy.Context{}) == nil && at.Any(caddyhttp.MatcherSets{{&path}}) != No
	})
}

// add judges by the ends of all ways.
func (v *Survey) add(path string, ends []Ending, b Block, places []place) {
	gated := slices.ContainsFunc(ends, func(e Ending) bool { return e.Kind == Gated || e.Kind == Own })
	v.note(path, ends, b)
	certain := func(e Ending) bool { return e.Kind == Content && e.If() == "" && e.After() == "" }
	if i := slices.IndexFunc(ends, Ending.GivenUp); i >= 0 {
		v.Doubtful = append(v.Doubtful, Verdict{path, ends[i]})
		return
	}
	if i := slices.IndexFunc(ends, certain); i >= 0 {
		verdict := Verdict{path, ends[i]}
		switch {
		case b.Protects() == nil && chosen(ends[i], places):
			v.Public = append(v.Public, verdict)
		case b.Protects() == nil && picked(ends[i], places):
			v.Earlier = append(v.Earlier, verdict)
		default:
			v.Open = append(v.Open, verdict)
		}
		return
	}
	var doubtful, public []Ending
	for _, e := range ends {
		switch {
		case e.Kind != Content && e.Kind != Unclear:
		case b.Protects() == nil && chosen(e, places):
			public = append(public, e)
		default:
			doubtful = append(doubtful, e)
		}
	}
	ahead := slices.IndexFunc(ends, func(e Ending) bool { return e.Kind == Denied || e.Kind == Nothing })
	switch {
	case len(doubtful) > 0: // what needs the least is the easiest to see
		v.Doubtful = append(v.Doubtful, Verdict{path, slices.MinFunc(doubtful, func(a, b Ending) int { return a.unlikely() - b.unlikely() })})
	case len(public) > 0:
		v.Public = append(v.Public, Verdict{path, public[0]})
	case gated:
		v.Gated++
	case ahead >= 0:
		v.Ahead = append(v.Ahead, Verdict{path, ends[ahead]})
	}
}

// note remembers findings about ways that do ask for a session.
func (v *Survey) note(path string, ends []Ending, b Block) {
	for _, e := range ends {
		if e.Kind == Gated && e.Block == b {
			v.Early = with(v.Early, e.Step.early...)
		}
		if e.Kind == Denied && e.Block == b {
			v.Blank = append(v.Blank, Verdict{path, e})
		}
	}
}

// chosen reports whether a way took another branch of a group than the block's, which is intended.
func chosen(e Ending, places []place) bool {
	return slices.ContainsFunc(places, func(p place) bool {
		return slices.ContainsFunc(e.Step.branches, func(branch *caddyhttp.Route) bool {
			return slices.Contains(p.groups, branch.Group) && !slices.Contains(p.routes, branch)
		})
	})
}

// picked reports whether a way took a route that does not lead to the block, for more than a host.
func picked(e Ending, places []place) bool {
	return slices.ContainsFunc(e.Step.picked, func(route *caddyhttp.Route) bool {
		return !slices.ContainsFunc(places, func(p place) bool { return slices.Contains(p.routes, route) })
	})
}

// InErrors reports whether a block stands nowhere but in error routes.
func (s *Server) InErrors(b Block) bool {
	places := s.placesOf(b)
	return len(places) > 0 && !slices.ContainsFunc(places, func(p place) bool { return !p.errors })
}

// HasAt reports whether a block stands in the routes that a request for a host may take.
func (s *Server) HasAt(b Block, host string) bool {
	return len(s.lookAt(host).placesOf(b)) > 0
}

// Has reports whether a block stands in the routes of the server.
func (s *Server) Has(b Block) bool { return len(s.placesOf(b)) > 0 }
