// Package headerguard keeps a client from speaking in this handler's name: it
// strips identity headers in every spelling, keeps Connection from dropping ours,
// and cuts our cookies out of a request. It is pure and knows only net/http.
package headerguard

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Guard knows the identity headers of one instance.
type Guard struct {
	headers []header
	lengths uint64 // a bit for each length of a name, up to 63
}

type header struct{ canonical, folded string }

// reserved are headers that carry the request itself. Setting or stripping them
// would break it, or change what the site believes about it.
var reserved = []string{
	"accept", "authorization", "connection", "cookie", "expect", "forwarded", "host", "keep-alive", "origin", "proxy-authorization", "proxy-connection",
	"range", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "x-real-ip",
}

// reservedPrefixes are those of whole families of such headers.
var reservedPrefixes = []string{"accept-", "content-", "if-", "sec-", "x-forwarded-"}

// identities are those of a family that name a person and not a connection. Sites that
// have stood behind another login proxy read them.
var identities = []string{"x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"}

func isReserved(folded string) bool {
	if slices.Contains(identities, folded) {
		return false
	}
	return slices.Contains(reserved, folded) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(folded, prefix) })
}

// New returns a guard for these headers. Two names that fold together, a name that
// is no token and a name that the request itself needs are errors. [H2]
func New(names ...string) (*Guard, error) {
	g := &Guard{headers: make([]header, 0, len(names))}
	for _, name := range names {
		folded := Fold(name)
		switch {
		case !isToken(name):
			return nil, fmt.Errorf("%q is not a header name", name)
		case isReserved(folded):
			return nil, fmt.Errorf("%q is needed by the request itself; choose another name", name)
		}
		for _, other := range g.headers {
			if other.folded == folded {
				return nil, fmt.Errorf("%q and %q are the same to some servers; choose names that differ in more than case and punctuation", other.canonical, name)
			}
		}
		g.headers = append(g.headers, header{http.CanonicalHeaderKey(name), folded})
		g.lengths |= 1 << min(len(name), 63)
	}
	return g, nil
}

// Names returns the headers in their canonical form.
func (g *Guard) Names() []string {
	names := make([]string, len(g.headers))
	for i, h := range g.headers {
		names[i] = h.canonical
	}
	return names
}

// With returns a guard for the headers of both. other may be nil.
func (g *Guard) With(other *Guard) *Guard {
	if other == nil {
		return g
	}
	both := &Guard{headers: slices.Clone(other.headers), lengths: g.lengths | other.lengths}
	for _, h := range g.headers {
		if _, known := other.find(h.folded); !known {
			both.headers = append(both.headers, h)
		}
	}
	return both
}

// isToken reports whether a name has only letters, digits, '-' and '_', which all servers pass on.
func isToken(name string) bool {
	for _, b := range []byte(name) {
		if fold(b) == '-' && b != '-' && b != '_' {
			return false
		}
	}
	return name != ""
}

// Fold returns what a header name looks like to the most careless reader: CGI and
// PHP turn '-', '_' and '.' into one and ignore case. [H2]
func Fold(name string) string {
	folded := []byte(name)
	for i, b := range folded {
		folded[i] = fold(b)
	}
	return string(folded)
}

func fold(b byte) byte {
	switch {
	case 'A' <= b && b <= 'Z':
		return b + 'a' - 'A'
	case 'a' <= b && b <= 'z' || '0' <= b && b <= '9':
		return b
	}
	return '-'
}

// find returns the header that a name folds to. It does not allocate.
func (g *Guard) find(name string) (header, bool) {
	if g.lengths&(1<<min(len(name), 63)) == 0 {
		return header{}, false // as are nearly all names
	}
next:
	for _, h := range g.headers {
		if len(h.folded) != len(name) {
			continue
		}
		for i := range len(name) {
			if fold(name[i]) != h.folded[i] {
				continue next
			}
		}
		return h, true
	}
	return header{}, false
}

// Concerns reports whether a request has, or may still bring, something to strip, allocation-free.
func (g *Guard) Concerns(r *http.Request) bool {
	if len(r.Trailer) > 0 || r.ContentLength < 0 && r.Body != nil {
		return true
	}
	for name := range r.Header {
		if _, ours := g.find(name); ours {
			return true
		}
	}
	return slices.ContainsFunc(r.Header["Connection"], g.namedIn)
}

// Strip deletes every header that folds to an identity header. keep, if not nil,
// reports by its canonical name whether an earlier handler has set a header. Strip keeps that one,
// and still deletes its look-alikes. [H1, H2]
func (g *Guard) Strip(headers http.Header, keep func(canonical string) bool) {
	// The map is walked and not asked: its keys may be spelled in any way.
	for name := range headers {
		if h, ours := g.find(name); ours && (keep == nil || name != h.canonical || !keep(name)) {
			delete(headers, name)
		}
	}
}

// CleanConnection takes our names out of the Connection header: a proxy behind us drops every
// header that is named there. Without one of our names in it, not a byte of it changes. [H3]
func (g *Guard) CleanConnection(headers http.Header) {
	lines, present := headers["Connection"]
	if !present || !slices.ContainsFunc(lines, g.namedIn) {
		return
	}
	var kept []string
	for _, line := range lines {
		if line = g.withoutOurs(line); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(headers, "Connection")
		return
	}
	headers["Connection"] = kept
}

func (g *Guard) namedIn(line string) bool {
	for option := range strings.SplitSeq(line, ",") {
		if _, ours := g.find(strings.Trim(option, " \t")); ours {
			return true
		}
	}
	return false
}

func (g *Guard) withoutOurs(line string) string {
	var kept []string
	for option := range strings.SplitSeq(line, ",") {
		option = strings.Trim(option, " \t")
		if _, ours := g.find(option); !ours && option != "" {
			kept = append(kept, option)
		}
	}
	return strings.Join(kept, ", ")
}

// StripTrailers deletes identity trailers: those that are announced now, and those
// that a body of unknown length brings with its end. [H1]
func (g *Guard) StripTrailers(r *http.Request) {
	g.Strip(r.Trailer, nil)
	if r.ContentLength < 0 && r.Body != nil {
		r.Body = &trailerGuard{r.Body, g, r}
	}
}

// trailerGuard strips the trailers that net/http adds at the end of a request body.
type trailerGuard struct {
	io.ReadCloser
	guard   *Guard
	request *http.Request
}

func (t *trailerGuard) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err != nil {
		t.guard.Strip(t.request.Trailer, nil)
	}
	return n, err
}
