package inspect

import (
	"fmt"
	"reflect"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// shown puts into words what a block protects at one address and not at another. One line is enough
// for each handler that answers.
func (b *Block) shown(all []routes.Shown) (found []finding.Finding) {
	var certain, uncertain []routes.Shown
	for _, s := range all {
		if s.Certain {
			certain = append(certain, s)
		} else {
			uncertain = append(uncertain, s)
		}
	}
	reported := make(map[any]bool)
	for _, s := range append(certain, uncertain...) {
		if reflect.ValueOf(s.End.Handler).Comparable() { // a handler kept by value is no key of a map
			if reported[s.End.Handler] {
				continue
			}
			reported[s.End.Handler] = true
		}
		remedy := fmt.Sprintf("protect %s, too, or give it another folder or upstream", s.Path)
		if s.End.Status() != 0 {
			remedy = "rewrite to a page that is not protected in handle_errors, or answer with respond"
		}
		if s.Certain {
			found = append(found, finding.Fault(fmt.Sprintf("%s shows %s, which is protected, to everybody, by %s", s.Path, s.As, answeredBy(s.End)), remedy).With(s.End.By))
			continue
		}
		found = append(found, finding.Doubt(fmt.Sprintf("%s may show %s, which is protected, to everybody, by %s", s.Path, s.As, answeredBy(s.End)), remedy).With(s.End.By))
	}
	return found
}
