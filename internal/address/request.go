package address

import (
	"context"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// OriginalURL returns the address that the visitor asked for. Rewrites run before the handler and
// change only r.URL.
func OriginalURL(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL
	}
	return r.URL
}

// OriginalMethod returns the method that the visitor used. Caddy's method directive runs before
// the handler and changes only r.Method.
func OriginalMethod(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.Method
	}
	return r.Method
}

// PathForm returns the path and the query of an address, byte for byte as they were sent.
func PathForm(u *url.URL) string {
	p := u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		p += "?" + u.RawQuery
	}
	return p
}

// Accepts reports whether a host matcher matches a host. Its error counts as a match.
func Accepts(hosts caddyhttp.MatchHost, host string) bool {
	request := &http.Request{Host: host}
	request = request.WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
	match, err := hosts.MatchWithError(request)
	return match || err != nil
}
