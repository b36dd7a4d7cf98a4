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
	Method string
	URL    *url.URL // with scheme and host
	Size   int64    // of the body, in bytes
	// Machine says that a program asks, which knows no password.
	Machine bool
	// Any says that the walk is about everybody who asks for the address: other methods, and
	// whatever headers and cookies there are. Without it the request is what a browser sends.
	Any bool
	// SignedIn says that the request has a session: it passes the blocks.
	SignedIn bool
	// Missing says that no file may stand at the address.
	Missing bool
}

// Step is a request at some place of its way.
type Step struct {
	Request *http.Request
	Asked   *url.URL // the address before it was rewritten
	of      *Request

	blind  bool     // the address was rewritten to what only the request itself tells
	failed int      // the status of the error that error routes handle, 0 before
	groups []string // those of which a route was taken
	// ifs says what else must be so for the request to come this way.
	ifs []string
	// vague says that a handler has passed that may have done anything to the request.
	vague []string
	// hidden are variables whose values nobody knows.
	hidden    []string
	otherHost bool              // the host was changed to what only the request itself tells
	files     map[string]string // placeholders of a file matcher
	met       bool              // some route has taken it
	catch     *catcher          // nil for the server's

	// branches are the routes of groups that were taken.
	branches []*caddyhttp.Route
	// picked are the routes that were taken for more than a host.
	picked []*caddyhttp.Route

	passed  []Block  // blocks that have seen the request
	deleted []string // names of request headers that have been deleted, which may begin or end in *
	early   []string // what has asked for a user before a block has set one
	// responses change cookies when a response is written.
	responses []*headers.RespHeaderOps
	// intercepts look at the responses of what follows.
	intercepts []*intercept.Intercept
	replaces   Block // whose answer the step replaces, nil for none
	stops      bool  // sign-ins, because it replaces the redirect to Instagram
	// changes are made to request headers of a block.
	changes []Change
}

func newStep(server *caddyhttp.Server, of *Request) *Step {
	r := &http.Request{
		Method: of.Method, URL: &url.URL{Path: of.URL.Path, RawPath: of.URL.RawPath, RawQuery: of.URL.RawQuery}, Host: of.URL.Host, Header: make(http.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "192.0.2.1:1234", ContentLength: of.Size, // an address for documentation, which is nobody's
	}
	r.RequestURI = r.URL.RequestURI()
	if of.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13, ServerName: of.URL.Hostname()}
	}
	// Not with the server itself, which would ask a module of somebody else for its trusted proxies.
	r = caddyhttp.PrepareRequest(r.WithContext(context.Background()), caddy.NewReplacer(), nobody{}, new(caddyhttp.Server))
	asked := *r.URL
	return &Step{Request: r, Asked: &asked, of: of}
}

// copy returns a step whose request can be changed.
func (s *Step) copy(server *caddyhttp.Server) *Step {
	next := newStep(server, s.of)
	*next.Request.URL = *s.Request.URL
	next.Request.RequestURI, next.Request.Method, next.Request.Host = s.Request.RequestURI, s.Request.Method, s.Request.Host
	next.hidden, next.otherHost = slices.Clone(s.hidden), s.otherHost
	maps.Copy(vars(next.Request), vars(s.Request))
	next.blind, next.failed, next.catch, next.met = s.blind, s.failed, s.catch, s.met
	next.groups, next.ifs, next.vague, next.files = slices.Clone(s.groups), slices.Clone(s.ifs), slices.Clone(s.vague), maps.Clone(s.files)
	next.picked, next.branches = slices.Clone(s.picked), slices.Clone(s.branches)
	next.passed, next.deleted, next.early = slices.Clone(s.passed), slices.Clone(s.deleted), slices.Clone(s.early)
	next.responses, next.intercepts, next.replaces = slices.Clone(s.responses), slices.Clone(s.intercepts), s.replaces
	next.stops, next.changes = s.stops, slices.Clone(s.changes)
	for key, value := range next.files {
		replacer(next.Request).Set(key, value)
	}
	if next.failed != 0 {
		next.Request = (*caddyhttp.HTTPErrorConfig)(nil).WithError(next.Request, caddyhttp.Error(next.failed, nil))
	}
	return next
}

// where returns a copy of a step that a request reaches only if something else is so.
func (s *Step) where(what string) *Step {
	next := *s
	if what != "" && !slices.Contains(next.ifs, what) {
		next.ifs = append(slices.Clone(next.ifs), what)
	}
	return &next
}

// with returns a longer list, and leaves the one that other steps have as it is.
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

func lower(host string) string { return strings.ToLower(host) }

// plainHost reports whether a host of a matcher is one name.
func plainHost(host string) bool { return !strings.ContainsAny(host, "*{") }

// nobody gets what handlers answer here.
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
