package routes

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/requestbody"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// What each of Caddy's own handlers does to a request. A handler by others may do anything.

// passing are handlers that let every request pass and leave its address alone.
var passing = []string{
	"copy_response_headers", "encode", "log_append", "map", "push", "templates", "timeouts", "tracing",
}

// answering are handlers that answer what reaches them with something of their own.
var answering = []string{"metrics", "copy_response"}

func (w *walk) handler(handler any, at *Step, f flow) {
	if block := w.server.block(handler); block != nil {
		w.gate(block, at, f)
		return
	}
	if w.server.mentionsUser(handler) {
		at = at.tooEarly(called(handler))
	}
	switch h := handler.(type) {
	case *caddyhttp.Subroute:
		w.subroute(h, at, f)
	case *caddyhttp.Invoke:
		w.invoke(h, at, f)
	case *rewrite.Rewrite:
		f.next(w.rewrite(h, at))
	case *headers.Handler:
		f.next(w.setHost(h.Request, at).without(h.Request).changing("request_header", h.Request).rewriting(h.Response))
	case *caddyhttp.VarsMiddleware:
		f.next(w.setVars(*h, at))
	case *caddyhttp.StaticResponse:
		w.respond(h, at, f)
	case *caddyhttp.StaticError:
		w.fail(at, w.status(at, string(h.StatusCode), http.StatusInternalServerError), "error")
	case *caddyauth.Authentication:
		w.authenticate(h, at, f)
	case *requestbody.RequestBody:
		if h.MaxSize > 0 && at.of.Size > h.MaxSize {
			w.fail(at, http.StatusRequestEntityTooLarge, "request_body")
			return
		}
		if h.MaxSize > 0 && at.of.Any && w.caught(at) {
			w.fail(at.where("a body that is too large for request_body"), http.StatusRequestEntityTooLarge, "request_body")
		}
		f.next(at)
	case *intercept.Intercept:
		f.next(at.intercepted(h))
	case *fileserver.FileServer:
		if h.PassThru {
			f.next(at.where("no such file"))
			at = at.where("there is such a file")
		}
		w.answer(h, at)
		if at.of.Missing && at.failed == 0 {
			w.fail(at.where(NoSuchFile), http.StatusNotFound, "file_server")
		}
	case *reverseproxy.Handler:
		w.proxy(h, at, f)
	default:
		w.other(handler, at, f)
	}
}

func (w *walk) other(handler any, at *Step, f flow) {
	switch by := name(handler); {
	case slices.Contains(passing, by):
		f.next(at)
	case by == "acme_server": // answers below a folder of its own
		if strings.HasPrefix(at.Request.URL.Path, "/acme/") || at.unclear() != "" {
			w.answer(handler, at)
			return
		}
		f.next(at)
	case slices.Contains(answering, by):
		w.answer(handler, at)
	default:
		w.end(Ending{Kind: Unclear, By: by, Step: at, Handler: handler})
		vague := *at
		vague.vague = append(slices.Clone(at.vague), by)
		f.next(&vague)
	}
}

// gate asks a block.
func (w *walk) gate(block Block, at *Step, f flow) {
	if block.Answers(at) {
		w.end(Ending{Kind: Own, Block: block, Step: at})
		w.replaced(block, at)
		return
	}
	beyond := *at
	beyond.passed = with(at.passed, block)
	asks := block.Asks(at)
	if at.of.SignedIn {
		asks = No
	}
	if asks != No {
		w.end(Ending{Kind: Gated, Block: block, Step: at})
		w.replaced(block, at)
		if block.RefusesAsErrors() {
			w.refuse(at, http.StatusUnauthorized, Ending{By: "instagram_auth", Block: block})
		}
	}
	if asks == Maybe {
		f.next(beyond.where(at.leftOut(block.Protects())))
	}
	if asks == No {
		f.next(&beyond)
	}
}

// answer ends a way with content, or a page about an error. Error routes may serve the address.
func (w *walk) answer(handler any, at *Step) {
	kind := Content
	switch _, text := handler.(*caddyhttp.StaticResponse); {
	case at.replaces != nil:
		if text || !at.showsProtected(at.replaces) {
			kind = Denied
		}
	case at.failed == 0:
	case text, !at.blind && !strings.HasSuffix(at.Request.URL.Path, at.Asked.Path):
		kind = Denied
	case at.blind:
		at = at.where(at.unclear())
	}
	w.end(Ending{Kind: kind, By: called(handler), Step: at, Handler: handler})
}

// subroute follows routes within a route. Their error routes also get errors of later handlers,
// which Caddy calls from within.
func (w *walk) subroute(h *caddyhttp.Subroute, at *Step, f flow) {
	if h.Errors != nil && len(h.Errors.Routes) > 0 {
		within := *at
		within.catch = &catcher{at.catch, h.Errors.Routes, flow{f.next, f.place + "!", f.deep}}
		at = &within
	}
	f.place += "("
	w.all(h.Routes, at, f)
}

func (w *walk) invoke(h *caddyhttp.Invoke, at *Step, f flow) {
	route := w.server.named(h.Name)
	if route == nil {
		w.fail(at, http.StatusInternalServerError, "invoke (there is no named route "+h.Name+")")
		return
	}
	f.place += ">" + h.Name
	w.all(route, at, f)
}

// rewrite has a rewrite change the request.
func (w *walk) rewrite(h *rewrite.Rewrite, at *Step) *Step {
	changed := at.copy()
	path, _, _ := strings.Cut(h.URI, "?") // what matchers say of the query is not known anyway
	parts := []string{path, h.StripPathPrefix, h.StripPathSuffix}
	for _, replacement := range h.URISubstring {
		parts = append(parts, replacement.Find, replacement.Replace)
	}
	for _, replacement := range h.PathRegexp {
		parts = append(parts, replacement.Replace)
	}
	unknown := slices.ContainsFunc(parts, func(part string) bool { return !at.knows(part) })
	if unknown || strings.Contains(h.URI, "{"+relativeFile+"}") && at.files[relativeFile] == "" {
		changed.blind = true
		return changed
	}
	h.Rewrite(changed.Request, replacer(changed.Request))
	return changed
}

// setVars sets the variables with known values.
func (w *walk) setVars(all caddyhttp.VarsMiddleware, at *Step) *Step {
	changed := at.copy()
	for key, value := range all {
		if text, ok := value.(string); ok {
			if !at.decides(text) {
				delete(vars(changed.Request), key)
				changed.hidden = with(changed.hidden, key)
				continue
			}
			value = replacer(changed.Request).ReplaceAll(text, "")
		}
		vars(changed.Request)[key] = value
		changed.hidden = slices.DeleteFunc(changed.hidden, func(hidden string) bool { return hidden == key })
	}
	return changed
}

// setHost has a header handler change the host.
func (w *walk) setHost(ops *headers.HeaderOps, at *Step) *Step {
	if ops == nil {
		return at
	}
	isHost := func(name string) bool { return strings.EqualFold(name, "Host") }
	only := true // set to one value
	value, set := "", false
	for name, values := range ops.Set {
		if isHost(name) && len(values) == 1 {
			value, set = values[0], true
		} else if isHost(name) {
			only = false
		}
	}
	for name := range ops.Add {
		only = only && !isHost(name)
	}
	for name := range ops.Replace {
		only = only && !isHost(name) && name != "*"
	}
	only = only && !slices.ContainsFunc(ops.Delete, func(name string) bool { return isHost(name) || strings.Contains(name, "*") && stands(name, "host") })
	if only && !set {
		return at
	}
	changed := at.copy()
	if changed.otherHost = !only || !at.knows(value); !changed.otherHost {
		changed.Request.Host = replacer(at.Request).ReplaceAll(value, "")
	}
	return changed
}

// caught reports whether error routes get the errors of what stands at a place.
func (w *walk) caught(at *Step) bool {
	errors := w.server.Caddy.Errors
	return at.catch != nil || at.failed == 0 && errors != nil && len(errors.Routes) > 0
}

func (w *walk) respond(h *caddyhttp.StaticResponse, at *Step, f flow) {
	status := w.status(at, string(h.StatusCode), http.StatusOK)
	switch {
	case status == http.StatusEarlyHints:
		f.next(at)
	case h.Abort:
		w.end(Ending{Kind: Denied, By: "abort", Step: at, Handler: h})
	case status >= 300 && status < 400:
		w.end(Ending{Kind: Denied, By: "redir", Step: at, Handler: h})
	case status >= 300:
		w.end(Ending{Kind: Denied, By: "respond", Step: at, Handler: h})
	case h.Body == "":
		w.end(Ending{Kind: Nothing, By: "respond", Step: at, Handler: h})
	default:
		w.answer(h, at)
	}
}

// status reads a status of a configuration.
func (w *walk) status(at *Step, text string, otherwise int) int {
	if at.knows(text) {
		if status, err := strconv.Atoi(replacer(at.Request).ReplaceAll(text, "")); err == nil {
			return status
		}
	}
	return otherwise
}

// authenticate ends a way without a password.
func (w *walk) authenticate(h *caddyauth.Authentication, at *Step, f flow) {
	providers := slices.AppendSeq(slices.Collect(maps.Keys(h.Providers)), maps.Keys(h.ProvidersRaw))
	w.fail(at, http.StatusUnauthorized, "basic_auth")
	for _, provider := range providers {
		if provider != "http_basic" {
			w.unclear(at, "authentication with "+provider)
		}
	}
	if len(providers) > 0 && !at.of.Machine {
		f.next(at.where("a password of basic_auth"))
	}
}

// proxy is for a reverse proxy. One that asks at a fixed address and goes on by the answer, as
// forward_auth does, serves no content.
func (w *walk) proxy(h *reverseproxy.Handler, at *Step, f flow) {
	always := false
	for i, response := range h.HandleResponse {
		if len(response.Routes) == 0 {
			continue
		}
		always = always || response.Match == nil
		after := f
		after.place += "response" + strconv.Itoa(i)
		w.all(response.Routes, at.where("what the upstream of "+called(h)+" answers"), after)
	}
	switch {
	case always:
	case h.Rewrite != nil && h.Rewrite.URI != "" && !strings.Contains(h.Rewrite.URI, "{") && len(h.HandleResponse) > 0:
		if w.caught(at) {
			w.fail(at.where("the upstream of forward_auth does not answer"), http.StatusBadGateway, "forward_auth")
		}
		w.end(Ending{Kind: Denied, By: "forward_auth", Step: at, Handler: h})
	default:
		if h.Headers != nil && h.Headers.Request != nil {
			at = at.without(h.Headers.Request).changing("header_up", h.Headers.Request)
		}
		if h.Rewrite != nil && (at.failed != 0 || at.of.Missing) {
			at = w.rewrite(h.Rewrite, at)
		}
		w.answer(h, at)
	}
}
