package instagramauth

import (
	"io"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteResponse completes the site's headers at the last moment before they go out.
//
// It says to caches that the answer depends on who asked: `Vary: Cookie` always, and
// `Cache-Control: private` for a signed-in visitor where the site says nothing itself.
// Without it, a cache between could show one visitor's page to another. [P4]
type siteResponse struct {
	caddyhttp.ResponseWriterWrapper
	private   bool
	handedOff bool
	done      bool

	// renewed is the Set-Cookie line of the session that the request came with. It goes
	// out unless the session has ended meanwhile: a slow answer must not put an old
	// session in the place of a new one. [L1]
	renewed string
	ended   func() bool
}

// Shared by all answers, which saves an allocation each. Whoever adds to them gets a
// copy, because they have no room.
var onlyCookie, private = []string{"Cookie"}, []string{"private"}

// amend completes the headers, once.
func (s *siteResponse) amend() {
	if s.done {
		return
	}
	s.done = true
	header := s.Header()
	switch vary := header["Vary"]; {
	case len(vary) == 0:
		header["Vary"] = onlyCookie
	case !variesByCookie(vary):
		header["Vary"] = append(vary, "Cookie")
	}
	if s.private && len(header["Cache-Control"]) == 0 {
		header["Cache-Control"] = private
	}
	// An answer that anybody may get from a cache is no place for somebody's session: the
	// next one is.
	if s.renewed != "" && !isPublic(header["Cache-Control"]) && !s.ended() {
		header.Add("Set-Cookie", s.renewed)
	}
	// A site that redirects from the callback would pass Instagram's #_ on, because
	// browsers inherit fragments. An empty one of its own ends that. [C5]
	if location := header.Get("Location"); s.handedOff && location != "" && !strings.Contains(location, "#") {
		header.Set("Location", location+"#")
	}
}

// isPublic reports whether shared caches may keep an answer whoever asked for it.
func isPublic(cacheControl []string) bool {
	for _, line := range cacheControl {
		for directive := range strings.SplitSeq(strings.ToLower(line), ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(directive), "=")
			if name == "public" || name == "s-maxage" {
				return true
			}
		}
	}
	return false
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

func (s *siteResponse) WriteHeader(status int) {
	// Informational answers, except the last one of a protocol switch, are
	// followed by the real one. [RFC 9110, 15.2]
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.amend()
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *siteResponse) Write(b []byte) (int, error) {
	s.amend()
	return s.ResponseWriter.Write(b)
}

func (s *siteResponse) ReadFrom(r io.Reader) (int64, error) {
	s.amend()
	return s.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls. Flushing sends the headers.
func (s *siteResponse) FlushError() error {
	s.amend()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Flush is for handlers that still ask for http.Flusher.
func (s *siteResponse) Flush() { _ = s.FlushError() }

var (
	_ http.Flusher  = (*siteResponse)(nil)
	_ io.ReaderFrom = (*siteResponse)(nil)
)
