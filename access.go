package instagramauth

import (
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Who may come in at all: the options allow and deny.

// people are accounts as an operator lists them.
type people struct {
	ids   map[string]bool // decimal text, compared as a whole [X1]
	names map[string]bool // in lower case
}

// include reports whether a person is listed, by either of their IDs or by name.
func (p *people) include(who *session.Identity) bool {
	if p.ids[who.UserID] || who.AppScopedID != "" && p.ids[who.AppScopedID] {
		return true
	}
	return len(p.names) > 0 && p.names[strings.ToLower(who.Username)]
}

func (h *Handler) resolveAccess(s *settings, _ option.Resolver) (err error) {
	if s.allow, err = parsePeople("allow", h.Allow); err != nil {
		return err
	}
	s.deny, err = parsePeople("deny", h.Deny)
	return err
}

// parsePeople reads a list of IDs and @names. A list that is there has somebody on it:
// an empty one would keep everybody out, or let everybody in, by a slip.
func parsePeople(of string, list []string) (*people, error) {
	if list == nil {
		return nil, nil
	}
	p := &people{make(map[string]bool), make(map[string]bool)}
	for _, entry := range list {
		name, named := strings.CutPrefix(entry, "@")
		switch {
		case named && isUsername(name):
			p.names[strings.ToLower(name)] = true
		case !named && session.IsUserID(entry):
			p.ids[entry] = true
		case usernameIn(entry) != "":
			return nil, option.Errorf(of, "%q is neither a numeric Instagram user ID nor a username; write @%s for the username", entry, usernameIn(entry))
		default:
			return nil, option.Errorf(of, "%q is neither a numeric Instagram user ID nor a username such as @jayposiris", entry)
		}
	}
	if len(list) == 0 {
		return nil, option.Errorf(of, "has nobody on it; leave the of out to have no list")
	}
	return p, nil
}

// usernameIn returns the username that somebody has written without its @, or as an address; "" if
// it is none.
func usernameIn(entry string) string {
	entry = strings.TrimSuffix(entry, "/")
	if name := entry[strings.LastIndex(entry, "/")+1:]; isUsername(name) {
		return name
	}
	return ""
}

func isUsername(s string) bool {
	return s != "" && len(s) <= 30 && !strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && r != '.' && r != '_' })
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// admits reports whether a person may come in. Who is on both lists may not. It is
// asked at each request, so that a change of the lists bites at the next one. [X1, X2]
func (s *settings) admits(who *session.Identity) bool {
	return (s.deny == nil || !s.deny.include(who)) && (s.allow == nil || s.allow.include(who))
}

// turnAway ends the session of a visitor who is no longer let in. [X2]
func (h *Handler) turnAway(v *request.State) error {
	v.Drain()
	h.endQuietly(&v.Session)
	v.W.Header().Add("Set-Cookie", h.settings.cookies.End())
	return &answer.Refusal{
		Reply:  refusal.Reply{Code: refusal.NoAccess, LoginURL: h.settings.paths.OtherAccountURL(v.ReturnFor(h.settings.paths))},
		Notice: telemetry.NoticeAccessRefused, Fields: append(h.telemetry.Privacy.Person(&v.Session.Identity), sessionField(&v.Session)),
	}
}
