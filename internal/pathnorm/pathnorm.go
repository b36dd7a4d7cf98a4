// Package pathnorm lists the ways in which servers normalize the path of an address. Caddy's
// matchers clean a path before they compare it; the site behind gets it raw and cleans it in a
// way of its own. The package is pure: it reads an address and asks the caller about each form.
package pathnorm

import "net/url"

// Verdict says whether servers read a path in the same way.
type Verdict int

const (
	// Plain paths have the same reading on all servers.
	Plain Verdict = iota
	// Ambiguous paths have several forms: see AnyForm.
	Ambiguous
	// Malformed paths have none that a site could rely on.
	Malformed
)

// Scan judges a path. It allocates nothing, and reads the path twice at most.
func Scan(u *url.URL) Verdict {
	if len(u.Path) == 0 || u.Path[0] != '/' || overlong(u.Path) {
		return Malformed
	}
	if u.RawPath == "" {
		return scan(u.Path, false)
	}
	for i := range len(u.RawPath) {
		if c := u.RawPath[i]; c < ' ' || c == 0x7f {
			return Malformed
		}
	}
	return scan(u.RawPath, true)
}

// scan looks for whatever servers treat differently. A path that is not raw is in its usual
// encoding: what has to be encoded came encoded.
func scan(path string, raw bool) Verdict {
	segment := 0 // length of a segment of dots, or -1 if it is something else
	for i := range len(path) {
		switch c := path[i]; c {
		case '/':
			if i > 0 && segment >= 0 && segment <= 2 {
				return Ambiguous
			}
			segment = 0
		case ';', '\\', '?', '#', 0, '\t', '\n', '\r':
			return Ambiguous
		case '%':
			if decoded, ok := unhex(path[i:]); !raw || ok && special(decoded) {
				return Ambiguous
			}
			segment = -1
		case '.':
			if scriptEnd(path[i:]) {
				return Ambiguous
			}
			if segment >= 0 {
				segment++
			}
		default:
			segment = -1
		}
	}
	if segment == 1 || segment == 2 {
		return Ambiguous
	}
	return Plain
}

// special reports whether a server may treat a character that came encoded in another way than
// the character itself. Letters and digits are among them: a router that compares raw paths does
// not know /%6Dembers.
func special(c byte) bool {
	switch c {
	case '/', '\\', '.', ';', '%', '?', '#', '-', '_', '~', 0, '\t', '\n', '\r':
		return true
	}
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// overlong reports whether a path has UTF-8 sequences that are longer than need be. Lenient
// decoders read them as ASCII, such as C0 AF as a slash.
func overlong(path string) bool {
	for i := range len(path) {
		if path[i] < 0xc0 {
			continue
		}
		next := byte(0)
		if i+1 < len(path) {
			next = path[i+1]
		}
		switch path[i] {
		case 0xc0, 0xc1:
			return true
		case 0xe0:
			if next >= 0x80 && next < 0xa0 {
				return true
			}
		case 0xf0:
			if next >= 0x80 && next < 0x90 {
				return true
			}
		}
	}
	return false
}

// scriptEnd reports whether text begins with ".php" and goes on: what follows may be what a PHP
// application routes by. Caddy ignores the case here, so the check does, too.
func scriptEnd(text string) bool {
	return len(text) > len(".php") && text[0] == '.' && text[1]|0x20 == 'p' && text[2]|0x20 == 'h' && text[3]|0x20 == 'p'
}

// unhex decodes the escape that text begins with.
func unhex(text string) (byte, bool) {
	if len(text) < 3 || text[0] != '%' {
		return 0, false
	}
	high, low := digit(text[1]), digit(text[2])
	return high<<4 | low, high < 16 && low < 16
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}
