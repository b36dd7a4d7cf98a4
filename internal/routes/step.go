package routes

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
)

// Request is what a walk follows.
type Request struct {
	Method   string
	URL      *url.URL // with scheme and host
	Size     int64    // of the body, in bytes
	Machine  bool     // sent by a program, which knows no password
	SignedIn bool     // has a session: it passes the blocks
	Missing  bool     // no file may exist at the address
	// Any stands for all requests for the address: any method, header and cookie. Without it the
	// request is what a browser sends.
	Any bool
}

// Step is a request at one place in the routes. Steps share lists: only copies of these change.
type Step struct {
	Request *http.Request
	Asked   *url.URL // the address before it was rewritten
	of      *Request

	blind  bool     // the address was rewritten to what only the request itself tells
	failed int      // the status of the error that error routes handle, 0 before
	groups []string // those of which a route was taken
	ifs    []string // what else must be so for the request to come this way
	vague  []string // handlers that have passed and may have done anything to the request
	hidden []string // variables with unknown values

	otherHost bool              // the host was changed to what only the request itself tells
	files     map[string]string // placeholders of a file matcher
	met       bool              // some route has taken it
	catch     *catcher          // nil for the server's

	branches []*caddyhttp.Route // of groups, that were taken
	picked   []*caddyhttp.Route // that were taken for more than a host

	passed     []Block                  // blocks that have seen the request
	deleted    []string                 // names of request headers that have been deleted, which may begin or end in *
	early      []string                 // what has asked for a user before a block has set one
	responses  []*headers.RespHeaderOps // change cookies when a response is written
	intercepts []*intercept.Intercept   // look at the responses of what follows
	replaces   Block                    // whose answer the step replaces, nil for none
	stops      bool                     // sign-ins, because it replaces the redirect to Instagram
	changes    []Change                 // of request headers of a block
}

func newStep(of *Request) *Step {
	r := &http.Request{
		Method: of.Method, URL: &url.URL{Path: of.URL.Path, RawPath: of.URL.RawPath, RawQuery: of.URL.RawQuery}, Host: of.URL.Host, Header: make(http.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "192.0.2.1:1234", ContentLength: of.Size, // an address for documentation, which is nobody's
	}
	r.RequestURI = r.URL.RequestURI()
	if of.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, ServerName: of.URL.Hostname()}
	}
	// Not with the server itself, which would ask a module of somebody else for its trusted
	// proxies.
	r = caddyhttp.PrepareRequest(r.WithContext(context.Background()), caddy.NewReplacer(), nobody{}, new(caddyhttp.Server))
	asked := *r.URL
	return &Step{Request: r, Asked: &asked, of: of}
}

// copy returns a step whose request and hidden can be changed. The other lists stay shared.
func (s *Step) copy() *Step {
	next, fresh := *s, newStep(s.of)
	next.Request, next.Asked, next.hidden = fresh.Request, fresh.Asked, slices.Clone(s.hidden)
	*next.Request.URL = *s.Request.URL
	next.Request.RequestURI, next.Request.Method, next.Request.Host = s.Request.RequestURI, s.Request.Method, s.Request.Host
	maps.Copy(vars(next.Request), vars(s.Request))
	for key, value := range next.files {
		replacer(next.Request).Set(key, value)
	}
	if next.failed != 0 {
		next.Request = (*caddyhttp.HTTPErrorConfig)(nil).WithError(next.Request, caddyhttp.Error(next.failed, nil))
	}
	return &next
}

// where returns a copy of a step that a request reaches only if something else is so.
func (s *Step) where(what string) *Step {
	next := *s
	if what != "" && !slices.Contains(next.ifs, what) {
		next.ifs = append(slices.Clone(next.ifs), what)
	}
	return &next
}

// with returns a copy of a list with those of more that it lacks.
func with[E comparable](list []E, more ...E) []E {
	list = slices.Clone(list)
	for _, element := range more {
		if !slices.Contains(list, element) {
			list = append(list, element)
		}
	}
	return list
}

// key tells steps apart that may go on differently.
func (s *Step) key() string {
	variables := vars(s.Request)
	var b strings.Builder
	fmt.Fprint(&b, s.Request.Method, " ", s.Request.Host, s.otherHost, s.hidden, " ", s.Request.URL.String(), " ", s.Request.URL.RawPath, s.blind, s.failed, len(s.ifs) > 0, len(s.vague) > 0, s.groups, s.catch != nil, len(s.passed), s.deleted, s.early, s.responses, s.replaces != nil, s.stops, len(s.intercepts), s.changes)
	for _, key := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&b, " %s=%v", key, variables[key])
	}
	for _, key := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintf(&b, " %s=%s", key, s.files[key])
	}
	return b.String()
}

func vars(r *http.Request) map[string]any {
	all, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	return all
}

func replacer(r *http.Request) *caddy.Replacer {
	return r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
}

// nobody is a response writer that discards everything.
type nobody struct{}

func (nobody) Header() http.Header         { return make(http.Header) }
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) WriteHeader(int)             {}

// Original returns a step with the address that was asked for.
func (s *Step) Original() *Step {
	if !s.blind && *s.Request.URL == *s.Asked {
		return s
	}
	original := *s
	r := s.Request.Clone(s.Request.Context())
	*r.URL, r.RequestURI = *s.Asked, s.Asked.RequestURI()
	original.Request, original.blind = r, false
	return &original
}
