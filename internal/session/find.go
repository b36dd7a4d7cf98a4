package session

import "strings"

const (
	// MaxTried is how many session cookies of one request are opened at the most: a planted
	// one must not hide the good one, and a thousand of them must not cost a thousand
	// openings. Where there are more, these are the first half of them and the last: browsers
	// send what is set for a longer path first, and ours is set for the whole host. [S9]
	MaxTried = 8

	// keptLogins is how many of the last login cookies are kept, and at the most twice as many.
	keptLogins = 100
)

// Found is what one scan of a request's Cookie lines found of an instance's
// cookies. It holds parts of the lines themselves and has opened none of them.
type Found struct {
	// sessions holds the first half in order, and then the last ones in turn.
	sessions     [MaxTried]string
	sessionCount int // of all that there were
	// sessionSent says that there is a session cookie, also one whose length shows that it cannot
	// open.
	sessionSent bool
	round       string
	// logins stand in the request's order: browsers send the oldest first (RFC 6265, section 5.4).
	logins []login

	// ours is how many pairs have one of our names; last is where the last of them stands.
	ours int
	last span
}

// login is a login cookie as it came: the tag from its name, and its value.
type login struct{ tag, value string }

// span is a pair in one of the lines, without the semicolons around it.
type span struct{ line, start, end int }

// Any reports whether the request carries any of our cookies.
func (f *Found) Any() bool { return f.ours > 0 }

// LoginUnderWay reports whether the request carries a login cookie, valid or not.
func (f *Found) LoginUnderWay() bool { return len(f.logins) > 0 }

// Single returns the place of the handler's cookie pair, if there is exactly one.
func (f *Found) Single() (line, start, end int, ok bool) {
	return f.last.line, f.last.start, f.last.end, f.ours == 1
}

// Crowded reports whether there are more session cookies than are opened: then nobody can tell what
// is among them.
func (f *Found) Crowded() bool { return f.sessionCount > MaxTried }

// Find scans the Cookie lines of a request once for all cookies of the handler. The cost grows with
// their length alone. lines are the values of the Cookie header: HTTP/1 clients may send several.
func (c *Cookies) Find(lines []string) (f Found) {
	for i, line := range lines {
		for from := 0; ; {
			// All of our names begin with the session cookie's, without spaces and semicolons.
			n := strings.Index(line[from:], c.name)
			if n < 0 {
				break
			}
			first := from + n
			start := first
			for start > from && (line[start-1] == ' ' || line[start-1] == '\t') {
				start--
			}
			if start > 0 && line[start-1] != ';' {
				from = first + len(c.name) // in a value, or at the end of a longer name
				continue
			}
			end := len(line)
			if n := strings.IndexByte(line[first:], ';'); n >= 0 {
				end = first + n
			}
			c.note(&f, line[first:end], span{i, start, end})
			from = min(end+1, len(line))
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
		f.sessionSent = true
		if mayBeSealed(value) {
			f.noteSession(value)
		}
	case name == c.roundName:
		f.round = value
	case strings.HasPrefix(name, c.loginPrefix):
		// The tag comes back in the Set-Cookie line that gives up an old login, so
		// it must be what a tag is: the first characters of a state.
		if tag := name[len(c.loginPrefix):]; len(tag) == tagLength && isWord(tag) {
			f.noteLogin(login{tag, value})
		}
	}
}

// noteSession keeps the value of a session cookie, once there is no room for all in the
// place of the oldest one of the second half.
func (f *Found) noteSession(value string) {
	at := f.sessionCount
	if at >= MaxTried {
		at = MaxTried/2 + at%(MaxTried/2)
	}
	f.sessions[at] = value
	f.sessionCount++
}

func (f *Found) noteLogin(l login) {
	if len(f.logins) == 2*keptLogins {
		f.logins = f.logins[:copy(f.logins, f.logins[keptLogins:])]
	}
	f.logins = append(f.logins, l)
}
