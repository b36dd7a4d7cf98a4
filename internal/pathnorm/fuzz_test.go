package pathnorm

import (
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// server is a second description of what servers do to a path, written apart from the first: it
// goes through a list of segments where the package works on texts, and knows nothing of its steps.
type server struct {
	before    stage // before it decodes
	decodings int   // 0: it compares raw paths, but for what is always the same
	backslash bool  // is a slash
	end       string
	dropNUL   bool
	breaks    bool // tabs and line breaks are dropped
	after     stage
	script    bool // it routes by what follows the first ".php"
}

type stage struct {
	parameters, encodedParameters bool // are cut off
	dots                          dots
}

type dots int

const (
	dotsLiteral dots = iota
	dotsMerged       // and empty segments are left out
	dotsByRFC
	dotsByWHATWG // encoded dots are dots
)

func (s stage) apply(path string) string {
	var out []string
	segments := strings.Split(path, "/")[1:]
	last := len(segments) - 1
	for i, segment := range segments {
		for j := range segment {
			if s.parameters && segment[j] == ';' || s.encodedParameters && len(segment) >= j+3 && strings.EqualFold(segment[j:j+3], "%3b") {
				segment = segment[:j]
				break
			}
		}
		plain := segment
		if s.dots == dotsByWHATWG {
			switch strings.ToLower(segment) {
			case "%2e":
				plain = "."
			case ".%2e", "%2e.", "%2e%2e":
				plain = ".."
			}
		}
		switch {
		case s.dots == dotsMerged && (segment == "" || segment == ".") || s.dots > dotsMerged && plain == ".":
			if i == last && (s.dots > dotsMerged || segment == "") {
				out = append(out, "")
			}
		case s.dots != dotsLiteral && plain == "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if i == last && s.dots > dotsMerged {
				out = append(out, "")
			}
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/")
}

// path returns what the server compares with its routes.
func (s server) path(raw string) string {
	path := s.before.apply(raw)
	if s.decodings == 0 {
		path = unescape(path, func(c byte) bool {
			return c >= 0x80 || c != 0 && !strings.ContainsRune(alphanumeric+"/\\.;%?#-_~\t\n\r", rune(c))
		})
	}
	for range s.decodings {
		path = unescape(path, func(byte) bool { return true })
	}
	if s.decodings > 0 {
		if s.backslash {
			path = strings.Join(strings.Split(path, `\`), "/")
		}
		if i := strings.Index(path, s.end); s.end != "" && i >= 0 {
			path = path[:i]
		}
		if s.dropNUL {
			path = strings.Join(strings.Split(path, "\x00"), "")
		}
		if s.breaks {
			path = strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '\t' || r == '\n' || r == '\r' }), "")
		}
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		path = s.after.apply(path)
	}
	if i := strings.Index(lower(path), ".php"); s.script && i >= 0 && len(path) > i+4 {
		if path = path[i+4:]; path[0] != '/' {
			path = "/" + path
		}
	}
	return path
}

// lower leaves bytes that are no UTF-8 as they are.
func lower(text string) string {
	b := []byte(text)
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] |= 0x20
		}
	}
	return string(b)
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// unescape decodes those escapes that are for a character of which.
func unescape(text string, which func(byte) bool) string {
	var b strings.Builder
	for len(text) > 0 {
		if len(text) >= 3 && text[0] == '%' {
			if decoded, err := url.PathUnescape(text[:3]); err == nil && which(decoded[0]) {
				b.WriteString(decoded)
				text = text[3:]
				continue
			}
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
	return b.String()
}

// servers are all combinations that are known from real ones.
func servers() (all []server) {
	befores := []stage{{}, {dots: dotsMerged}, {dots: dotsByRFC}, {dots: dotsByWHATWG}, {parameters: true}, {parameters: true, dots: dotsByRFC}, {parameters: true, dots: dotsByWHATWG}, {parameters: true, encodedParameters: true}}
	for _, before := range befores {
		all = append(all, server{before: before}, server{before: stage{parameters: before.parameters}, script: true})
		for decodings := 1; decodings <= 2; decodings++ {
			for _, end := range []string{"", "\x00", "?", "#"} {
				for _, d := range []dots{dotsLiteral, dotsMerged, dotsByRFC} {
					for _, on := range []bool{false, true} {
						s := server{before: before, decodings: decodings, end: end, after: stage{dots: d}, backslash: on}
						all = append(all, s)
						s.script = true
						all = append(all, s)
						s.after.parameters = true
						all = append(all, s)
						s.dropNUL = end == ""
						all = append(all, s)
						s.dropNUL, s.breaks = false, end == ""
						all = append(all, s)
					}
				}
			}
		}
	}
	return all
}

// visible is a path with its dot segments in the form in which matchers get to see them.
func visible(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if segment == "." || segment == ".." {
			segments[i] = "..."
		}
	}
	return strings.Join(segments, "/")
}

// cleaned is a path as Caddy's path matchers compare it, without a slash at the end: an address
// that is protected with it and public without it is no business of this package.
func cleaned(path string) string {
	return strings.TrimSuffix(stage{dots: dotsMerged}.apply(path), "/")
}

// wantEveryReading fails the test if a server reads a target in a way that is none of its forms.
func wantEveryReading(t *testing.T, all []server, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Path == "" || u.Path[0] != '/' {
		return
	}
	forms := map[string]bool{cleaned(u.Path): true}
	if AnyForm(u, func(form Form) bool {
		if form.Path == "" || form.Path[0] != '/' {
			t.Errorf("%q has the form %q", target, form.Path)
		}
		if form.RawPath != "" && form.RawPath != (&url.URL{Path: form.Path, RawPath: form.RawPath}).EscapedPath() {
			t.Errorf("%q has the form %q, which %q does not encode", target, form.Path, form.RawPath)
		}
		forms[cleaned(form.Path)] = true
		return false
	}) {
		return // over the bounds, so that a session is needed anyway
	}
	verdict, raw := Scan(u), u.EscapedPath()
	if verdict == Malformed {
		return
	}
	for _, s := range all {
		path := s.path(raw)
		if !forms[cleaned(visible(path))] {
			t.Fatalf("%q is %q to %+v, and that is none of the forms", target, path, s)
		}
		if verdict == Plain && visible(path) != u.Path {
			t.Fatalf("%q is called plain, and is %q to %+v", target, path, s)
		}
	}
}

// knownSpellings are those that the end-to-end tests send to real routers.
func knownSpellings(t testing.TB) (all []string) {
	t.Helper()
	content, err := os.ReadFile("../../e2e/routers/spellings.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "/") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func FuzzN7_AnotherDescriptionOfServersFindsNoOtherForm(f *testing.F) {
	for _, seed := range append(knownSpellings(f), "/index.php/x;y/../z", "/a%3Fb%23c", "/a.phpb/.%2e/c", "/100%25%2525", "/..", "/caf%E9;x", "/%3b;/%3B%2f..", "/index.php../x") {
		f.Add(seed)
	}
	all := servers()
	f.Fuzz(func(t *testing.T, target string) { wantEveryReading(t, all, target) })
}

func TestN7_CombinationsHaveNoOtherFormEither(t *testing.T) {
	parts := strings.Fields(`a b / / / // .. .. . %2e .%2e %252e ; ;x %3b %2f %2F %5c %5C %252f %00 %3f %23 .php e.php .php/ %2ephp %61 %25 %C3%A9 ... \ x%2Fy`)
	random, all := rand.New(rand.NewPCG(3, 1)), servers()
	for range 1000 {
		var b strings.Builder
		b.WriteString("/")
		for range 1 + random.IntN(8) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		wantEveryReading(t, all, b.String())
	}
}

func TestN7_TheSecondDescriptionTellsServersApart(t *testing.T) {
	var found []string
	for _, s := range servers() {
		found = append(found, s.path("/a;b/x%2Fy/%2e%2e/..%5Cc%00d/e.php/f"))
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) < 15 {
		t.Errorf("only %d readings: %q", len(found), found)
	}
}
