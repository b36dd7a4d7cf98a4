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

	// ours is how many pairs have a name of ours, good or not, and last where the last
	// of them stands.
	ours int
	last span
}

// login is a login cookie as it came: the tag from its name, and its value.
type login struct{ tag, value string }

// span is a pair in one of the lines, from behind the semicolon in front of it to the
// semicolon behind it.
type span struct{ line, start, end int }

// Any reports whether the request carries any of our cookies, or may do so among
// those that were too many to be looked at.
func (f *Found) Any() bool { return f.ours > 0 || f.partial }

// LoginUnderWay reports whether the request carries a login cookie, valid or not.
func (f *Found) LoginUnderWay() bool { return len(f.logins) > 0 }

// Single returns where the one pair of ours stands, if there is just one.
func (f *Found) Single() (line, start, end int, ok bool) {
	return f.last.line, f.last.start, f.last.end, f.ours == 1 && !f.partial
}

// Find scans the Cookie lines of a request once for everything of ours. lines
// are the values of the Cookie header: HTTP/1 clients may send several.
func (c *Cookies) Find(lines []string) (f Found) {
	pairs := 0
	for i, line := range lines {
		for start := 0; start < len(line); {
			if pairs == maxPairs {
				f.partial = true
				return f
			}
			pairs++
			end := len(line)
			if n := strings.IndexByte(line[start:], ';'); n >= 0 {
				end = start + n
			}
			first := start
			for first < end && (line[first] == ' ' || line[first] == '\t') {
				first++
			}
			if strings.HasPrefix(line[first:end], c.name) {
				c.note(&f, line[first:end], span{i, start, end})
			}
			start = end + 1
		}
	}
	return f
}

// note files a pair whose name begins with the session cookie's name.
func (c *Cookies) note(f *Found, pair string, at span) {
	name, value, ok := strings.Cut(pair, "=")
	if c.Ours(strings.TrimRight(name, " \t")) {
		f.ours++
		f.last = at
	}
	value = strings.TrimRight(value, " \t")
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
