package instagramauth

import (
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Whether what a block is to protect asks for a session, told in words.

// checkProtection follows anonymous requests for what a block is to protect, on the host of its
// first redirect URI.
func (h *Handler) checkProtection(servers []*routes.Server) (found []doctor.Finding) {
	origin := h.origin()
	for _, s := range servers {
		if !s.Has(walked{h}) {
			continue
		}
		survey := s.Survey(walked{h}, origin)
		for _, a := range grouped(survey.Open) {
			found = append(found, doctor.Fault(fmt.Sprintf("%s NOT protected: %s answers first", a.are(), a.by()), fmt.Sprintf("move instagram_auth above %s, or into a route block in front of it", a.by())))
		}
		for _, a := range grouped(survey.Doubtful) {
			found = append(found, a.doubt())
		}
		for _, a := range grouped(survey.Public) {
			found = append(found, doctor.OK("%s public: the configuration has another branch for that, with %s", a.are(), a.by()))
		}
		if asked := survey.Gated + len(survey.Open) + len(survey.Doubtful); asked == 0 && h.asksAnybody() {
			found = append(found, unreached(survey))
		}
	}
	return found
}

// asksAnybody reports whether the block asks anybody for a session.
func (h *Handler) asksAnybody() bool {
	return !(h.protect == nil && h.settings.handoff) && (h.protect == nil || len(h.protect) > 0)
}

// unreached is for a block that asks nobody for a session.
func unreached(survey routes.Survey) doctor.Finding {
	ahead := grouped(survey.Ahead)
	if len(ahead) == 0 {
		return doctor.Fault("nothing is protected: no address matches the matcher of this block and those of the routes around it", "compare the matcher with the addresses of your pages; paths in one pair of quotes are one path")
	}
	return doctor.Fault(fmt.Sprintf("no visitor reaches this block: %s answers %s first", ahead[0].by(), ahead[0].paths()), fmt.Sprintf("move instagram_auth above %s", ahead[0].by()))
}

// alike are addresses that become the same.
type alike []routes.Verdict

// grouped puts together what the same handler answers under the same conditions.
func grouped(verdicts []routes.Verdict) (groups []alike) {
	places := make(map[[3]string]int)
	for _, v := range verdicts {
		key := [...]string{v.End.By, v.End.If(), v.End.After()}
		i, known := places[key]
		if !known {
			i, groups = len(groups), append(groups, nil)
			places[key] = i
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// directives are the names in a Caddyfile of handlers that have another name in JSON.
var directives = map[string]string{"static_response": "respond", "authentication": "basic_auth", "acme_server": "acme_server"}

// by returns the name of the handler that answers.
func (a alike) by() string {
	if name, other := directives[a[0].End.By]; other {
		return name
	}
	return a[0].End.By
}

// mostPaths is how many addresses a line names.
const mostPaths = 3

func (a alike) paths() string {
	var paths []string
	for _, v := range a[:min(mostPaths, len(a))] {
		paths = append(paths, v.Path)
	}
	text := strings.Join(paths, ", ")
	if more := len(a) - len(paths); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (a alike) are() string {
	if len(a) == 1 {
		return a.paths() + " is"
	}
	return a.paths() + " are"
}

// doubt is for addresses of which it is not known whether they ask for a session.
func (a alike) doubt() doctor.Finding {
	end := a[0].End
	if end.Kind == routes.Unclear || end.After() != "" {
		unknown := end.After()
		if unknown == "" {
			unknown = a.by()
		}
		return doctor.Doubt(fmt.Sprintf("nobody can tell from here whether %s need a session: %s comes before this block", a.paths(), unknown), "see that it answers nothing itself, or move instagram_auth above it")
	}
	return doctor.Doubt(fmt.Sprintf("%s answered by %s without a session where this is so: %s", a.are(), a.by(), end.If()), "right if you mean it; otherwise move instagram_auth above "+a.by())
}
