package instagramauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// The steps of handler.go that decide whether a request may go on.

var errNotProvisioned = errors.New("instagram_auth has not been provisioned")

// takeCookies finds our cookies and cuts them out of the request, so that neither
// the site nor an error route gets to see them. [H5]
func (h *Handler) takeCookies(v *visit) {
	v.found = h.settings.cookies.Find(v.r.Header["Cookie"])
	if line, start, end, ok := v.found.Single(); ok {
		headerguard.CutOne(v.r.Header, line, start, end)
	} else if v.found.Any() {
		headerguard.CutCookies(v.r.Header, h.settings.cookies.Ours)
	}
}

// recognize opens the session, if there is one that has not ended, and decides
// whether it lets its owner in. After a handoff the site keeps the sessions, and an
// older cookie of ours no longer counts.
func (h *Handler) recognize(v *visit) {
	if h.settings.handoff || !v.found.Any() {
		return
	}
	h.list.Await(v.r.Context())
	if v.signedIn = h.settings.cookies.OpenInto(&v.session, &v.found, h.isEnded); !v.signedIn {
		return
	}
	h.renew(v)
	switch {
	case h.outdated(v.r.Context()):
		v.signedIn, v.unsure = false, true
	case !h.settings.admits(&v.session.Identity):
		v.signedIn, v.turnedAway = false, true
	default:
		v.lacking = h.settings.lacking(&v.session.Identity)
		v.signedIn = v.lacking == 0
	}
}

// required reports whether a request needs a session: if the address that was
// asked for or the one it was rewritten to is protected. An error of a matcher
// counts as yes. [A6]
func (h *Handler) required(v *visit) bool {
	if h.protect == nil {
		return !h.settings.handoff
	}
	if h.matches(v.r) {
		return true
	}
	rewritten, uri := v.r.URL, v.r.RequestURI
	if *rewritten == *v.asked {
		return false
	}
	// Placeholders are bound to this very request, so that a copy with another
	// URL would mislead matchers that use them. It is changed and put back.
	asked := *v.asked
	v.r.URL, v.r.RequestURI = &asked, asked.RequestURI()
	defer func() { v.r.URL, v.r.RequestURI = rewritten, uri }()
	return h.matches(v.r)
}

func (h *Handler) matches(r *http.Request) bool {
	match, err := h.protect.AnyMatchWithError(r)
	if err != nil {
		h.logSampled(zapcore.ErrorLevel, "matcher of protect failed; asking for a session", "", h.about(r, zap.Error(err))...)
	}
	return match || err != nil
}

// gate asks for a session: a navigation is sent to Instagram, everything else is
// told so, because a script or an image cannot sign in. [A8]
func (h *Handler) gate(v *visit) (bool, error) {
	returnTo := h.returnFor(v)
	switch {
	case v.unsure:
		// The cookie stays: the session may be as good as ever. [F1]
		return h.refuse(v, refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: h.settings.syncInterval})
	case v.lacking != 0:
		h.handOver(v)
		return h.refuse(v, h.lacks(v.lacking, returnTo))
	case !h.signsIn(v):
		return h.elsewhere(v)
	case !isNavigation(v.r):
		return h.refuse(v, refusal.Reply{Code: refusal.LoginRequired, LoginURL: h.loginURL(returnTo)})
	case h.settings.loginPage:
		return h.showLoginPage(v, returnTo)
	}
	return h.startLogin(v, loginStart{returnTo: returnTo})
}

// isNavigation reports whether a person in a browser is about to see the answer.
func isNavigation(r *http.Request) bool {
	header := r.Header
	if r.Method == http.MethodOptions || header.Get("Upgrade") != "" || strings.Contains(header.Get("Sec-Purpose"), "prefetch") {
		return false
	}
	if mode := header.Get("Sec-Fetch-Mode"); mode != "" || header.Get("Sec-Fetch-Dest") != "" {
		dest := header.Get("Sec-Fetch-Dest")
		return mode == "navigate" && (dest == "document" || dest == "")
	}
	if strings.EqualFold(header.Get("X-Requested-With"), "XMLHttpRequest") {
		return false
	}
	accept := strings.Join(header.Values("Accept"), ",")
	return accept == "" || accept == "*/*" || strings.Contains(accept, "text/html")
}

// returnFor returns the page to come back to after a login: the one asked for, or
// for a request that cannot be repeated by following a link, or was not made by
// one, the page that it was made from. [A5, R3]
func (h *Handler) returnFor(v *visit) string {
	if (v.r.Method == http.MethodGet || v.r.Method == http.MethodHead) && isNavigation(v.r) {
		return h.safeReturn(pathForm(v.asked))
	}
	if own, ok := h.settings.redirectFor(v.r.Host); ok {
		// Only with our own origin in front: a path alone is no Referer.
		if referer := v.r.Header.Get("Referer"); strings.HasPrefix(referer, own.origin+"/") {
			return h.safeReturn(referer[len(own.origin):])
		}
	}
	return "/"
}

// pathForm returns path and query of an address, byte for byte as they were asked for.
func pathForm(u *url.URL) string {
	p := u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		p += "?" + u.RawQuery
	}
	return p
}

// catch turns a panic of ours into a refusal: Caddy would close the connection
// without a status, and nothing may go on to the site. [A6]
func (h *Handler) catch(v *visit, proceed *bool, err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	// The type alone: the value may carry anything of the request. [P1]
	h.logger.Error("recovered from a panic", zap.String("type", fmt.Sprintf("%T", cause)), zap.ByteString("stack", debug.Stack()))
	*proceed, *err = h.refuse(v, refusal.Reply{Code: refusal.Internal})
}
