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
	// A site that redirects from the callback would pass Instagram's #_ on, because
	// browsers inherit fragments. An empty one of its own ends that. [C5]
	if location := header.Get("Location"); s.handedOff && location != "" && !strings.Contains(location, "#") {
		header.Set("Location", location+"#")
	}
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
