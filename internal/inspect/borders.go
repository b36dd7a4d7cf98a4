package inspect

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// pathsAlone returns the paths of the matcher sets that have nothing but paths.
func (b *Block) pathsAlone() (all []caddyhttp.MatchPath) {
	for _, set := range b.Matchers {
		if len(set) == 1 {
			if paths, ok := set[0].(*caddyhttp.MatchPath); ok {
				all = append(all, *paths)
			}
		}
	}
	return all
}

// hasWrongPath reports whether Borders says that a path matches nothing.
func (b *Block) hasWrongPath() bool {
	return slices.ContainsFunc(slices.Concat(b.pathsAlone()...), func(path string) bool { return finding.Path(path).Status == finding.Wrong })
}

// mostBorders is for how many paths requests are followed on both sides: Caddy waits for it.
const mostBorders = 64

// Borders looks at the paths of a block's matcher, where it has nothing but paths.
func (b *Block) Borders(servers []*routes.Server) (found []finding.Finding) {
	for _, paths := range b.pathsAlone() {
		for i, path := range paths {
			if f := finding.Path(path); f.Status != finding.Fine {
				found = append(found, f)
				continue
			}
			if i >= mostBorders {
				continue
			}
			if border, ok := finding.BorderOf(path, paths); ok && b.isCrossed(servers, border) {
				found = append(found, border.Finding)
			}
		}
	}
	return found
}

// isCrossed reports whether the handler that answers inside a border after a sign-in answers
// outside without one. Where another one answers, that is another part of the site.
func (b *Block) isCrossed(servers []*routes.Server, border finding.Border) bool {
	for _, s := range servers {
		if !s.Has(b) {
			continue
		}
		for _, origin := range b.origins() {
			for _, front := range s.Fronts(b) {
				inside := answering(s, origin, front+border.Inside, true)
				if slices.ContainsFunc(answering(s, origin, front+border.Outside, false), func(handler any) bool {
					_, files := handler.(*fileserver.FileServer)
					return slices.Contains(inside, handler) && !(files && border.Folder)
				}) {
					return true
				}
			}
		}
	}
	return false
}

// answering returns the handlers that may answer at a path with content.
func answering(s *routes.Server, origin *url.URL, path string, signedIn bool) (handlers []any) {
	request := routes.Request{Method: http.MethodGet, URL: &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: path}, Any: true, SignedIn: signedIn}
	for _, e := range s.Ends(request) {
		if e.Kind == routes.Content {
			handlers = append(handlers, e.Handler)
		}
	}
	return handlers
}
