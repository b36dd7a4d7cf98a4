package session

import "strings"

const (
	// maxPairs is how many cookies of a request are looked at, MaxTried how many
	// of the session's name are tried: a planted cookie must not hide the good
	// one, and a thousand of them must not cost a thousand openings. [S9]
	maxPairs = 200

	// MaxTried is how many session cookies of one request are opened at the most.
	MaxTried = 4
)

// Found is what one scan of a request's Cookie lines found of an instance's
// cookies. It holds parts of the lines themselves and has opened none of them.
type Found struct {
	sessions     [MaxTried]string
	sessionCount int
	round        string
	// logins stand in the order of the request, which is oldest first in
	// browsers (RFC 6265, section 5.4).
	logins []login
	// partial says that there were more cookies than are looked at.
	partial bool
}

// login is a login cookie as it came: the tag from its name, and its value.
type login struct{ tag, value string }

// Any reports whether the request carries any of our cookies, or may do so among
// those that were too many to be looked at.
func (f *Found) Any() bool {
	return f.sessionCount > 0 || f.round != "" || len(f.logins) > 0 || f.partial
}

// Find scans the Cookie lines of a request once for everything of ours. lines
// are the values of the Cookie header: HTTP/1 clients may send several.
func (c *Cookies) Find(lines []string) (f Found) {
	pairs := 0
	for _, line := range lines {
		for line != "" {
			if pairs == maxPairs {
				f.partial = true
				return f
			}
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			pairs++
			pair = strings.Trim(pair, " \t")
			if strings.HasPrefix(pair, c.name) {
				c.note(&f, pair)
			}
		}
	}
	return f
}

// note files a pair whose name begins with the session cookie's name.
func (c *Cookies) note(f *Found, pair string) {
	name, value, ok := strings.Cut(pair, "=")
	switch {
	case !ok || value == "":
	case name == c.name:
		if f.sessionCount < MaxTried {
			f.sessions[f.sessionCount] = value
			f.sessionCount++
		}
	case name == c.roundName:
		f.round = value
	case strings.HasPrefix(name, c.loginPrefix):
		// The tag comes back in the Set-Cookie line that gives up an old login, so
		// it must be what a tag is: the first characters of a state.
		if tag := name[len(c.loginPrefix):]; len(tag) == tagLength && isWord(tag) {
			f.logins = append(f.logins, login{tag, value})
		}
	}
}
