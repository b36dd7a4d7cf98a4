package inspect

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Upstreams looks for ways to the upstreams of a block that lead past it, and at what is done to
// its headers behind it.
func (i *Inspection) Upstreams(b *Block) (found []finding.Finding) {
	names := b.HeaderNames
	for _, s := range i.servers {
		if !s.Has(b) {
			continue
		}
		for _, origin := range b.origins() {
			upstreams, changes := s.Behind(b, origin)
			for _, f := range b.checkIdentity(changes) {
				if !slices.Contains(found, f) {
					found = append(found, f)
				}
			}
			for _, upstream := range upstreams {
				question := upstream + " " + strings.Join(names, " ")
				if !i.asked[question] {
					found = append(found, i.doors(upstream, names)...)
				}
				i.asked[question] = true
			}
		}
	}
	return found
}

// doors looks for ways to one upstream.
func (i *Inspection) doors(upstream string, names []string) (found []finding.Finding) {
	safe := func(passed []routes.Block, deleted []string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !isDeleted(name, passed, deleted) })
	}
	for _, s := range i.servers {
		for _, door := range s.Doors(upstream, safe) {
			at := cmp.Or(door.Host, "any host on "+strings.Join(s.Caddy.Listen, ", "))
			f := finding.Fault(
				fmt.Sprintf("%s passes requests for %s on to %s, not through this block: anybody who asks there can set its headers", at, door.Path, upstream),
				"put instagram_auth there, too, or delete the headers in that reverse_proxy with header_up, or with request_header where no request of this block passes: "+strings.Join(names, ", ")).With("reverse_proxy")
			if door.End.If() != "" || door.End.After() != "" {
				f.Status = finding.Look
			}
			found = append(found, f)
		}
	}
	return found
}

// isDeleted reports whether a header has been deleted by a block or by a pattern of a name.
func isDeleted(name string, passed []routes.Block, deleted []string) bool {
	return slices.ContainsFunc(passed, func(b routes.Block) bool {
		return slices.Contains(b.(*Block).HeaderNames, name)
	}) || slices.ContainsFunc(deleted, func(pattern string) bool {
		match, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
		return err == nil && match
	})
}
