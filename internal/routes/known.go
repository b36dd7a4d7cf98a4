package routes

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// What a matcher may look at without asking for more than the address.

// known are the placeholders whose values are known.
var known = []string{
	"http.request.uri", "http.request.uri.path", "http.request.uri.path.", "http.request.orig_uri", "http.request.orig_uri.path", "http.request.orig_uri.path.",
	"http.request.host", "http.request.host.", "http.request.scheme", "http.request.hostport", "http.error.", "http.vars.",
}

func knownPlaceholder(key string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) })
}

// placeholders matches the placeholders in a value.
var placeholders = regexp.MustCompile(`\{([^{}]+)\}`)

// knows reports whether all placeholders in a value are known.
func (s *Step) knows(value string) bool {
	for _, found := range placeholders.FindAllStringSubmatch(value, -1) {
		_, file := s.files[found[1]]
		if !file && (!knownPlaceholder(found[1]) || s.of.Any && strings.HasPrefix(found[1], "http.request.uri.query")) {
			return false
		}
	}
	return true
}

// knowsAll is for the keys of a vars matcher: names of variables, or placeholders.
func (s *Step) knowsAll(keys iter.Seq[string]) bool {
	for key := range keys {
		if !s.knows(key) {
			return false
		}
	}
	return true
}

// quoted matches the strings in an expression, word a name in it.
var (
	quoted = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")
	word   = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9.]*`)
)

// harmless are the functions of an expression that look at nothing but the address and what they
// are given.
var harmless = []string{"path", "path_regexp", "host", "startsWith", "endsWith", "contains", "matches", "size", "in", "true", "false", "lowerAscii", "upperAscii", "string", "int"}

// knowsExpression reports whether an expression looks at nothing but what is known.
func (s *Step) knowsExpression(text string) bool {
	if !s.knows(text) {
		return false
	}
	text = placeholders.ReplaceAllString(quoted.ReplaceAllString(text, "0"), "0")
	for _, name := range word.FindAllString(text, -1) {
		if !slices.Contains(harmless, strings.TrimPrefix(name, ".")) {
			return false
		}
	}
	return true
}

// NoSuchFile is the condition of an ending that only files for addresses of their own avoid.
const NoSuchFile = "there is no such file"

// file is the answer of a file matcher: it may find each of the files that it tries.
func (s *Step) file(m *fileserver.MatchFile) reply {
	r := reply{Answer: Maybe, usual: Maybe, why: "which files there are", failsIf: NoSuchFile}
	tries := m.TryFiles
	if len(tries) == 0 {
		tries = []string{"{http.request.uri.path}"}
	}
	for _, try := range tries {
		if status, is := strings.CutPrefix(try, "="); is {
			r.fails = status3(status)
			continue
		}
		if !strings.Contains(try, "{") {
			r.failsIf = r.why
		}
		file := ""
		if s.unclear() == "" && s.knows(try) && !strings.ContainsAny(try, "*?[") && len(m.SplitPath) == 0 {
			file = replacer(s.Request).ReplaceAll(try, "")
			if path, _, _ := strings.Cut(file, "?"); path != "" && !strings.HasPrefix(path, "/") {
				file = "/" + file
			}
		}
		r.files = append(r.files, map[string]string{relativeFile: file})
	}
	return r
}

// relativeFile is the placeholder that a file matcher sets; without a value here, nobody knows it.
const relativeFile = "http.matchers.file.relative"

// status3 reads a status, 500 if it is none.
func status3(text string) int {
	if len(text) != 3 {
		return 500
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 500
		}
		n = n*10 + int(c-'0')
	}
	return n
}
