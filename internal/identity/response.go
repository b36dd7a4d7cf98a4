package identity

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
)

// ResponseWriter completes the site's response headers just before they are sent.
//
// It tells caches that a response depends on the visitor: by "Vary: Cookie", and for a signed-in
// visitor by "Cache-Control: private" unless the site sends its own. Without it a shared cache
// could show one visitor's page to another. Anonymous responses that the site declares public stay
// as they are: with "Vary: Cookie", hardly any shared cache would use them again. [P4]
type ResponseWriter struct {
	caddyhttp.ResponseWriterWrapper
	// Private says that the visitor is signed in.
	Private bool
	// HandedOff says that the site answers the callback of a login.
	HandedOff bool

	// Renewed is the Set-Cookie line of a renewed session, "" for none. Just before the headers are
	// sent, Renew is told whether they may have it, and says whether they get it: a slow response
	// must not bring a revoked session back. [L1]
	Renewed string
	Renew   func(possible bool) bool

	// Unmark is the Set-Cookie line that deletes the mark of a finished login, "" for none.
	Unmark string

	// Conn is the request among the open connections of signed-in visitors. [L5]
	Conn stream.Conn

	amended, noted bool
	// vary and cacheControl hold the values of the headers that Amend sets, which saves an
	// allocation each. They are not shared, because Caddy's header directive changes values
	// in place.
	vary, cacheControl [1]string
}

// Amend completes the headers. Further calls do nothing.
func (s *ResponseWriter) Amend() {
	if s.amended {
		return
	}
	s.amended = true
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
	// Never set a session cookie on a cacheable response; the next one will carry it.
	if s.Renewed != "" || s.Unmark != "" {
		possible := !isShared(header)
		if s.Unmark != "" && possible {
			header.Add("Set-Cookie", s.Unmark)
		}
		if s.Renewed != "" && s.Renew(possible) {
			header.Add("Set-Cookie", s.Renewed)
		}
	}
	// Browsers keep the fragment across redirects, and Instagram appends #_ to the callback. An
	// empty fragment of its own ends that. [C5]
	if location := header.Get("Location"); s.HandedOff && location != "" && !strings.Contains(location, "#") {
		header.Set("Location", location+"#")
	}
}

// isShared reports whether a cache may show a response to other visitors. A max-age is enough
// for that, without "public". Headers for one kind of cache count as shared: such a cache may
// ignore Vary. [RFC 9111, 3; RFC 9213]
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

// isPublic reports whether the site declares a response public or immutable, and nothing that
// contradicts it.
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

// complete completes the headers and looks at them. The response is about to begin.
func (s *ResponseWriter) complete() {
	s.Amend()
	if !s.noted {
		s.noted = true
		s.Conn.NoteHeader(s.Header())
	}
}

// WriteHeader completes the headers and sends them.
func (s *ResponseWriter) WriteHeader(status int) {
	// A response follows each informational one, except after a protocol switch. [RFC 9110, 15.2]
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.complete()
	}
	s.writeHeader(status)
	s.Conn.NoteStatus(status, s.Header())
}

// writeHeader sends the headers, unless the session of the request has ended.
func (s *ResponseWriter) writeHeader(status int) {
	if s.Conn.Socket() == nil {
		if !s.Conn.BeginWrite() {
			return
		}
		defer s.Conn.EndWrite()
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write completes the headers before the first byte.
func (s *ResponseWriter) Write(b []byte) (int, error) {
	s.complete()
	if socket := s.Conn.Socket(); socket != nil {
		return socket.Write(b)
	}
	if !s.Conn.BeginWrite() {
		return 0, stream.ErrEnded
	}
	defer s.Conn.EndWrite()
	return s.ResponseWriter.Write(b)
}

// ReadFrom completes the headers before the first byte.
func (s *ResponseWriter) ReadFrom(r io.Reader) (int64, error) {
	s.complete()
	if s.Conn.Socket() != nil || s.Conn.CopiesByWrite() {
		return io.Copy(struct{ io.Writer }{s}, r)
	}
	return s.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError serves http.ResponseController. Flushing sends the headers.
func (s *ResponseWriter) FlushError() error {
	s.complete()
	if socket := s.Conn.Socket(); socket != nil {
		return socket.Flush()
	}
	if !s.Conn.BeginWrite() {
		return stream.ErrEnded
	}
	defer s.Conn.EndWrite()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Flush serves handlers that use http.Flusher.
func (s *ResponseWriter) Flush() { _ = s.FlushError() }

// Hijack lets the site take over the network connection, which still ends with the session.
func (s *ResponseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return s.Conn.Hijacked(conn, rw), rw, nil
}

var (
	_ http.Hijacker = (*ResponseWriter)(nil)
	_ http.Flusher  = (*ResponseWriter)(nil)
	_ io.ReaderFrom = (*ResponseWriter)(nil)
)
