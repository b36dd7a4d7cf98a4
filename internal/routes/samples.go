package routes

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// Addresses to try: for each pattern in the routes some that it stands for.

// within is what stands for anything in a sample.
const within = "x"

// ofPattern returns addresses that a pattern of a path matcher stands for.
func ofPattern(pattern string) (paths []string) {
	if strings.ContainsAny(pattern, "{ ") || pattern == "" {
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
	if strings.HasSuffix(pattern, "*") && !strings.HasSuffix(pattern, "/*") {
		paths = append(paths, fill("/"+within), fill("/"))
	}
	return paths
}

// crossed returns addresses that lie below the prefix of one pattern and end as another.
func crossed(prefix, suffix string) (path string, ok bool) {
	front, isPrefix := strings.CutSuffix(prefix, "*")
	back, isSuffix := strings.CutPrefix(suffix, "*")
	if !isPrefix || !isSuffix || strings.ContainsAny(front+back, "*{ ") || front == "" || back == "" {
		return "", false
	}
	return strings.TrimSuffix(front, "/") + "/" + within + back, true
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

// samples returns addresses for all patterns of a tree: what a route may treat in a way of its own
// is among them. first are the patterns that matter most.
func (t *tree) samples(first []string) []string {
	var paths []string
	all := slices.Concat(first, t.patterns)
	for _, pattern := range all {
		paths = append(paths, ofPattern(pattern)...)
	}
	suffixes := slices.DeleteFunc(slices.Clone(t.patterns), func(pattern string) bool { return !strings.HasPrefix(pattern, "*") })
	for _, suffix := range suffixes {
		for _, prefix := range all {
			if path, ok := crossed(prefix, suffix); ok {
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
	for _, prefix := range t.prefixes {
		for _, path := range paths[:len(paths):len(paths)] {
			if prefix != "" && !strings.Contains(prefix, "{") {
				paths = append(paths, "/"+strings.Trim(prefix, "/")+path)
			}
		}
	}
	seen := make(map[string]bool, len(paths))
	return slices.DeleteFunc(paths, func(path string) bool {
		known := seen[path]
		seen[path] = true
		return known
	})
}
