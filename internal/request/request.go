package request

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// State is the state of one request on its way through the handler. Everything that belongs to
// a request lives here and nothing of it on the handler. [H7]
type State struct {
	W http.ResponseWriter
	R *http.Request
	// OriginalURL is the address as the visitor asked for it. Rewrites run before this
	// handler and change only r.URL.
	OriginalURL *url.URL
	Vars        map[string]any // the request's, to look them up once
	// audience is who asks, once somebody wants to know; see visit.who.
	audience audience.Audience

	Found     session.Found
	Session   session.Session
	Standing  Standing
	Missing   instagram.Permissions // with missingPermission
	Renewed   bool                  // the session is newer than its cookie
	Malformed bool                  // servers cannot agree on the address

	Outcome   telemetry.Outcome
	HandedOff bool // the callback of a login goes on to the site
	// Deliver lets the site answer a callback from Meta that has been verified; nil for any other
	// request.
	Deliver func(next func(http.ResponseWriter) error) error
}

// Standing is what the session of a request amounts to.
type Standing uint8

const (
	Anonymous         Standing = iota // there is none, or it has ended
	SignedIn                          // it counts
	RevocationUnknown                 // nobody can tell whether it has ended
	NotAllowed                        // allow or deny no longer lets its owner in
	MissingPermission                 // its owner has not granted what require_scope asks for
)

// states are lent to requests, because most of what makes one is what it is kept in.
// Nothing of a visit is handed to the site, which may keep what it gets beyond its answer.
var states = sync.Pool{New: func() any { return new(State) }}

// Borrow returns the state of a request that has just come in. Who is done with it gives it back.
func Borrow(w http.ResponseWriter, r *http.Request) *State {
	v := states.Get().(*State)
	v.W, v.R, v.OriginalURL = w, r, address.OriginalURL(r)
	v.Vars, _ = r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	return v
}

// TakeCookies finds this handler's cookies and cuts them out of the request, so that neither the
// site nor an error route sees them. [H5]
func (v *State) TakeCookies(cookies *session.Cookies) {
	v.Found = cookies.Find(v.R.Header["Cookie"])
	if line, start, end, ok := v.Found.Single(); ok {
		headerguard.CutOne(v.R.Header, line, start, end)
	} else if v.Found.Any() {
		headerguard.CutCookies(v.R.Header, cookies.Ours)
	}
}

// GiveBack ends the use of a state. After a panic it is not given back at all.
func (v *State) GiveBack() {
	*v = State{}
	states.Put(v)
}

// Audience says who asks, and decides it once.
func (v *State) Audience() audience.Audience {
	if v.audience == 0 {
		v.audience = audience.Of(v.R, address.OriginalMethod(v.R))
	}
	return v.audience
}

// ReturnFor returns the page to come back to after a login: the one asked for, or for a
// request that is no page, the page that it was made from. [A5, R3]
func (v *State) ReturnFor(paths *address.Paths) string {
	asked := address.PathForm(v.OriginalURL)
	who := v.Audience()
	switch {
	case who == audience.Navigation || who.SendsForm():
		return paths.Safe(asked)
	case who == audience.HTMX:
		return v.returnForHTMX(paths)
	}
	if page, ok := v.pageOf(paths, v.R.Header.Get("Referer")); ok {
		return page
	}
	if who == audience.Frame {
		return paths.Safe(asked)
	}
	return "/"
}

// returnForHTMX returns the page that htmx is at, or that it is about to show instead.
func (v *State) returnForHTMX(paths *address.Paths) string {
	header := v.R.Header
	whole := header.Get("Hx-Boosted") == "true" || header.Get("Hx-History-Restore-Request") == "true"
	if whole && v.R.Method == http.MethodGet {
		return paths.Safe(address.PathForm(v.OriginalURL))
	}
	for _, name := range []string{"Hx-Current-Url", "Referer"} {
		if page, ok := v.pageOf(paths, header.Get(name)); ok {
			return page
		}
	}
	return "/"
}

// pageOf returns the path form of an address if it is that of a page of this host. That of
// a script is none: it is what a worker has for a Referer.
func (v *State) pageOf(paths *address.Paths, referer string) (page string, ok bool) {
	own, ok := paths.RedirectFor(v.R.Host)
	// Only with our own origin in front: a path alone is no Referer.
	if !ok || !strings.HasPrefix(referer, own.Origin+"/") {
		return "", false
	}
	page = paths.Safe(referer[len(own.Origin):])
	switch path.Ext(returnpath.Path(page)) {
	case ".js", ".mjs", ".cjs":
		return "", false
	}
	return page, true
}

// IsForeign reports whether a page of another site has led to a request. Browsers that do
// not say so are believed where they name no other site either.
func (v *State) IsForeign(paths *address.Paths) bool {
	switch v.R.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		referer := v.R.Header.Get("Referer")
		own, ok := paths.RedirectFor(v.R.Host)
		return referer != "" && !(ok && strings.HasPrefix(referer, own.Origin+"/"))
	}
	return true
}

// OriginalPage returns the path and query that were asked for, as they follow an origin.
func (v *State) OriginalPage() string {
	page := returnpath.Encode(address.PathForm(v.OriginalURL))
	if !strings.HasPrefix(page, "/") {
		return "/"
	}
	return page
}
