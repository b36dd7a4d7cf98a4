package lifecycle

import (
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// Who may come in at all: the options allow and deny.

// AccountList is accounts as an operator lists them.
type AccountList struct {
	ids   map[string]bool // decimal text, compared as a whole [X1]
	names map[string]bool // in lower case
}

// Includes reports whether a person is listed, by either of their IDs or by name.
func (p *AccountList) Includes(who *session.Identity) bool {
	if p.ids[who.UserID] || who.AppScopedID != "" && p.ids[who.AppScopedID] {
		return true
	}
	return len(p.names) > 0 && p.names[strings.ToLower(who.Username)]
}

// ParseAccounts reads a list of IDs and @names. A list that is there has somebody on it:
// an empty one would keep everybody out, or let everybody in, by a slip.
func ParseAccounts(optionName string, list []string) (*AccountList, error) {
	if list == nil {
		return nil, nil
	}
	p := &AccountList{make(map[string]bool), make(map[string]bool)}
	for _, entry := range list {
		name, isName := strings.CutPrefix(entry, "@")
		switch {
		case isName && isUsername(name):
			p.names[strings.ToLower(name)] = true
		case !isName && session.IsUserID(entry):
			p.ids[entry] = true
		case usernameIn(entry) != "":
			return nil, option.Errorf(optionName, "%q is neither a numeric Instagram user ID nor a username; write @%s for the username", entry, usernameIn(entry))
		default:
			return nil, option.Errorf(optionName, "%q is neither a numeric Instagram user ID nor a username such as @jayposiris", entry)
		}
	}
	if len(list) == 0 {
		return nil, option.Errorf(optionName, "is empty; remove the option to have no list")
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

// Allowed reports whether a person may come in. Who is on both lists may not. It is
// asked at each request, so that a change of the lists bites at the next one. [X1, X2]
func (l *Sessions) Allowed(who *session.Identity) bool {
	return (l.Deny == nil || !l.Deny.Includes(who)) && (l.Allow == nil || l.Allow.Includes(who))
}

// HasUsernames reports whether a list has usernames, which can change and change owner.
func (p *AccountList) HasUsernames() bool { return p != nil && len(p.names) > 0 }
