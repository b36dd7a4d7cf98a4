package redact

// maxNesting is how many times an escape may be escaped again: %3D, %253D and so on.
const maxNesting = 8

// before returns the character that ends at p and where it begins. Percent escapes, also
// escaped ones, those of JSON and Go, and those of HTML count as what they stand for.
func before(line []byte, low, p int) (c byte, begins int) {
	c, begins = line[p-1], p-1
	if digit(c) >= 0 && p-3 >= low && digit(line[p-2]) >= 0 {
		decoded := byte(digit(line[p-2])<<4 | digit(c))
		if start, ok := percentBefore(line, low, p-2); ok {
			return decoded, start
		}
		if p-6 >= low && line[p-6] == '\\' && line[p-5] == 'u' && line[p-4] == '0' && line[p-3] == '0' {
			return decoded, backslashes(line, low, p-6)
		}
		if p-4 >= low && line[p-4] == '\\' && line[p-3] == 'x' {
			return decoded, p - 4
		}
	}
	if p-2 >= low && line[p-2] == '\\' && isControl(c) {
		return '\n', p - 2
	}
	if c == ';' {
		return entityBefore(line, low, p)
	}
	return c, begins
}

// backslashes returns where those in a row begin that stand before p, where JSON is in JSON.
func backslashes(line []byte, low, p int) int {
	for n := 0; n < maxNesting && p > low && line[p-1] == '\\'; n++ {
		p--
	}
	return p
}

// percentBefore returns where the percent sign stands whose two digits begin at p.
func percentBefore(line []byte, low, p int) (int, bool) {
	for range maxNesting {
		if p-1 >= low && line[p-1] == '%' {
			return p - 1, true
		}
		if p-2 < low || line[p-2] != '2' || line[p-1] != '5' {
			return 0, false
		}
		p -= 2
	}
	return 0, false
}

// isControl reports whether a letter behind a backslash is a tab, the end of a line or such.
func isControl(c byte) bool { return c == 'n' || c == 'r' || c == 't' || c == 'b' || c == 'f' }

var entities = []struct {
	text string
	is   byte
}{{"&quot;", '"'}, {"&#34;", '"'}, {"&#39;", '\''}, {"&amp;", '&'}, {"&#61;", '='}, {"&#x3d;", '='}}

func entityBefore(line []byte, low, p int) (byte, int) {
	for _, e := range entities {
		if at := p - len(e.text); at >= low && foldedIs(line[at:p], e.text) {
			return e.is, at
		}
	}
	return ';', p - 1
}

// escapeAt decodes the percent escape at p. Where there is none, next is p.
func escapeAt(line []byte, p, to int) (c byte, next int) {
	if line[p] != '%' {
		return 0, p
	}
	i := p + 1
	for n := 0; n < maxNesting && i+3 < to && line[i] == '2' && line[i+1] == '5' && digit(line[i+2]) >= 0 && digit(line[i+3]) >= 0; n++ {
		i += 2
	}
	if i+1 >= to || digit(line[i]) < 0 || digit(line[i+1]) < 0 {
		return 0, p
	}
	return byte(digit(line[i])<<4 | digit(line[i+1])), i + 2
}

// valueEnd returns where a value ends, and its length in characters.
func valueEnd(line []byte, p, to int) (end, n int) {
	for p < to {
		if c, next := escapeAt(line, p, to); next > p {
			if !inValue[c] {
				break
			}
			p = next
		} else {
			p++
		}
		n++
	}
	return p, n
}

// nextEscape returns where the next escape ends that is no part of a value.
func nextEscape(line []byte, p, to int) int {
	for p < to {
		c, next := escapeAt(line, p, to)
		if next == p {
			p++
			continue
		}
		if p = next; !inValue[c] {
			break
		}
	}
	return p
}

// afterEscape skips what is left at the beginning of a run of an escape of JSON or Go,
// whose backslash stands before the run.
func afterEscape(line []byte, from, to int) int {
	if from == 0 || line[from-1] != '\\' {
		return from
	}
	digits := 0
	switch c := line[from]; {
	case isControl(c):
	case c == 'u':
		digits = 4
	case c == 'x':
		digits = 2
	default:
		return from
	}
	return min(from+1+digits, to)
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// foldedIs compares with a text in lower case.
func foldedIs(b []byte, text string) bool {
	if len(b) != len(text) {
		return false
	}
	for i := range b {
		if lower(b[i]) != text[i] {
			return false
		}
	}
	return true
}
