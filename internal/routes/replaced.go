package routes

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
)

// intercepted returns a step that remembers an intercept.
func (s *Step) intercepted(h *intercept.Intercept) *Step {
	next := *s
	next.intercepts = append(slices.Clip(s.intercepts), h)
	return &next
}

// The statuses with which a block refuses a request, or redirects to Instagram and back.
var (
	refusals  = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
	redirects = []int{http.StatusFound, http.StatusSeeOther}
)

// replaced follows what intercepts answer instead of a block.
func (w *walk) replaced(b Block, at *Step) {
	for i, h := range slices.Backward(at.intercepts) {
		for n, response := range h.HandleResponse {
			stops := mayMatch(response.Match, redirects)
			if !stops && !mayMatch(response.Match, refusals) || len(response.Routes) == 0 {
				continue
			}
			within := at.copy()
			within.intercepts, within.replaces, within.stops, within.catch = at.intercepts[:i], b, stops, nil
			if response.Match != nil && len(response.Match.Headers) > 0 {
				within = within.where("the headers that intercept looks at")
			}
			w.all(response.Routes, within, flow{next: func(*Step) {}, place: fmt.Sprint("intercept", i, ".", n)})
		}
	}
}

// mayMatch reports whether a response matcher may take one of some statuses.
func mayMatch(m *caddyhttp.ResponseMatcher, statuses []int) bool {
	return m == nil || m.StatusCode == nil || slices.ContainsFunc(m.StatusCode, func(code int) bool {
		return slices.ContainsFunc(statuses, func(status int) bool { return caddyhttp.StatusCodeMatches(status, code) })
	})
}

// showsProtected reports whether what stands at the address of a step, as it is now, may be
// something that a block protects.
func (s *Step) showsProtected(b Block) bool {
	if b.Protects() != nil {
		return s.Any(b.Protects()) != No
	}
	return !isErrorPage(s.Request.URL.Path)
}

// Replaces reports whether an intercept answers instead of a block, and Stops whether it answers
// instead of the redirects of a sign-in.
func (e Ending) Replaces() bool { return e.Step.replaces != nil }
func (e Ending) Stops() bool    { return e.Step.stops }
