// Package request has the state of one request on its way through the handler: what the
// visitor asked for, the session that came with it, and how it ends.
//
// It decides nothing: other rooms fill the state in.
package request

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/returnpath"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// State is the state of one request on its way through the handler. Nothing that belongs to a
// request lives on the handler, which all requests share. [H7]
type State struct {
	W http.ResponseWriter
	R *http.Request
	// OriginalURL is the address that the visitor asked for. Rewrites run before this handler
	// and change only R.URL.
	OriginalURL *url.URL
	Vars        map[string]any // Caddy's variables of the request
	// audience is the result of Audience, 0 before the first call.
	audience audience.Audience

	Found     session.Found
	Session   session.Session
	Standing  Standing
	Missing   instagram.Permissions // the permissions that lack, with MissingPermission
	Renewed   bool                  // Session is newer than its cookie
	MaxAge    time.Duration         // that the sign-in of Session may have; 0 for any
	Malformed bool                  // servers would read the address in different ways

	Outcome   telemetry.Outcome
	HandedOff bool // the site answers the callback of this login
	// Deliver passes a verified callback from Meta to the site, which next calls. It is nil for
	// all other requests.
	Deliver func(next func(http.ResponseWriter) error) error
}

// Standing says whether the session of a request counts.
type Standing uint8

const (
	Anonymous         Standing = iota // there is no session, or it is revoked or expired
	SignedIn                          // the session is valid
	RevocationUnknown                 // the storage cannot say whether it is revoked
	NotAllowed                        // allow or deny excludes its user
	MissingPermission                 // its user has not granted all of require_scope
)

// states are reused, because a state is most of what a request allocates here. The site never
// gets one: it may keep what it gets after the response.
var states = sync.Pool{New: func() any { return new(State) }}

// Borrow returns the state of a new request. The caller ends its use with GiveBack.
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

// GiveBack ends the use of a state. A state is not given back after a panic, when others may
// still refer to it.
func (v *State) GiveBack() {
	*v = State{}
	states.Put(v)
}

// Audience returns the kind of client that asks. It is determined once.
func (v *State) Audience() audience.Audience {
	if v.audience == 0 {
		v.audience = audience.Of(v.R, address.OriginalMethod(v.R))
	}
	return v.audience
}

// ReturnFor returns the page to return to after a login: the requested one, or for a request
// that loads no page, the page that made it. [A5, R3]
func (v *State) ReturnFor(paths *address.Paths) string {
	requested := address.PathForm(v.OriginalURL)
	asker := v.Audience()
	switch {
	case asker == audience.Navigation || asker.SendsForm():
		return paths.Safe(requested)
	case asker == audience.HTMX:
		return v.returnForHTMX(paths)
	}
	if page, ok := v.pageOf(paths, v.R.Header.Get("Referer")); ok {
		return page
	}
	if asker == audience.Frame {
		return paths.Safe(requested)
	}
	return "/"
}

// returnForHTMX returns the page that htmx shows, or is about to show instead.
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

// pageOf returns the path form of a Referer if it is a page of this host. A script is not a
// page: workers send their script as Referer.
func (v *State) pageOf(paths *address.Paths, referer string) (page string, ok bool) {
	own, ok := paths.RedirectFor(v.R.Host)
	// It must begin with the own origin: a path alone is not a Referer.
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

// IsForeign reports whether a page of another site made a request. Without Sec-Fetch-Site the
// Referer decides, and without both the request counts as the site's own.
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

// OriginalPage returns the requested path and query, encoded so that they can follow an origin.
func (v *State) OriginalPage() string {
	page := returnpath.Encode(address.PathForm(v.OriginalURL))
	if !strings.HasPrefix(page, "/") {
		return "/"
	}
	return page
}

// At asks a question about the request as if the visitor had opened another address of this host,
// with or without a query. It returns true for what is not an address.
//
// It changes the request in place and restores it, also after a panic: Caddy's placeholders are
// bound to this request.
func (v *State) At(target string, ask func(*State) bool) bool {
	page, err := url.ParseRequestURI(target)
	if err != nil {
		return true
	}
	live, asked, method, uri, malformed := *v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI, v.Malformed
	defer func() {
		*v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI, v.Malformed = live, asked, method, uri, malformed
	}()
	*v.R.URL, *v.OriginalURL, v.R.Method, v.R.RequestURI = *page, *page, http.MethodGet, target
	return ask(v)
}
