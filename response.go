package instagramauth

import (
	"io"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// cacheGuard says to caches, at the last moment before the site's headers go out,
// that the answer depends on who asked: `Vary: Cookie` always, and `Cache-Control:
// private` for a signed-in visitor where the site says nothing itself. Without it,
// a cache between could show one visitor's page to another. [P4]
type cacheGuard struct {
	caddyhttp.ResponseWriterWrapper
	private bool
	done    bool
}

func newCacheGuard(w http.ResponseWriter, private bool) *cacheGuard {
	return &cacheGuard{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, private: private}
}

// amend completes the headers, once.
func (g *cacheGuard) amend() {
	if g.done {
		return
	}
	g.done = true
	header := g.Header()
	if !variesByCookie(header["Vary"]) {
		header["Vary"] = append(header["Vary"], "Cookie")
	}
	if g.private && len(header["Cache-Control"]) == 0 {
		header["Cache-Control"] = []string{"private"}
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

func (g *cacheGuard) WriteHeader(status int) {
	// Informational answers, except the last one of a protocol switch, are
	// followed by the real one. [RFC 9110, 15.2]
	if status >= 200 || status == http.StatusSwitchingProtocols {
		g.amend()
	}
	g.ResponseWriter.WriteHeader(status)
}

func (g *cacheGuard) Write(b []byte) (int, error) {
	g.amend()
	return g.ResponseWriter.Write(b)
}

func (g *cacheGuard) ReadFrom(r io.Reader) (int64, error) {
	g.amend()
	return g.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls. Flushing sends the headers.
func (g *cacheGuard) FlushError() error {
	g.amend()
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// Flush is for handlers that still ask for http.Flusher.
func (g *cacheGuard) Flush() { _ = g.FlushError() }

var (
	_ http.Flusher  = (*cacheGuard)(nil)
	_ io.ReaderFrom = (*cacheGuard)(nil)
)
