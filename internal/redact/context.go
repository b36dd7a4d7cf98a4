package redact

import (
	"bytes"
	"strings"
)

// context is what stands before a value.
type context struct {
	secret bool // its name, list or header says that it is secret
	list   bool // it is in a list, and so is what follows
	bare   bool // no quote and no = stands before it: it may be a number of JSON
	chosen bool // people choose such values: a passphrase is one, too
}

const (
	maxFiller = 32 // quotes, brackets, spaces and backslashes between a name and its value
	maxName   = 64 // of a longer name, only the end is read
	maxList   = 512
)

// context reads backwards from a value: its name, or what else says that it is secret.
func (s *scanner) context(v int) (c context) {
	if v == s.done {
		return c
	}
	c.bare = strings.IndexByte(" :,[\t\n\r+", s.line[v-1]) >= 0
	p, assigned, list, blank := s.beforeFiller(v)
	switch {
	case assigned:
		c.secret, c.chosen = s.isSecretName(p)
		c.list = list
	case p < v: // perhaps a further value of a list
		c.list, c.chosen = s.inSecretList(p)
		c.secret = c.list
	}
	if blank && !c.secret {
		c.secret, c.chosen = s.inPart(p)
	}
	switch last, begins := before(s.line, s.done, v); last {
	case '=':
		c.secret = s.inCookie(v) || c.secret
	case ' ', '+':
		c.secret = s.endsWith(begins, "bearer") < begins || s.endsWith(begins, "oauth") < begins || c.secret
	}
	return c
}

// beforeFiller skips what stands between a name and its value, and returns where the name
// ends. assigned says that it is a name: an = or a colon stands behind it, or, as in a
// multipart form, a quote and an empty line. blank says that an empty line stands there.
func (s *scanner) beforeFiller(v int) (p int, assigned, list, blank bool) {
	quoted, newlines := false, 0
	p = v
	for range maxFiller {
		if p == s.done {
			break
		}
		c, begins := before(s.line, s.done, p)
		switch c {
		case '=', ':':
			assigned = true
		case '"', '\'', '`':
			quoted = true
		case '[':
			list = list || !assigned
		case '\n', '\r':
			newlines += s.feeds(c, p)
		case '{':
			at := s.endsWith(begins, goList)
			if list || assigned || at == begins {
				return p, assigned, list, false
			}
			begins, list = at, true
		case ']':
			if !assigned {
				return p, false, false, false
			}
			begins = s.beforeIndex(begins)
		case ' ', '\t', '(', '\\', '>', '+':
		default:
			if isGraphic(c) {
				return p, assigned || quoted && newlines > 0, list, newlines > 1
			}
		}
		p = begins
	}
	return p, assigned || quoted && newlines > 0, list, newlines > 1
}

// isGraphic reports whether a byte is one that people see. What they do not, or what is no
// ASCII, a visitor can put beside any value.
func isGraphic(c byte) bool { return ' ' < c && c < 0x7f }

// feeds is 1 for the end of a line before p, and 0 for a carriage return.
func (s *scanner) feeds(c byte, p int) int {
	if c == '\n' && s.line[p-1] != 'r' { // before reads \r as a newline
		return 1
	}
	return 0
}

// inPart reads the headers of a multipart part that end at p, for its name. No byte is read twice.
func (s *scanner) inPart(end int) (secret, chosen bool) {
	low := max(end-maxList, s.done, s.noPart)
	s.noPart = end
	inToken, token, feeds := false, end, 0 // where the last word that was read ends
	for p := end; p > low; {
		c, begins := before(s.line, low, p)
		switch c {
		case '\n', '\r':
			if feeds += s.feeds(c, p); feeds > 1 {
				return false, false
			}
		case '=':
			at := s.endsWith(begins, "name")
			if at == begins {
				break
			}
			if left, _ := s.at(at); !isNameChar(left) { // a filename is none
				return s.isSecretName(token)
			}
		}
		if c != '\n' && c != '\r' {
			feeds = 0
		}
		if isNameChar(c) && !inToken {
			token = p
		}
		inToken, p = isNameChar(c), begins
	}
	return false, false
}

// at returns the character that ends at p, 0 where none does.
func (s *scanner) at(p int) (c byte, begins int) {
	if p == s.done {
		return 0, p
	}
	return before(s.line, s.done, p)
}

// beforeIndex skips the index of a name such as code[0].
func (s *scanner) beforeIndex(p int) int {
	for range 4 {
		if p == s.done {
			break
		}
		c, begins := before(s.line, s.done, p)
		if c < '0' || c > '9' {
			break
		}
		p = begins
	}
	return p
}

// isSecretName reads the name that ends at p. chosen says that people choose such values.
func (s *scanner) isSecretName(p int) (secret, chosen bool) {
	var space [maxName]byte
	i := len(space)
	for i > 0 && p > s.done {
		c, begins := before(s.line, s.done, p)
		if !isNameChar(c) {
			break
		}
		i--
		space[i], p = lower(c), begins
	}
	name := space[i:]
	switch string(name) {
	case "code", "state", "confirmation_code":
		return true, false // as a whole: there are a zipcode, a promo_code and a US-state
	}
	if bytes.HasPrefix(name, []byte("__host-http-")) {
		return true, false // a cookie, wherever it stands
	}
	// access_token, accessToken, X-Instagram-Access-Token
	letters := name[:0]
	for _, c := range name {
		if c != '_' && c != '-' {
			letters = append(letters, c)
		}
	}
	for _, ending := range endings {
		if bytes.HasSuffix(letters, ending) {
			return true, true
		}
	}
	return false, false
}

// endings are those of names of secrets, without what separates their words.
var endings = [][]byte{[]byte("signedrequest"), []byte("accesstoken"), []byte("secret"), []byte("secrets")}

// inSecretList reports whether a value is in a list with a secret name and values before it.
// What has been read once and led to no list is not read again.
func (s *scanner) inSecretList(end int) (secret, chosen bool) {
	p := end
	for low := max(p-maxList, s.done, s.listEnd, s.noList); p > low; {
		c, begins := before(s.line, low, p)
		switch {
		case c == '[', c == '{' && s.endsWith(begins, goList) < begins:
			name, assigned, _, _ := s.beforeFiller(p)
			if !assigned {
				return false, false
			}
			return s.isSecretName(name)
		case !inValue[c] && strings.IndexByte("\"',\\ +", c) < 0:
			s.noList = end
			return false, false
		}
		p = begins
	}
	if p == s.listEnd && p > 0 {
		return true, s.listChosen
	}
	s.noList = end
	return false, false
}

// goList stands before the { of a list that Go prints as it is written in a program.
const goList = "[]string"

// inCookie reports whether a value is in a Cookie or Set-Cookie header, which Caddy hides in
// lines of its own. Each byte is looked at once, however many cookies there are.
func (s *scanner) inCookie(v int) bool {
	found := s.cookie
	behind := byte(0)
	for p := v; p > s.cookieEnd; {
		c, begins := before(s.line, s.cookieEnd, p)
		if c == '{' {
			begins = s.endsWith(begins, goList)
		}
		switch {
		case c == ']' || c == '}' || c == '\n' || c == '\r' || c == '{' && begins == p-1:
			found = false
		case lower(c) == 'e' && strings.IndexByte("\":\\", behind) >= 0 && s.endsWith(p, "cookie") < p,
			lower(c) == 's' && strings.IndexByte("\":\\", behind) >= 0 && s.endsWith(begins, "cookie") < begins:
			found = true
		default:
			behind, p = c, begins
			continue
		}
		break
	}
	s.cookieEnd, s.cookie = v, found
	return found
}

// endsWith returns where a text begins that ends at p, in any case and however it is
// escaped; p where it does not stand there.
func (s *scanner) endsWith(p int, text string) int {
	start := p
	for i := len(text) - 1; i >= 0; i-- {
		if start == s.done {
			return p
		}
		c, begins := before(s.line, s.done, start)
		if lower(c) != text[i] {
			return p
		}
		start = begins
	}
	return start
}
