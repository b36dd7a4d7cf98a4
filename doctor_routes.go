package instagramauth

import (
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// What the doctor adds to the checks that Caddy makes at start.

// checkUpstream looks for ways to the upstreams of a block that lead past it.
func (e *examination) checkUpstream(p *patient) []finding.Finding {
	found := e.checks.Upstreams(p.block)
	for _, s := range e.servers {
		if s.Exhausted() && s.Has(p.block) {
			return append(found, finding.Doubt("nobody can tell from here whether another site passes requests on to the upstream of this block: "+routes.TooMany, inspect.Simpler))
		}
	}
	if len(found) == 0 {
		found = append(found, finding.OK("no other site passes requests on to the upstream of this block"))
	}
	return found
}

// mostLines is how many lines of a Caddyfile can be meant before naming them helps nobody.
const mostLines = 3

// located adds the lines of the Caddyfile on which the directive of a finding stands.
func (e *examination) located(found []finding.Finding) []finding.Finding {
	for i, f := range found {
		if f.Directive == "" || f.Status == finding.Fine {
			continue
		}
		if lines := e.linesOf(f.Directive); lines != "" && strings.Count(lines, ":") <= mostLines {
			found[i].Message += fmt.Sprintf(" (%s is on %s%s)", f.Directive, e.file, lines)
		}
	}
	return found
}
