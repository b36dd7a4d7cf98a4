package routes

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Shown is an unprotected address that shows what is protected at another one, because its handler
// gets another path.
type Shown struct {
	Path    string // that anybody can ask for
	As      string // that the handler gets
	End     Ending
	Certain bool // the path depends on nothing but that an address has no file
}

// mostShown is how many addresses are tried: Caddy waits for it.
const mostShown = 128

// Shown looks for protected content of the same folder or upstream at unprotected addresses.
func (s *Server) Shown(b Block, origin *url.URL) (found []Shown) {
	at := s.lookAt(origin.Hostname())
	if b.Protects() == nil || len(at.changes) == 0 {
		return nil
	}
	sources := s.sources(b, origin)
	probe := s.probe(origin)
	for _, path := range spread(at.around(b), mostShown) {
		request := probe.move(path)
		if probe.Any(b.Protects()) != No {
			continue
		}
		request.Missing = true
		for _, e := range s.Ends(request) {
			if shown, ok := e.shows(b, path); ok && slices.ContainsFunc(e.sources(), func(from string) bool { return slices.Contains(sources, from) }) {
				found = append(found, shown)
			}
		}
	}
	return found
}

// shows tells whether an end shows what a block protects.
func (e Ending) shows(b Block, path string) (shown Shown, ok bool) {
	if e.Kind != Content && e.Kind != Denied || e.Replaces() || e.After() != "" || e.Step.blind || slices.Contains(e.Step.ifs, suchFile) {
		return shown, false
	}
	as := e.Step.Request.URL.Path
	if as == path || isErrorPage(as) {
		return shown, false
	}
	covers := e.Step.Any(b.Protects())
	fixed := !strings.HasSuffix(path, as) && !strings.HasSuffix(as, path)
	if proxy, ok := e.Handler.(*reverseproxy.Handler); ok && isFastCGI(proxy) && fixed && strings.HasSuffix(as, "/index.php") {
		return shown, false // a program that gets the address that was asked for, too
	}
	certain := covers == Yes && fixed && (e.If() == "" || e.ByFiles())
	return Shown{path, as, e, certain}, covers != No
}

// isErrorPage reports whether a path belongs to an error page, which is public.
func isErrorPage(path string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(path), func(c rune) bool { return strings.ContainsRune("/._-", c) }) {
		if len(part) == 3 && status3(part) != 500 || strings.HasPrefix(part, "error") || part == "500" || part == "4xx" || part == "5xx" {
			return true
		}
	}
	return false
}

// sources returns where what a block protects comes from: folders and upstreams.
func (s *Server) sources(b Block, origin *url.URL) (all []string) {
	tried := 0
	for request := range s.visits(b, origin) {
		if tried++; tried > mostPatterns {
			break
		}
		request.SignedIn, request.Missing = true, true
		for _, e := range s.Ends(request) {
			if slices.Contains(e.Step.passed, b) {
				all = with(all, e.sources()...)
			}
		}
	}
	return all
}

// sources returns the folder or the upstreams of what answers.
func (e Ending) sources() []string {
	switch h := e.Handler.(type) {
	case *reverseproxy.Handler:
		return dialled(h)
	case *fileserver.FileServer:
		return []string{"folder " + replacer(e.Step.Request).ReplaceAll(cmp.Or(h.Root, "{http.vars.root}"), "")}
	}
	return nil
}

// around returns addresses at which changes of addresses may lead to what a block protects.
func (t *tree) around(b Block) (paths []string) {
	var inside []string
	for _, pattern := range spread(patternsOf(b.Protects()), mostPatterns/4) {
		inside = append(inside, ofPattern(pattern)...)
	}
	inside = append(inside, "/"+within)
	for _, pattern := range slices.Concat(spread(t.guarded, mostShown/8), spread(t.patterns, mostShown/8)) {
		paths = append(paths, ofPattern(pattern)...) // those under not are public
	}
	for _, change := range spread(t.changes, mostShown/4) {
		for _, pattern := range patternsOf(change.matchers...) {
			paths = append(paths, ofPattern(pattern)...)
		}
		if change.Rewrite == nil || change.StripPathPrefix == "" && change.StripPathSuffix == "" {
			continue
		}
		for _, path := range spread(inside, 8) {
			if change.StripPathPrefix != "" {
				path = "/" + strings.Trim(change.StripPathPrefix, "/") + path
			}
			paths = append(paths, path+change.StripPathSuffix)
		}
	}
	return once(append(paths, "/", "/"+within, "/"+within+".php"))
}
