package headerguard

import (
	"net/http"
	"slices"
	"strings"
)

// CutCookies cuts the cookies whose name is ours out of a request. The bytes and
// the order of all others stay as they are, because sites rely on both: nothing is
// parsed and written anew. A Cookie line that becomes empty goes. [H5]
func CutCookies(headers http.Header, ours func(name string) bool) {
	lines, present := headers["Cookie"]
	if !present {
		return
	}
	// The request's own slice is written over: what is kept is never longer.
	kept := lines[:0]
	for _, line := range lines {
		if rest := cutLine(line, ours); rest != "" || line == "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		delete(headers, "Cookie")
		return
	}
	headers["Cookie"] = kept
}

// CutOne is CutCookies where it is known that a single pair is ours and where it stands:
// in this line, from behind the semicolon in front of it to the semicolon behind it. It
// saves the search, and where the pair is at an end of its line, as it mostly is, a copy.
func CutOne(headers http.Header, line, start, end int) {
	lines := headers["Cookie"]
	whole := lines[line]
	rest := ""
	switch {
	case start == 0 && end == len(whole):
	case start == 0:
		rest = trimLine(whole[end+1:])
	case end == len(whole):
		rest = trimLine(whole[:start])
	default:
		rest = trimLine(whole[:start] + whole[end+1:])
	}
	switch {
	case rest != "":
		lines[line] = rest // the request's own slice is written over
	case len(lines) == 1:
		delete(headers, "Cookie")
	default:
		headers["Cookie"] = slices.Delete(lines, line, line+1)
	}
}

// cutLine returns a Cookie line without our pairs. A pair goes together with the
// semicolon and the space that set it apart from its neighbour.
func cutLine(line string, ours func(string) bool) string {
	var kept strings.Builder // of room for the whole line, so that many pairs cost no more than one
	copied := 0              // what of line stands in kept or has been left out
	for start := 0; start < len(line); {
		end := len(line)
		if i := strings.IndexByte(line[start:], ';'); i >= 0 {
			end = start + i
		}
		if ours(pairName(line[start:end])) {
			kept.Grow(len(line) - kept.Len())
			kept.WriteString(line[copied:start])
			copied = min(end+1, len(line))
		}
		start = end + 1
	}
	if copied == 0 {
		return line
	}
	kept.WriteString(line[copied:])
	return trimLine(kept.String())
}

// trimLine tidies up a line that a pair was cut out of. Where the first one went, the space
// before the second leads; where the last went, the semicolon before it is left over.
func trimLine(line string) string {
	return strings.TrimRight(strings.TrimLeft(line, " \t"), "; \t")
}

func pairName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return strings.Trim(name, " \t")
}

// maxValue is the longest header value that is handed on, in bytes. [H4]
const maxValue = 256

// EncodeValue returns a value as visible ASCII: spaces, percent signs and every byte outside are
// percent-encoded. ok is false if it is too long for a header. [H4]
func EncodeValue(value string) (encoded string, ok bool) {
	plain := true
	for i := 0; i < len(value) && plain; i++ {
		plain = isPlain(value[i])
	}
	if plain {
		return value, len(value) <= maxValue
	}
	if len(value) > maxValue {
		return "", false
	}
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, 3*len(value))
	for _, b := range []byte(value) {
		if isPlain(b) {
			out = append(out, b)
			continue
		}
		out = append(out, '%', hex[b>>4], hex[b&15])
	}
	return string(out), len(out) <= maxValue
}

func isPlain(b byte) bool { return '!' <= b && b <= '~' && b != '%' }
