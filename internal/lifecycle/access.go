package lifecycle

import (
	"regexp"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The options allow and deny.

// AccountList is a set of Instagram accounts, by numeric ID or by username.
type AccountList struct {
	ids   map[string]bool // decimal text, compared as a whole [X1]
	names map[string]bool // in lower case
}

// Includes reports whether an account is listed by its user ID, its app-scoped ID or its username.
// Usernames are compared without regard to case.
func (p *AccountList) Includes(who *session.Identity) bool {
	if p.ids[who.UserID] || who.AppScopedID != "" && p.ids[who.AppScopedID] {
		return true
	}
	return len(p.names) > 0 && p.names[strings.ToLower(who.Username)]
}

// ParseAccounts parses numeric IDs and @usernames. It returns nil for a nil list, and an
// *option.Error that names optionName for an invalid entry. An empty list is an error, because by
// mistake it would admit nobody (allow) or everybody (deny).
func ParseAccounts(optionName string, list []string) (*AccountList, error) {
	if list == nil {
		return nil, nil
	}
	p := &AccountList{make(map[string]bool), make(map[string]bool)}
	for _, entry := range list {
		name, isName := strings.CutPrefix(entry, "@")
		switch {
		case isName && username.MatchString(name):
			p.names[strings.ToLower(name)] = true
		case !isName && session.IsUserID(entry):
			p.ids[entry] = true
		case usernameIn(entry) != "":
			return nil, option.Errorf(optionName,
				"%q is neither a numeric Instagram user ID nor a username; write @%s for the username", entry, usernameIn(entry))
		default:
			return nil, option.Errorf(optionName,
				"%q is neither a numeric Instagram user ID nor a username such as @jayposiris", entry)
		}
	}
	if len(list) == 0 {
		return nil, option.Errorf(optionName, "is empty; remove the option to have no list")
	}
	return p, nil
}

// usernameIn returns the username in an entry that lacks the @ or is the URL of a profile, "" for
// neither.
func usernameIn(entry string) string {
	entry = strings.TrimSuffix(entry, "/")
	if name := entry[strings.LastIndex(entry, "/")+1:]; username.MatchString(name) {
		return name
	}
	return ""
}

var username = regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)

// Allowed reports whether the options allow and deny admit an account. deny wins. Recognize calls
// it for each request, so that a change of a list takes effect at the next one. [X1, X2]
func (l *Sessions) Allowed(who *session.Identity) bool {
	return (l.Deny == nil || !l.Deny.Includes(who)) && (l.Allow == nil || l.Allow.Includes(who))
}

// NoAccess returns the refusal of an account that is not allowed. Its page names the account.
func (l *Sessions) NoAccess(who *session.Identity) refusal.Reply {
	denied := l.Deny != nil && l.Deny.Includes(who)
	return refusal.Reply{Code: refusal.NoAccess, User: who.Username, NotListed: !denied}
}

// HasUsernames reports whether a list has usernames. A username can change, and later belong to
// another account.
func (p *AccountList) HasUsernames() bool { return p != nil && len(p.names) > 0 }
