package instagramauth

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Whether what a block is to protect asks for a session, told in words.

// checkProtection follows anonymous requests for what a block is to protect, on the host of its
// first redirect URI.
func (h *Handler) checkProtection(servers []*routes.Server) (found []doctor.Finding) {
	for _, s := range servers {
		if s.Has(walked{h}) {
			survey := s.Survey(walked{h}, h.origin())
			found = append(found, h.tell(&survey)...)
		}
	}
	return found
}

// tell puts what becomes of the addresses of a block into words.
func (h *Handler) tell(survey *routes.Survey) (found []doctor.Finding) {
	for _, a := range grouped(survey, survey.Open) {
		found = append(found, a.open())
	}
	for _, a := range grouped(survey, survey.Doubtful) {
		found = append(found, a.doubt())
	}
	for _, a := range grouped(survey, survey.Public) {
		found = append(found, doctor.OK("%s public: the configuration has another branch for that, with %s", a.are(), a.by()))
	}
	if asked := survey.Gated + len(survey.Open) + len(survey.Doubtful); asked == 0 && h.asksAnybody() && !slices.ContainsFunc(h.checkPaths(), func(f doctor.Finding) bool { return f.Status == doctor.Wrong }) {
		found = append(found, unreached(survey))
	}
	if len(survey.Early) > 0 {
		found = append(found, doctor.Fault(fmt.Sprintf("{http.auth.user.…} has no value in %s, which comes before this block", strings.Join(survey.Early, ", ")), "move instagram_auth above it, or put both into a route block, instagram_auth first"))
	}
	if len(survey.Blank) > 0 {
		found = append(found, doctor.Fault("errors handle is set, but no handle_errors answers: visitors see an empty page", "add a handle_errors block for 4xx and 5xx to the site, or delete the option errors"))
	}
	return found
}

// checkPaths looks at the paths of a block's matcher, where it has nothing but paths.
func (h *Handler) checkPaths() (found []doctor.Finding) {
	for _, set := range h.protect {
		if len(set) != 1 {
			continue
		}
		if paths, ok := set[0].(*caddyhttp.MatchPath); ok {
			found = append(found, doctor.Paths(*paths)...)
		}
	}
	return slices.DeleteFunc(found, func(f doctor.Finding) bool { return f.Status == doctor.Fine })
}

// asksAnybody reports whether the block asks anybody for a session.
func (h *Handler) asksAnybody() bool {
	return !(h.protect == nil && h.settings.handoff) && (h.protect == nil || len(h.protect) > 0)
}

// unreached is for a block that asks nobody for a session.
func unreached(survey *routes.Survey) doctor.Finding {
	ahead := grouped(survey, survey.Ahead)
	if len(ahead) == 0 {
		return doctor.Fault("nothing is protected: no address matches the matcher of this block and those of the routes around it", "compare the matcher with the addresses of your pages; paths in one pair of quotes are one path")
	}
	return doctor.Fault(fmt.Sprintf("no visitor reaches this block: %s answers %s first", ahead[0].by(), ahead[0].paths()), fmt.Sprintf("move instagram_auth above %s", ahead[0].by()))
}

// alike are addresses that become the same.
type alike struct {
	end       routes.Ending
	addresses []string
}

// grouped puts together what the same handler answers under the same conditions.
func grouped(survey *routes.Survey, verdicts []routes.Verdict) (groups []alike) {
	var order []string
	members := make(map[string][]routes.Verdict)
	for _, v := range verdicts {
		key := fmt.Sprintf("%q", []string{v.End.By, v.End.If(), v.End.After(), fmt.Sprint(v.End.Status())})
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], v)
	}
	for _, key := range order {
		groups = append(groups, alike{members[key][0].End, survey.Addresses(members[key])})
	}
	return groups
}

// directives are the names in a Caddyfile of handlers that have another name in JSON.
var directives = map[string]string{"static_response": "respond", "authentication": "basic_auth"}

// by returns the name of the handler that answers.
func (a alike) by() string { return answeredBy(a.end) }

func answeredBy(e routes.Ending) string {
	return cmp.Or(directives[e.By], e.By, "another instagram_auth")
}

// mostPaths is how many addresses a line names.
const mostPaths = 3

func (a alike) paths() string {
	few := a.addresses[:min(mostPaths, len(a.addresses))]
	text := strings.Join(few, ", ")
	if more := len(a.addresses) - len(few); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (a alike) are() string {
	if len(a.addresses) == 1 {
		return a.paths() + " is"
	}
	return a.paths() + " are"
}

// open is for addresses that are answered without a session.
func (a alike) open() doctor.Finding {
	if a.end.Status() != 0 {
		return doctor.Fault(fmt.Sprintf("%s NOT protected: handle_errors answers with what stands there, by %s", a.are(), a.by()), "rewrite to a page of its own in handle_errors before "+a.by())
	}
	return doctor.Fault(fmt.Sprintf("%s NOT protected: %s answers first", a.are(), a.by()), fmt.Sprintf("move instagram_auth above %s, or into a route block in front of it", a.by()))
}

// doubt is for addresses of which it is not known whether they ask for a session.
func (a alike) doubt() doctor.Finding {
	if unknown := cmp.Or(a.end.After(), a.by()); a.end.Kind == routes.Unclear || a.end.After() != "" {
		return doctor.Doubt(fmt.Sprintf("nobody can tell from here whether %s need a session: %s comes before this block", a.paths(), unknown), "see that it answers nothing itself, or move instagram_auth above it")
	}
	return doctor.Doubt(fmt.Sprintf("%s answered by %s without a session where this is so: %s", a.are(), a.by(), a.end.If()), "right if you mean it; otherwise move instagram_auth above "+a.by())
}
