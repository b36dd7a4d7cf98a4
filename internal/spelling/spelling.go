// Package spelling knows what people mean who mistype a name, and keeps secrets in the wrong place
// out of what they are told.
package spelling

import (
	"regexp"
	"slices"
	"strings"
)

// farthest is how many letters may be wrong.
const farthest = 2

// Nearest returns the name that a word stands for, "" if none is near: at most two letters are
// missing, too many, swapped or others.
func Nearest(word string, names []string) string {
	best, distance := "", farthest+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		// In a short word two letters make another one.
		if d := between(plain(word), plain(name)); d < distance && d <= max(len(name)/3, 1) {
			best, distance = name, d
		}
	}
	return best
}

// plain returns a word without what people do not care about: capital letters, and what joins words.
func plain(word string) string {
	return strings.NewReplacer("-", "_", " ", "_", "'", "", "\"", "", "[", "", "]", "").Replace(strings.ToLower(word))
}

// between counts the letters that lie between two words. (Optimal string alignment.)
func between(a, b string) int {
	previous, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], previous[j-2]+1)
			}
		}
		previous = before
	}
	return row[len(b)]
}

// secret matches what secrets look like: long runs of letters and digits. slashed matches those in
// Base64 that have slashes in them, as paths have.
var (
	secret  = regexp.MustCompile(`[A-Za-z0-9+=_-]{24,}`)
	slashed = regexp.MustCompile(`[A-Za-z0-9+/=_-]{24,}`)
)

// words matches what stands between spaces and quotes, and file matches those that are the path of
// a file: no secret begins like one.
var (
	words = regexp.MustCompile(`[^\s"'<>=,;]+|=`)
	file  = regexp.MustCompile(`^/[a-zA-Z]{1,8}/[^/]`)
)

// WithoutSecrets returns a text without what looks like a secret.
func WithoutSecrets(text string) string {
	return words.ReplaceAllStringFunc(text, func(word string) string {
		if file.MatchString(word) {
			return word
		}
		word = slashed.ReplaceAllStringFunc(word, func(part string) string {
			if strings.Contains(part, "/") && isMixed(part) {
				return "…"
			}
			return part
		})
		return secret.ReplaceAllStringFunc(word, func(part string) string {
			if !strings.ContainsAny(part, "0123456789") {
				return part
			}
			return "…"
		})
	})
}

// isMixed reports whether a text has capital and small letters and digits, which few paths have.
func isMixed(text string) bool {
	var capital, small, digit bool
	for _, r := range text {
		capital = capital || 'A' <= r && r <= 'Z'
		small = small || 'a' <= r && r <= 'z'
		digit = digit || '0' <= r && r <= '9'
	}
	return capital && small && digit
}

// secretOption matches a line with an option whose values are secrets, also if its name is
// mistyped or that of another program.
var secretOption = regexp.MustCompile(`^(\s*(?:session\s+)?["']?[\w-]*(?i:sec+r?e?t|secert|passw|keys?\b)[\w-]*["']?(?:\s*[=:]+\s*|\s+))(.*)`)

// placeholder matches one: a name, and no secret.
var placeholder = regexp.MustCompile(`^\{(?:\$|(?:env|file)[.:])[^{}\s]*\}$`)

// OfOption returns a line of a Caddyfile without the values of an option that takes secrets.
// Placeholders stay: they are names.
func OfOption(line string) string {
	found := secretOption.FindStringSubmatch(line)
	if found == nil {
		return line
	}
	return found[1] + hidden(found[2])
}

// hidden returns a text without its words, but for placeholders.
func hidden(text string) string {
	values := strings.Fields(text)
	for i, value := range values {
		if !placeholder.MatchString(value) {
			values[i] = "…"
		}
	}
	return strings.Join(values, " ")
}
