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

// callbackSize is about the size of what Meta sends to the callbacks, in bytes.
const callbackSize = 1 << 10

// obstacle is why requests for an address do not reach the block.
type obstacle struct {
	kind obstacleKind
	by   string // the handler in the way
}

type obstacleKind uint8

const (
	noObstacle  obstacleKind = iota
	perhaps                  // a handler may let the request pass or not
	answered                 // a handler answers first
	otherRoutes              // the block stands in a route that does not take the address
	noSite                   // no site has the address
	givenUp                  // the walk was given up
	replaced                 // intercept answers instead of the block
)

// returns follows a visitor who comes back to each redirect URI, and Meta's callbacks. It reports
// an obstacle once, even if it keeps several of them from the block.
func (b *Block) returns(servers []*routes.Server) (found []finding.Finding) {
	if b.InErrors(servers) {
		return nil // has a line of its own
	}
	var order []obstacle
	addresses := make(map[obstacle][]string)
	follow := func(method, address string) {
		o := b.destination(servers, method, address)
		if addresses[o] == nil {
			order = append(order, o)
		}
		addresses[o] = append(addresses[o], address)
	}
	for _, r := range b.Paths.Served {
		follow(http.MethodGet, r.URI)
	}
	for _, own := range []address.Own{address.Deauthorize, address.DataDeletion} {
		follow(http.MethodPost, b.Paths.Served[0].Origin+b.Paths.Of(own))
	}
	for _, o := range order {
		if o.kind != noObstacle {
			found = append(found, o.finding(addresses[o]...))
		}
	}
	return found
}

// InErrors reports whether a block stands where only errors lead.
func (b *Block) InErrors(servers []*routes.Server) bool {
	return slices.ContainsFunc(servers, func(s *routes.Server) bool { return s.InErrors(b) })
}

// finding puts an obstacle into words.
func (o obstacle) finding(addresses ...string) finding.Finding {
	one := Enumerated(addresses)
	verb := func(singular, plural string) string { return verb(addresses, singular, plural) }
	switch o.kind {
	case givenUp:
		return finding.Doubt(
			fmt.Sprintf("this check cannot tell whether %s %s this block: %s", one, verb("reaches", "reach"), o.by), Simpler)
	case perhaps:
		return finding.Doubt(
			fmt.Sprintf("this check cannot tell whether %s %s this block: %s comes before it", one, verb("reaches", "reach"), o.by),
			"make sure that it lets "+verb("this address", "these addresses")+" pass").With(o.by)
	case answered:
		return finding.Fault(
			fmt.Sprintf("%s %s answered by %s before %s this block", one, verb("is", "are"), o.by, verb("it reaches", "they reach")),
			"move that out of "+verb("its way, or choose another path for it", "their way, or choose other paths for them")).With(o.by)
	case replaced:
		return finding.Fault(
			fmt.Sprintf("%s never %s the answer of this block: intercept replaces it", one, verb("gets", "get")), notIntercepted).With(o.by)
	case otherRoutes:
		return finding.Fault(
			fmt.Sprintf("%s %s not reach this block, which is in a route for other addresses", one, verb("does", "do")),
			"choose redirect_uri and path_prefix below the path of that route, or move the block out of it")
	case noSite:
		return finding.Fault(fmt.Sprintf("%s %s not served by the site of this block", one, verb("is", "are")),
			"give "+verb("its host", "their host")+" to the site, or write the redirect URI for a host that the site has")
	}
	return finding.OK("%s %s this block", one, verb("reaches", "reach"))
}

const (
	// Simpler is the remedy where a walk was given up.
	Simpler = "move instagram_auth above the routes with matchers and rewrites, or use fewer of them before it"
	// notIntercepted is the remedy where intercept answers instead of a block.
	notIntercepted = "move instagram_auth above intercept, or let intercept leave 302, 303, 401 and 403 alone"
)

// Enumerated names few of many things.
func Enumerated(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// verb returns the form of a word that goes with one thing or with several.
func verb(things []string, singular, plural string) string {
	if len(things) > 1 {
		return plural
	}
	return singular
}

// Destination tells whether a request for an address reaches a block by way of a server.
func (b *Block) Destination(s *routes.Server, method, address string) finding.Finding {
	return b.destination([]*routes.Server{s}, method, address).finding(address)
}

// NotServed is the finding of an address that no site has.
func NotServed(address string) finding.Finding { return obstacle{kind: noSite}.finding(address) }

// destination tells whether a request for an address reaches a block. One server that leads there
// is enough: another one may be that of plain http, which redirects.
func (b *Block) destination(servers []*routes.Server, method, address string) obstacle {
	last := obstacle{kind: noSite}
	u, err := url.Parse(address)
	if err != nil {
		return last
	}
	request := routes.Request{Method: method, URL: u}
	if method == http.MethodPost {
		request.Size, request.Machine = callbackSize, true
	}
	for _, s := range servers {
		if !s.Has(b) {
			continue
		}
		if last = b.judge(s.Ends(request)); last.kind == noObstacle {
			break
		}
	}
	return last
}

// judge tells what the ends of a request for an address of the block's own mean.
func (b *Block) judge(ends []routes.Ending) obstacle {
	if i := slices.IndexFunc(ends, routes.Ending.GivenUp); i >= 0 {
		return obstacle{givenUp, ends[i].By}
	}
	if i := slices.IndexFunc(ends, routes.Ending.Stops); i >= 0 {
		if ends[i].If() != "" {
			return obstacle{perhaps, "intercept"}
		}
		return obstacle{replaced, "intercept"}
	}
	ends = slices.DeleteFunc(slices.Clone(ends), routes.Ending.Replaces)
	own := func(e routes.Ending) bool { return e.Kind == routes.Own && e.Block == routes.Block(b) }
	elsewhere := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && e.If() == "" && e.After() == "" })
	// No file stands at an address of a block's own.
	if i := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && e.If() == routes.NoSuchFile }); i >= 0 {
		return obstacle{answered, answeredBy(ends[i])}
	}
	byFiles := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && e.ByFiles() })
	other := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && !e.NeedsItsFile() })
	usual := func(e routes.Ending) bool { return own(e) && (e.If() == "" || e.ByFiles()) }
	switch reached := slices.ContainsFunc(ends, own); {
	case reached && elsewhere < 0 && byFiles >= 0:
		return obstacle{perhaps, answeredBy(ends[byFiles])}
	case reached && elsewhere < 0 && other >= 0 && !slices.ContainsFunc(ends, usual):
		return obstacle{perhaps, answeredBy(ends[other])}
	case reached && elsewhere < 0:
		return obstacle{}
	case elsewhere < 0 || reached:
		i := max(elsewhere, slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) }))
		return obstacle{perhaps, answeredBy(ends[i])}
	}
	switch e := ends[elsewhere]; {
	case e.Kind != routes.Nothing || e.Handler != nil: // a handler may answer with an empty page
		return obstacle{answered, answeredBy(e)}
	case e.Met():
		return obstacle{kind: otherRoutes}
	}
	return obstacle{kind: noSite}
}
