package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Kind is how a way ends.
type Kind uint8

// How a way may end.
const (
	Nothing Kind = iota // no handler answers: an empty page
	Gated               // a block asks for a session
	Own                 // at an address of a block's own
	Denied              // refused, redirected or answered with an error
	Content             // answered
	Unclear             // nobody can tell
)

// Ending is where one way ends.
type Ending struct {
	Kind  Kind
	By    string // the handler's name, or why it is unclear
	Block Block  // for Gated and Own
	Step  *Step

	Handler any // that answers
}

// If says what must be so for a request to end here, beside its address; "" if nothing.
func (e Ending) If() string { return strings.Join(e.Step.ifs, ", and ") }

// Where is If in short: that no file stands at an address is the rule.
func (e Ending) Where() string {
	ifs := slices.DeleteFunc(slices.Clone(e.Step.ifs), func(condition string) bool { return condition == NoSuchFile })
	return cmp.Or(strings.Join(ifs, ", and "), e.If())
}

// unlikely grows with how much must be so: the file that is tried last is likely to exist.
func (e Ending) unlikely() (n int) {
	for _, condition := range e.Step.ifs {
		switch {
		case condition == NoSuchFile:
		case strings.HasPrefix(condition, aFile):
			n++
		default:
			n += 2
		}
	}
	return n
}

// ByFiles reports whether the end depends on nothing but which files there are, and needs none at
// the address itself.
func (e Ending) ByFiles() bool {
	return len(e.Step.ifs) > 0 && !slices.ContainsFunc(e.Step.ifs, func(condition string) bool {
		return condition != NoSuchFile && condition != noneOfThese && !strings.HasPrefix(condition, aFile)
	})
}

// NeedsItsFile reports whether a request ends here only if a file stands at its address.
func (e Ending) NeedsItsFile() bool { return slices.Contains(e.Step.ifs, suchFile) }

// After names a handler that the request passes of which nobody knows what it does; "" if none.
func (e Ending) After() string {
	if len(e.Step.vague) == 0 {
		return ""
	}
	return e.Step.vague[0]
}

// Status is that of the error whose page this is, 0 if it is none.
func (e Ending) Status() int { return e.Step.failed }

// Met reports whether some route has taken the request.
func (e Ending) Met() bool { return e.Step.met }

const (
	maxDepth = 64    // of routes that invoke themselves
	maxSteps = 2_000 // of one walk
	// allSteps and stepsEach are the steps of all walks through a server: some, and more for each
	// block. Each condition may double the ways through the routes, and Caddy waits for the checks.
	allSteps, stepsEach = 10_000, 400
)

// Why a walk is given up and its end is Unclear.
const (
	TooMany = "the routes are too many to follow"
	TooDeep = "routes are nested too deeply to follow"
)

// GivenUp reports whether the walk has not gone on from here.
func (e Ending) GivenUp() bool { return e.Kind == Unclear && (e.By == TooMany || e.By == TooDeep) }

// flow is where a request can go on from a place in the routes.
type flow struct {
	next  func(*Step) // gets the request that a handler or a route lets pass
	place string      // names the place, the same for all ways that lead to it
	deep  int
}

// walk follows one request.
type walk struct {
	server *Server
	ends   []Ending
	known  map[string]bool // keys of ends
	seen   map[string]bool
	steps  int
	over   bool // nothing of it counts any more
}

// Ends returns all ends of the ways that a request may take.
func (s *Server) Ends(of Request) []Ending {
	w := &walk{server: s, known: make(map[string]bool), seen: make(map[string]bool)}
	first := newStep(&of)
	if !s.Exhausted() {
		w.some(s.Caddy.Routes, s.candidates(of.URL.Hostname()), 0, first, flow{next: w.nobody})
	}
	if w.over || s.Exhausted() {
		return []Ending{{Kind: Unclear, By: TooMany, Step: first}}
	}
	return w.ends
}

// Exhausted reports whether the walks through a server have taken all steps that there are for
// them. No further walk is begun then.
func (s *Server) Exhausted() bool { return s.steps > allSteps+stepsEach*len(s.look().blocks) }

func (w *walk) nobody(at *Step) { w.end(Ending{Kind: Nothing, By: "no handler", Step: at}) }

func (w *walk) end(e Ending) {
	key := fmt.Sprintf("%d %q %v %q %s %t %d", e.Kind, e.By, e.Block, e.If(), e.Step.Request.URL, e.Replaces(), e.Step.failed)
	if w.known[key] {
		return
	}
	w.known[key] = true
	w.ends = append(w.ends, e)
}

func (w *walk) unclear(at *Step, why string) { w.end(Ending{Kind: Unclear, By: why, Step: at}) }

// been reports whether to stop: because the walk was here in the same state, or takes too long.
func (w *walk) been(at *Step, place string) bool {
	w.steps++
	w.server.steps++
	if w.over = w.over || w.steps > maxSteps || w.server.Exhausted(); w.over {
		return true
	}
	if len(at.ifs) == 0 {
		return false
	}
	key := place + " " + at.key()
	seen := w.seen[key]
	w.seen[key] = true
	return seen
}

// all sends a step through all routes of a list.
func (w *walk) all(list caddyhttp.RouteList, at *Step, f flow) {
	w.some(list, countTo(len(list)), 0, at, f)
}

// countTo returns the numbers of n places.
func countTo(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}

// some sends a step through routes of a list, beginning with the place number from.
func (w *walk) some(list caddyhttp.RouteList, places []int, from int, at *Step, f flow) {
	if w.over {
		return
	}
	for n := from; n < len(places); n++ {
		route := &list[places[n]]
		if route.Group != "" && slices.Contains(at.groups, route.Group) {
			continue
		}
		sets, err := w.server.reader.Matchers(route)
		if err != nil {
			w.unclear(at, "a matcher that cannot be loaded")
			return
		}
		if mentionsUserIn(sets) {
			at = at.tooEarly("a matcher")
		}
		r := at.any(sets)
		if r.Answer == No {
			continue
		}
		after := f
		after.place = fmt.Sprintf("%s/%d", f.place, places[n])
		if w.been(at, after.place) {
			return
		}
		after.next = func(s *Step) { w.some(list, places, n+1, s, f) }
		if route.Terminal {
			after.next = w.nobody
		}
		if r.Answer == Yes {
			w.take(route, at, after)
			return
		}
		w.fork(route, at, r, after)
		if r.usual != No {
			at = at.where(r.otherwise())
		}
	}
	f.next(at)
}

// fork sends a step through a route that it may take or not.
func (w *walk) fork(route *caddyhttp.Route, at *Step, r reply, f flow) {
	taken := at
	if r.usual != Yes {
		taken = at.where(r.why)
	}
	if r.fails != 0 {
		w.fail(at.where(r.failsIf), r.fails, "try_files")
	}
	if len(r.files) == 0 {
		w.take(route, taken, f)
		return
	}
	for _, found := range r.files {
		way := at.where(found.why).copy()
		way.files = map[string]string{relativeFile: found.relative}
		replacer(way.Request).Set(relativeFile, found.relative)
		w.take(route, way, f)
	}
}

// take sends a step through the handlers of a route.
func (w *walk) take(route *caddyhttp.Route, at *Step, f flow) {
	if f.deep++; f.deep > maxDepth {
		w.unclear(at, TooDeep)
		return
	}
	handlers := w.server.reader.Handlers(route)
	within := *at
	within.met = at.met || len(handlers) > 0
	if picks(route, w.server.reader) {
		within.picked = append(slices.Clone(at.picked), route)
		next := f.next
		f.next = func(s *Step) { // leaves the route
			outside := *s
			outside.picked = at.picked
			next(&outside)
		}
	}
	if route.Group != "" {
		within.groups = append(slices.Clone(at.groups), route.Group)
		within.branches = append(slices.Clone(at.branches), route)
	}
	w.handlers(handlers, 0, &within, f)
}

func (w *walk) handlers(list []any, i int, at *Step, f flow) {
	if w.over {
		return
	}
	if i == len(list) {
		f.next(at)
		return
	}
	after := f
	after.place = fmt.Sprintf("%s.%d", f.place, i)
	after.next = func(s *Step) { w.handlers(list, i+1, s, f) }
	w.handler(list[i], at, after)
}

// picks reports whether a route looks at more than the host.
func picks(route *caddyhttp.Route, reader Reader) bool {
	sets, _ := reader.Matchers(route) // the walk says what is wrong with them
	return slices.ContainsFunc(sets, func(set caddyhttp.MatcherSet) bool {
		return slices.ContainsFunc(set, func(matcher any) bool {
			_, all := matcher.(interface{ MatchesAll() })
			return !all && !isHost(matcher)
		})
	})
}

// catcher are the error routes that get the errors of what follows a place.
type catcher struct {
	up     *catcher
	routes caddyhttp.RouteList
	after  flow
}

// fail is refuse for a handler that is not a block.
func (w *walk) fail(at *Step, status int, by string) { w.refuse(at, status, Ending{By: by}) }

// refuse sends a step to the nearest error routes. The server's get the request as it came.
func (w *walk) refuse(at *Step, status int, refusal Ending) {
	if c := at.catch; c != nil {
		failed := at.copy()
		failed.catch, failed.failed = c.up, status
		w.all(c.routes, failed.copy(), c.after)
		return
	}
	denied := func(s *Step) {
		refusal.Kind, refusal.Step = Denied, s
		w.end(refusal)
	}
	if errors := w.server.Caddy.Errors; at.failed == 0 && errors != nil && len(errors.Routes) > 0 {
		failed := at.copy()
		*failed.Request.URL, failed.Request.RequestURI, failed.blind, failed.failed = *at.Asked, at.Asked.RequestURI(), false, status
		w.all(errors.Routes, failed.copy(), flow{next: denied, place: "errors"})
		return
	}
	denied(at)
}
