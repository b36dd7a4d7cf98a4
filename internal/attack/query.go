package attack

import (
	"regexp"
	"strconv"
	"strings"
)

// What fuzzing finds is judged by rules that are written down here once more, in other words than
// those of the product.

var (
	escapePattern = regexp.MustCompile(`\+|%[0-9A-Fa-f]{2}`)

	// BadEscape matches an escape of a query that is broken.
	BadEscape = regexp.MustCompile(`%($|[^0-9A-Fa-f]|[0-9A-Fa-f]($|[^0-9A-Fa-f]))`)
)

// Unescaped undoes the escapes of a query, of which none is broken.
func Unescaped(s string) string {
	return escapePattern.ReplaceAllStringFunc(s, func(escape string) string {
		if escape == "+" {
			return " "
		}
		b, _ := strconv.ParseUint(escape[1:], 16, 8)
		return string([]byte{byte(b)})
	})
}

// Parameters takes a query apart. ok is false if it is broken anywhere.
func Parameters(raw string) (values map[string][]string, ok bool) {
	if strings.Contains(raw, ";") || BadEscape.MatchString(raw) {
		return nil, false
	}
	values = make(map[string][]string)
	for _, pair := range strings.Split(raw, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			values[Unescaped(name)] = append(values[Unescaped(name)], Unescaped(value))
		}
	}
	return values, true
}

// LowerASCII is strings.ToLower for ASCII alone: some letters beyond it, such as the Kelvin
// sign, have an ASCII letter as their lower case.
func LowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}
