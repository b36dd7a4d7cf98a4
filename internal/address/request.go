package address

import (
	"context"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// OriginalURL returns the address that the visitor asked for. Rewrites run before a block and change
// only r.URL.
func OriginalURL(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL
	}
	return r.URL
}

// OriginalMethod returns the method that the visitor asked with. Caddy's `method` runs before
// a block and changes only r.Method.
func OriginalMethod(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.Method
	}
	return r.Method
}

// PathForm returns path and query of an address, byte for byte as they were asked for.
func PathForm(u *url.URL) string {
	p := u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		p += "?" + u.RawQuery
	}
	return p
}

// Accepts reports whether a host is one of those that a matcher lets through. An error of the
// matcher counts as yes.
func Accepts(hosts caddyhttp.MatchHost, host string) bool {
	request := &http.Request{Host: host}
	request = request.WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
	match, err := hosts.MatchWithError(request)
	return match || err != nil
}
