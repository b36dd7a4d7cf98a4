package identity

import (
	"io"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ResponseWriter completes the site's headers at the last moment before they go out.
//
// It says to caches that the answer depends on who asked: `Vary: Cookie`, and
// `Cache-Control: private` for a signed-in visitor where the site says nothing itself.
// Without it, a cache between could show one visitor's page to another. Left alone are
// answers to requests without a session that the site itself calls the same for everybody:
// with a Vary of Cookie, hardly any shared cache would ever use them again. [P4]
type ResponseWriter struct {
	caddyhttp.ResponseWriterWrapper
	Private   bool
	HandedOff bool
	done      bool

	// Renewed is the Set-Cookie line of the session that the request came with. It goes
	// out unless the session has ended meanwhile: a slow answer must not put an old
	// session in the place of a new one. [L1]
	Renewed string
	Revoked func() bool

	// Unmark is the Set-Cookie line that deletes the mark of a login, which has arrived.
	Unmark string

	// The values of the headers that are set here stand here, which saves an allocation
	// each. Not shared: Caddy's header directive changes values in place.
	vary, cacheControl [1]string
}

// Amend completes the headers, once.
func (s *ResponseWriter) Amend() {
	if s.done {
		return
	}
	s.done = true
	header := s.Header()
	switch vary := header["Vary"]; {
	case !s.Private && !s.HandedOff && isPublic(header):
	case len(vary) == 0:
		s.vary[0] = "Cookie"
		header["Vary"] = s.vary[:1:1]
	case !variesByCookie(vary):
		header["Vary"] = append(vary, "Cookie")
	}
	if s.Private && len(header["Cache-Control"]) == 0 {
		s.cacheControl[0] = "private"
		header["Cache-Control"] = s.cacheControl[:1:1]
	}
	// An answer that anybody may get from a cache is no place for somebody's session: the
	// next one is.
	if (s.Renewed != "" || s.Unmark != "") && !isShared(header) {
		if s.Unmark != "" {
			header.Add("Set-Cookie", s.Unmark)
		}
		if s.Renewed != "" && !s.Revoked() {
			header.Add("Set-Cookie", s.Renewed)
		}
	}
	// A site that redirects from the callback would pass Instagram's #_ on, because
	// browsers inherit fragments. An empty one of its own ends that. [C5]
	if location := header.Get("Location"); s.HandedOff && location != "" && !strings.Contains(location, "#") {
		header.Set("Location", location+"#")
	}
}

// isShared reports whether caches may show an answer to others than who asked for it. One
// with a max-age needs no "public" for that, and of what an answer says to certain caches
// alone, its Vary may be no part. [RFC 9111, 3; RFC 9213]
func isShared(header http.Header) bool {
	if header["Cdn-Cache-Control"] != nil || header["Surrogate-Control"] != nil {
		return true
	}
	lasts, closed := false, false
	for _, line := range header["Cache-Control"] {
		for directive := range strings.SplitSeq(strings.ToLower(line), ",") {
			switch name, value, _ := strings.Cut(strings.TrimSpace(directive), "="); name {
			case "public", "s-maxage":
				return true
			case "max-age":
				lasts = lasts || strings.Trim(value, `"0`) != ""
			case "private", "no-store", "no-cache":
				closed = true
			}
		}
	}
	return lasts && !closed
}

// isPublic reports whether the site itself says that an answer is the same for everybody, or
// never changes, and nothing else.
func isPublic(header http.Header) bool {
	open := false
	for _, line := range header["Cache-Control"] {
		for directive := range strings.SplitSeq(strings.ToLower(line), ",") {
			switch name, _, _ := strings.Cut(strings.TrimSpace(directive), "="); name {
			case "public", "immutable":
				open = true
			case "private", "no-store", "no-cache":
				return false
			}
		}
	}
	return open
}

func variesByCookie(vary []string) bool {
	for _, line := range vary {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return true
			}
		}
	}
	return false
}

func (s *ResponseWriter) WriteHeader(status int) {
	// Informational answers, except the last one of a protocol switch, are
	// followed by the real one. [RFC 9110, 15.2]
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.Amend()
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *ResponseWriter) Write(b []byte) (int, error) {
	s.Amend()
	return s.ResponseWriter.Write(b)
}

func (s *ResponseWriter) ReadFrom(r io.Reader) (int64, error) {
	s.Amend()
	return s.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls. Flushing sends the headers.
func (s *ResponseWriter) FlushError() error {
	s.Amend()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Flush is for handlers that still ask for http.Flusher.
func (s *ResponseWriter) Flush() { _ = s.FlushError() }

var (
	_ http.Flusher  = (*ResponseWriter)(nil)
	_ io.ReaderFrom = (*ResponseWriter)(nil)
)
