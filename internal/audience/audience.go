// Package audience decides who asks: a person who is about to see the answer, or a program.
// It is the one place that reads what browsers say of a request. A wrong answer opens
// nothing; it sends a program to a sign-in that it cannot complete, or shows a person JSON.
package audience

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
)

// Audience is who asks.
type Audience int

// The audiences. The zero value is none of them: nobody has decided yet.
const (
	// Program is everything that cannot sign in: scripts, images, command lines, WebDAV.
	Program Audience = iota + 1
	// Navigation is a person who opens a page in a window of their own.
	Navigation
	// Frame is a person who opens a page in a frame of a page of this site.
	Frame
	// Form is a person who sends a form.
	Form
	// FramedForm is a person who sends a form whose answer is shown in a frame of this site.
	FramedForm
	// HTMX is a script of htmx, which goes where HX-Redirect says.
	HTMX
	// Preflight is a browser that asks whether a page of another origin may send a request.
	// It never carries cookies.
	Preflight
)

// SeesPages reports whether a person is about to see the answer.
func (a Audience) SeesPages() bool {
	return a == Navigation || a == Frame || a.SendsForm()
}

// SendsForm reports whether a person has sent a form.
func (a Audience) SendsForm() bool { return a == Form || a == FramedForm }

// IsFramed reports whether the answer is shown in a frame of a page of this site.
func (a Audience) IsFramed() bool { return a == Frame || a == FramedForm }

// Of decides who asks. method is that of the request line: rewrites change r.Method.
func Of(r *http.Request, method string) Audience {
	header := r.Header
	switch {
	case method == http.MethodOptions:
		if isPreflight(r) {
			return Preflight
		}
		return Program
	case header.Get("Upgrade") != "" || isPrefetch(header):
		return Program
	case header.Get("Hx-Request") == "true":
		return HTMX
	}
	framed, shown := isShown(r)
	switch {
	case !shown:
		return Program
	case method == http.MethodGet || method == http.MethodHead:
		if framed {
			return Frame
		}
		return Navigation
	case method != http.MethodPost || !isForm(header) || !acceptsHTML(header):
		return Program
	case framed:
		return FramedForm
	}
	return Form
}

// isShown reports whether a person sees the answer, and whether in a frame of a page of
// this site. A frame of another site shows no page of this handler.
func isShown(r *http.Request) (framed, shown bool) {
	header := r.Header
	mode, dest := header.Get("Sec-Fetch-Mode"), header.Get("Sec-Fetch-Dest")
	if mode == "" && dest == "" {
		return false, isShownByOldBrowser(r)
	}
	switch dest {
	case "document":
		return false, mode == "navigate"
	case "iframe", "frame":
		return true, mode == "navigate" && header.Get("Sec-Fetch-Site") == "same-origin"
	case "empty", "":
		// A service worker passes a navigation on like this: as it is, or, if it changes
		// anything about it, as a request within the origin. A link with the attribute
		// download looks alike but for what it accepts.
		return false, (mode == "navigate" || mode == "same-origin") && acceptsHTML(header)
	}
	return false, false
}

// isShownByOldBrowser is isShown for clients that say nothing in Sec-Fetch.
func isShownByOldBrowser(r *http.Request) bool {
	header := r.Header
	// Browsers within apps name the app in this header.
	if strings.EqualFold(header.Get("X-Requested-With"), "XMLHttpRequest") {
		return false
	}
	if acceptsHTML(header) {
		return true
	}
	if accept := strings.TrimSpace(strings.Join(header.Values("Accept"), ",")); accept != "" && accept != "*/*" {
		return false
	}
	// A command line, or somebody who looks at what the site answers. What a page of this
	// site asks for in the background looks alike but for where it comes from, and who
	// brings a credential of their own wants a status.
	return header.Get("Authorization") == "" && !FromHost(header.Get("Referer"), r.Host)
}

// isPreflight reports whether a request asks for leave and for nothing else. Browsers send
// a preflight without a body and without headers of a page's own, so that one which names
// another method for the server to believe in is none.
func isPreflight(r *http.Request) bool {
	header := r.Header
	for name := range header {
		switch headerguard.Fold(name) {
		case "x-http-method-override", "x-http-method", "x-method-override":
			return false
		}
	}
	return r.ContentLength == 0 && len(r.TransferEncoding) == 0 && header.Get("Upgrade") == "" &&
		isOne(header["Origin"]) && isOne(header["Access-Control-Request-Method"])
}

// isOne reports whether a header is there once and says something.
func isOne(values []string) bool { return len(values) == 1 && values[0] != "" }

// isPrefetch reports whether a browser asks in advance. The first header is today's.
func isPrefetch(header http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Sec-Purpose", "X-Moz"} {
		if value := header.Get(name); strings.Contains(value, "prefetch") || value == "preview" {
			return true
		}
	}
	return false
}

// isForm reports whether a body is of a kind that browsers make of a form. [HTML, 4.10.21]
func isForm(header http.Header) bool {
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}

// acceptsHTML reports whether a client names HTML among what it accepts: */* does not.
func acceptsHTML(header http.Header) bool {
	for _, line := range header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			kind, parameters, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case "text/html", "application/xhtml+xml":
				if !isUnwanted(parameters) {
					return true
				}
			}
		}
	}
	return false
}

// isUnwanted reports whether the parameters of a kind have a weight of 0: q=0, q=0.000.
func isUnwanted(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "q") && strings.Trim(value, "0.") == "" {
			return true
		}
	}
	return false
}

// IsFromAnotherSite reports whether a page of another site has sent a request, whose
// cookies of SameSite=Lax the browser leaves out then. What a service worker passes on
// comes as same-origin whoever began it, but keeps its Origin. An origin that the browser
// keeps to itself ("null") is believed to be this one.
func IsFromAnotherSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site":
		return true
	case "same-site":
		return false
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "null" && !FromHost(origin, r.Host)
}

// FromHost reports whether an address, such as that of Referer, is on a host.
func FromHost(address, host string) bool {
	if address == "" {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && strings.EqualFold(withoutPort(u.Host), withoutPort(host))
}

// withoutPort takes the ports away that browsers leave out.
func withoutPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
