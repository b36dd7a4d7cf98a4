package instagram_test

import (
	"encoding/json"
	"strings"
)

// A reader of JSON for the second reading of the rules. It keeps what encoding/json merges or
// drops: members that come twice, their exact names, and numbers as they stand there.

// A value is a JSON value. raw is its text, without the space around it.
type value struct {
	kind    byte // one of o, a, s, n, b, 0: object, array, string, number, truth value, null
	raw     string
	text    string // of a string, decoded
	members []member
	items   []value
}

type member struct {
	name  string
	value value
}

// parseJSON reads one value and nothing else.
func parseJSON(body string) (v value, ok bool) {
	if !json.Valid([]byte(body)) {
		return v, false
	}
	p := &parser{rest: body}
	return p.value(), true
}

// parser reads a text that is known to be valid.
type parser struct{ rest string }

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take takes a byte away where it is the next one.
func (p *parser) take(b byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != b {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) value() (v value) {
	p.space()
	whole := p.rest
	switch whole[0] {
	case '{':
		v = p.object()
	case '[':
		v = p.array()
	case '"':
		v = value{kind: 's', text: p.text()}
	default:
		end := strings.IndexAny(whole, ",]} \t\r\n")
		if end < 0 {
			end = len(whole)
		}
		p.rest = whole[end:]
		v.kind = map[byte]byte{'t': 'b', 'f': 'b', 'n': '0'}[whole[0]]
		if v.kind == 0 {
			v.kind = 'n'
		}
	}
	v.raw = whole[:len(whole)-len(p.rest)]
	return v
}

func (p *parser) object() value {
	v := value{kind: 'o'}
	p.take('{')
	for !p.take('}') {
		p.space()
		name := p.text()
		p.take(':')
		v.members = append(v.members, member{name, p.value()})
		p.take(',')
	}
	return v
}

func (p *parser) array() value {
	v := value{kind: 'a'}
	p.take('[')
	for !p.take(']') {
		v.items = append(v.items, p.value())
		p.take(',')
	}
	return v
}

// text reads a string, which encoding/json decodes: how escapes are written is no rule of
// Instagram's.
func (p *parser) text() (text string) {
	end := 1
	for p.rest[end] != '"' {
		if p.rest[end] == '\\' {
			end++
		}
		end++
	}
	_ = json.Unmarshal([]byte(p.rest[:end+1]), &text)
	p.rest = p.rest[end+1:]
	return text
}

// get returns the member of this exact name, null where there is none. once is false where
// the name comes again, or in another spelling: parsers differ about which one counts.
func (v *value) get(name string) (found value, once bool) {
	found, once = value{kind: '0'}, true
	seen := 0
	for _, m := range v.members {
		if strings.EqualFold(m.name, name) {
			seen++
			found = m.value
			once = seen == 1 && m.name == name
		}
	}
	return found, once
}

// all returns the values of a name in each spelling.
func (v *value) all(name string) (found []value) {
	for _, m := range v.members {
		if strings.EqualFold(m.name, name) {
			found = append(found, m.value)
		}
	}
	return found
}

// clear reports whether each of these names comes at most once, and spelled like this.
func (v *value) clear(names ...string) bool {
	for _, name := range names {
		if _, once := v.get(name); !once {
			return false
		}
	}
	return true
}
