package routes

import (
	"net/url"
	"regexp/syntax"
	"slices"
	"strings"
)

// within is what stands for anything in a sample.
const within = "x"

// ofPattern returns addresses that a pattern of a path matcher stands for.
func ofPattern(pattern string) (paths []string) {
	if strings.Contains(pattern, "{") || strings.Contains(pattern, " /") || pattern == "" {
		return nil
	}
	pattern = strings.ReplaceAll(pattern, "%*", "*")
	fill := func(by string) string {
		path := strings.ReplaceAll(pattern, "*", by)
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		return path
	}
	if !strings.Contains(pattern, "*") {
		return []string{fill("")}
	}
	paths = append(paths, fill(""), fill(within))
	if strings.HasSuffix(pattern, "*") && !strings.HasSuffix(pattern, "/*") && !isEscaped(pattern) {
		paths = append(paths, fill("/"+within), fill("/"))
	}
	return paths
}

// isEscaped reports whether a pattern is compared with addresses as they are escaped.
func isEscaped(pattern string) bool {
	_, err := url.PathUnescape(pattern)
	return strings.Contains(pattern, "%") && err == nil
}

// addressed sets the path of an address, as a sample has it.
func addressed(u *url.URL, path string) {
	u.Path, u.RawPath = path, ""
	if isEscaped(path) {
		u.Path, _ = url.PathUnescape(path) // it can be
		u.RawPath = path
	}
}

// ofBoth returns an address that two patterns stand for; ok is false if there is none.
func ofBoth(a, b string) (path string, ok bool) {
	if strings.ContainsAny(a+b, "{ ?[\\") || a == "" || b == "" || !strings.Contains(a+b, "*") {
		return "", false
	}
	a, b = strings.ToLower(strings.ReplaceAll(a, "%*", "*")), strings.ToLower(strings.ReplaceAll(b, "%*", "*"))
	m := meeting{a, b, make(map[[2]int]bool)}
	if path, ok = m.from(0, 0); ok && !strings.HasPrefix(path, "/") {
		path = "/" + within + path
	}
	return path, ok
}

// meeting looks for a text that two patterns stand for.
type meeting struct {
	a, b string
	been map[[2]int]bool // places from which there is none
}

func (m *meeting) from(i, j int) (rest string, ok bool) {
	if i == len(m.a) && j == len(m.b) {
		return "", true
	}
	if m.been[[2]int{i, j}] {
		return "", false
	}
	m.been[[2]int{i, j}] = true
	anyA, anyB := i < len(m.a) && m.a[i] == '*', j < len(m.b) && m.b[j] == '*'
	if anyA {
		if rest, ok = m.from(i+1, j); ok {
			return rest, true
		}
	}
	if anyB {
		if rest, ok = m.from(i, j+1); ok {
			return rest, true
		}
	}
	switch {
	case anyA && j < len(m.b) && !anyB:
		rest, ok = m.from(i, j+1)
		rest = m.b[j:j+1] + rest
	case anyB && i < len(m.a) && !anyA:
		rest, ok = m.from(i+1, j)
		rest = m.a[i:i+1] + rest
	case i < len(m.a) && j < len(m.b) && m.a[i] == m.b[j]:
		rest, ok = m.from(i+1, j+1)
		rest = m.a[i:i+1] + rest
	}
	return rest, ok
}

// ofRegexp returns an address that a regular expression matches, "" if none is found easily.
func ofRegexp(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	path := example(parsed.Simplify())
	if !strings.HasPrefix(path, "/") {
		path = "/" + within + path
	}
	return path
}

// example writes a text that a regular expression matches, if it has no word boundaries.
func example(r *syntax.Regexp) string {
	var b strings.Builder
	switch r.Op {
	case syntax.OpLiteral:
		b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		b.WriteRune(oneOf(r.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(within)
	case syntax.OpCapture, syntax.OpPlus, syntax.OpStar, syntax.OpQuest:
		b.WriteString(example(r.Sub[0]))
	case syntax.OpRepeat:
		b.WriteString(strings.Repeat(example(r.Sub[0]), max(r.Min, 1)))
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			b.WriteString(example(sub))
		}
	case syntax.OpAlternate:
		b.WriteString(example(r.Sub[0]))
	}
	return b.String()
}

// oneOf returns a character of a class, a letter if there is one.
func oneOf(class []rune) rune {
	for _, wanted := range within + "a0" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= wanted && wanted <= class[i+1] {
				return wanted
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}

// What is tried is bounded, because Caddy waits for it.
const (
	mostPatterns = 64      // of a block, of which samples are tried
	mostPrefixes = 64      // that stand in front of samples
	mostMeetings = 100_000 // pairs of a pattern of a block and another one
	mostSamples  = 4_000
)

// spread returns at most n of many, from the first to the last.
func spread[E any](all []E, n int) []E {
	if len(all) <= n {
		return all
	}
	some := make([]E, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// samples returns addresses for all patterns of a tree. first are the patterns that matter most.
func (t *tree) samples(first []string) []string {
	var paths []string
	var open []string // a regular expression may go on, unless it ends in $
	for _, pattern := range spread(t.regexps, mostPatterns) {
		if path := ofRegexp(pattern); path != "" {
			open = append(open, path+"*")
		}
	}
	first, most := spread(first, mostPatterns), max(mostPatterns, mostMeetings/max(len(first), 1))
	all := slices.Concat(first, spread(slices.Concat(t.patterns, t.guesses), most), spread(t.guarded, mostPatterns), open)
	for _, pattern := range all {
		paths = append(paths, ofPattern(pattern)...)
	}
	for _, one := range first {
		for _, other := range all {
			if !mayMeet(one, other) {
				continue
			}
			if path, ok := ofBoth(one, other); ok {
				paths = append(paths, path)
			}
		}
	}
	for _, pattern := range t.regexps {
		if path := ofRegexp(pattern); path != "" {
			paths = append(paths, path)
		}
	}
	paths = append(paths, "/", "/"+within)
	for _, prefix := range spread(t.prefixes, mostPrefixes) {
		if strings.Contains(prefix, "{") {
			continue
		}
		for _, path := range spread(paths, (max(mostSamples-len(paths), 0)+mostPatterns-1)/mostPatterns) {
			paths = append(paths, "/"+strings.Trim(prefix, "/")+path)
		}
	}
	return once(paths)
}

// once returns each text of a list once.
func once(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(text string) bool {
		known := seen[text]
		seen[text] = true
		return known
	})
}

// mayMeet reports whether two patterns agree before their wildcards.
func mayMeet(a, b string) bool {
	a, _, _ = strings.Cut(strings.ReplaceAll(a, "%*", "*"), "*")
	b, _, _ = strings.Cut(strings.ReplaceAll(b, "%*", "*"), "*")
	n := min(len(a), len(b))
	return strings.EqualFold(a[:n], b[:n])
}
