// Package redact takes what a sign-in must keep secret out of a finished log line.
package redact

// Word replaces a value. It needs no escaping, in whatever the line is written.
const Word = "REDACTED"

// MinLength is how long a value must be to be hidden, in characters after decoding.
// Authorization codes had 32 characters in Instagram's first years and have more than a
// hundred now. App secrets have 32, states 239 and signed requests more. What people type,
// such as ?code=SUMMER-SALE, is shorter.
const MinLength = 32

// inValue holds the characters that a value is made of. '%' begins an escape.
var inValue = func() (in [256]bool) {
	for c := range in {
		in[c] = isNameChar(byte(c)) || c == '.' || c == '~' || c == '%' || c == '|'
	}
	return in
}()

func isNameChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// Line replaces codes, states, signed requests, tokens, secrets and cookies by Word. It changes
// the line in place, never makes it longer and allocates nothing. A valid JSON line stays valid.
//
// Secrets are long, and most of a log line is not. So the names before the values are read
// only where a long value stands, and a line without one costs a look at few of its bytes.
func Line(line []byte) []byte {
	from, to := nextRun(line, 0)
	if from == to {
		return line
	}
	s := scanner{line: line}
	for from < to {
		s.look(from, to)
		from, to = nextRun(line, to)
	}
	if s.done == 0 {
		return line
	}
	s.out += copy(line[s.out:], line[s.done:])
	return line[:s.out]
}

// nextRun returns the next MinLength or more characters of values in a row. Where there are
// none, from and to are the same. It looks at the place where a run from here would have to
// go on, and backwards from there: a separator on the way says how far it can jump.
func nextRun(line []byte, at int) (from, to int) {
	for at+MinLength <= len(line) {
		window := (*[MinLength]byte)(line[at:]) // saves the checks of bounds
		i := MinLength - 1
		for i >= 0 && inValue[window[i]] {
			i--
		}
		if i >= 0 {
			at += i + 1
			continue
		}
		to = at + MinLength
		for to < len(line) && inValue[line[to]] {
			to++
		}
		return at, to
	}
	return len(line), len(line)
}

// scanner redacts one line. What is below done has been written to the first out bytes of
// the line, and cannot be read again.
type scanner struct {
	line      []byte
	out, done int

	// A list goes on where the last value of it ended. What stands before noList is in none.
	listEnd, noList int
	noPart          int  // what stands before it is in another part of a multipart form
	listChosen      bool // see context
	// cookie says whether what stands before cookieEnd is in a Cookie or Set-Cookie header.
	cookieEnd int
	cookie    bool
}

// look redacts what is secret in a run. A value begins with the run, or behind an escape in
// it: an address within another one is a single run, with its names and separators.
func (s *scanner) look(from, to int) {
	v := afterEscape(s.line, from, to)
	for first := true; to-v >= MinLength; first = false {
		// The length comes first: a visitor can send a million escapes with nothing between them.
		end, n := valueEnd(s.line, v, to)
		if n >= MinLength {
			if c := s.context(v); c.secret || hasShape(s.line[v:to]) {
				value := s.line[v:end]
				if (c.chosen || !isWords(value)) && !(first && c.bare && isNumber(value)) {
					s.redact(v, end)
				}
				if c.list {
					s.listEnd, s.listChosen = end, c.chosen
				}
			}
		}
		v = nextEscape(s.line, max(v, end), to)
	}
}

func (s *scanner) redact(from, to int) {
	s.inCookie(from) // while what stands before can be read
	s.out += copy(s.line[s.out:], s.line[s.done:from])
	s.out += copy(s.line[s.out:], Word)
	s.done = to
	s.cookieEnd = to
}

// shapes are the beginnings of values that are secret under any name, and how long they are
// at least: access tokens in a header of the operator's choice, today's codes, and the body
// of a callback from Meta in base64, as log_append can write it.
var shapes = []struct {
	prefix string
	length int
}{{"IGA", 40}, {"IGQ", 40}, {"AQ", 100}, {"c2lnbmVkX3JlcXVlc3Q9", MinLength}}

func hasShape(run []byte) bool {
	for _, s := range shapes {
		if len(run) >= s.length && string(run[:len(s.prefix)]) == s.prefix {
			return true
		}
	}
	return false
}

// isWords reports whether a value is made of words, as UNABLE_TO_VERIFY_LEAF_SIGNATURE is.
// Of a thousand million million random states, fewer than one is.
func isWords(value []byte) bool {
	var lower, upper, separators int
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		case c == '_' || c == '-' || c == '.':
			separators++
		default:
			return false
		}
	}
	return separators > 0 && (lower == 0 || upper == 0)
}

// isNumber reports whether a value may be a number of JSON, which a word must not replace.
func isNumber(value []byte) bool {
	for _, c := range value {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != 'e' && c != 'E' {
			return false
		}
	}
	return true
}
