package routes

import (
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// known are the placeholders whose values are known.
var known = []string{
	"http.request.uri", "http.request.uri.path", "http.request.uri.path.", "http.request.orig_uri", "http.request.orig_uri.path", "http.request.orig_uri.path.",
	"http.request.host", "http.request.host.", "http.request.scheme", "http.request.hostport", "http.error.status_code", "http.vars.",
}

// spelled are known placeholders that a request for the same address can have in other ways: with
// a query, with another port, or through another listener.
var spelled = []string{"http.request.uri", "http.request.orig_uri", "http.request.hostport", "http.request.scheme"}

// byClient are variables that Caddy sets by the client's address.
var byClient = []string{caddyhttp.ClientIPVarKey, caddyhttp.TrustedProxyVarKey}

func knownPlaceholder(key string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) })
}

// placeholders matches the placeholders in a value.
var placeholders = regexp.MustCompile(`\{([^{}]+)\}`)

// knows reports whether all placeholders in a value are known.
func (s *Step) knows(value string) bool {
	for _, found := range placeholders.FindAllStringSubmatch(value, -1) {
		_, file := s.files[found[1]]
		variable, is := strings.CutPrefix(found[1], "http.vars.")
		switch {
		case file:
		case is && !s.knowsVariable(variable), s.otherHost && strings.HasPrefix(found[1], "http.request.host"), !knownPlaceholder(found[1]):
			return false
		}
	}
	return true
}

func (s *Step) knowsVariable(key string) bool {
	return !slices.Contains(byClient, key) && !slices.Contains(s.hidden, key)
}

// decides reports whether a value is the same in all requests that a walk is about.
func (s *Step) decides(value string) bool {
	return !strings.Contains(value, "{") || s.knows(value) &&
		!(s.of.Any && slices.ContainsFunc(spelled, func(key string) bool { return strings.Contains(value, "{"+key+"}") }))
}

func (s *Step) decidesAll(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !s.decides(value) })
}

// knowsAll is for the keys of a vars matcher: names of variables, or placeholders.
func (s *Step) knowsAll(keys iter.Seq[string]) bool {
	for key := range keys {
		if !s.decides(key) || !strings.Contains(key, "{") && !s.knowsVariable(key) {
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

// ours are the functions of an expression that Caddy has itself and that read nothing but the
// request: an expression with another one is never tried.
var ours = slices.Concat(harmless, []string{"client_ip", "header", "header_regexp", "method", "protocol", "query", "remote_ip", "vars", "vars_regexp"})

// onlyCalls reports whether all names in an expression are among those.
func onlyCalls(text string, names []string) bool {
	text = placeholders.ReplaceAllString(quoted.ReplaceAllString(text, "0"), "0")
	for _, name := range word.FindAllString(text, -1) {
		if !slices.Contains(names, strings.TrimPrefix(name, ".")) {
			return false
		}
	}
	return true
}

// The conditions of an ending that depends on files.
const (
	suchFile    = "there is such a file"         // for the address itself
	NoSuchFile  = "there is no such file"        // avoided only by files for addresses of their own
	aFile       = "there is a file "             // before a name that is the same for all addresses
	noneOfThese = "there is none of these files" // avoided by a file with one name for all addresses
)

// foundFile is a file that a file matcher may find.
type foundFile struct {
	relative string // below the root; "" where only the request itself tells
	why      string // what must be so for it to be found
}

// file is the answer of a file matcher: it may find each of the files that it tries.
func (s *Step) file(m *fileserver.MatchFile) reply {
	r := reply{Answer: Maybe, usual: Maybe, why: suchFile, whyNot: NoSuchFile, failsIf: NoSuchFile}
	tries := m.TryFiles
	if len(tries) == 0 {
		tries = []string{"{http.request.uri.path}"}
	}
	for _, try := range tries {
		if status, is := strings.CutPrefix(try, "="); is {
			r.fails = status3(status)
			continue
		}
		why := suchFile
		if !strings.Contains(try, "{") {
			why = aFile + try
			r.whyNot, r.failsIf = noneOfThese, noneOfThese
		}
		file := ""
		if s.unclear() == "" && s.knows(try) && !strings.ContainsAny(try, "*?[") {
			file = upTo(m.SplitPath, replacer(s.Request).ReplaceAll(try, ""))
			if path, _, _ := strings.Cut(file, "?"); path != "" && !strings.HasPrefix(path, "/") {
				file = "/" + file
			}
		}
		r.files = append(r.files, foundFile{file, why})
	}
	return r
}

// upTo cuts a path behind the first of some endings, as a file matcher does that splits paths.
func upTo(endings []string, path string) string {
	for _, ending := range endings {
		if i := strings.Index(strings.ToLower(path), strings.ToLower(ending)); i >= 0 {
			return path[:i+len(ending)]
		}
	}
	return path
}

// relativeFile is the placeholder that a file matcher sets; without a value here, nobody knows it.
const relativeFile = "http.matchers.file.relative"

// status3 reads a status, 500 if it is none.
func status3(text string) int {
	status, err := strconv.ParseUint(text, 10, 16)
	if len(text) != 3 || err != nil {
		return 500
	}
	return int(status)
}
