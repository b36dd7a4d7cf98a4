package instagramauth

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Whether requests reach the site behind a block from elsewhere, with headers of their own, told
// in words.

// checkDoors looks for ways to the block's upstreams that lead past it.
func (h *Handler) checkDoors(servers []*routes.Server) (found []doctor.Finding) {
	var upstreams []string
	for _, s := range servers {
		if s.Has(walked{h}) {
			upstreams = append(upstreams, s.Upstreams(walked{h}, h.origin())...)
		}
	}
	if len(upstreams) == 0 {
		return nil
	}
	for _, s := range servers {
		for _, door := range s.Doors(walked{h}, upstreams, h.safe) {
			at := cmp.Or(door.Host, "any host on "+strings.Join(s.Caddy.Listen, ", "))
			message := fmt.Sprintf("%s passes requests for %s on to %s, not through this block: whoever asks there can set its headers", at, door.Path, door.Upstream)
			remedy := fmt.Sprintf("put instagram_auth there, too, or delete the headers there: request_header -%s", h.settings.guard.Names()[0])
			if door.End.If() == "" && door.End.After() == "" {
				found = append(found, doctor.Fault(message, remedy))
			} else {
				found = append(found, doctor.Doubt(message, remedy))
			}
		}
	}
	return found
}

// safe reports whether a request that has passed these blocks, and has lost these headers, has no
// header that only this block may set.
func (h *Handler) safe(passed []routes.Block, deleted []string) bool {
	for _, name := range h.settings.guard.Names() {
		gone := slices.ContainsFunc(passed, func(b routes.Block) bool {
			other, ok := b.(walked)
			return ok && slices.Contains(other.h.settings.guard.Names(), name)
		})
		if !gone && !slices.ContainsFunc(deleted, func(pattern string) bool { return covered(pattern, name) }) {
			return false
		}
	}
	return true
}

// covered reports whether a name is one that Caddy deletes by a pattern.
func covered(pattern, name string) bool {
	match, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return err == nil && match
}
