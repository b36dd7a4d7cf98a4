package routes

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
)

// rewriting returns a step that remembers what changes the cookies of a response. Operations that
// are not deferred run before a cookie is set.
func (s *Step) rewriting(ops *headers.RespHeaderOps) *Step {
	if ops == nil || ops.HeaderOps == nil || !ops.Deferred && ops.Require == nil || !touchesCookies(ops.HeaderOps) {
		return s
	}
	next := *s
	next.responses = with(s.responses, ops)
	return &next
}

const setCookie = "Set-Cookie"

// touchesCookies reports whether operations may change or delete cookies.
func touchesCookies(ops *headers.HeaderOps) bool {
	named := func(name string) bool { return strings.EqualFold(name, setCookie) || strings.ContainsAny(name, "*{") }
	names := slices.AppendSeq(slices.Clone(ops.Delete), maps.Keys(ops.Set))
	return slices.ContainsFunc(slices.AppendSeq(names, maps.Keys(ops.Replace)), named)
}

// Cookies returns the cookies of a response to the request that ends here as they get to the
// browser. It has Caddy's own code change them, the innermost handler first.
func (e Ending) Cookies(status int, cookies []string) []string {
	for _, ops := range slices.Backward(e.Step.responses) {
		cookies = written(ops, status, cookies)
	}
	return cookies
}

func written(ops *headers.RespHeaderOps, status int, cookies []string) []string {
	header := http.Header{setCookie: slices.Clone(cookies)}
	if ops.Require == nil || ops.Require.Match(status, header) {
		ops.ApplyTo(header, caddy.NewReplacer())
	}
	return header[setCookie]
}

// Through returns the cookies of a response as they get to the browser through each reverse proxy
// of this server that has another server of the same Caddy as its upstream, and changes cookies.
func (s *Server) Through(to *Server, status int, cookies []string) (through [][]string) {
	for _, p := range s.look().proxies {
		changes := p.Headers != nil && p.Headers.Response != nil && p.Headers.Response.HeaderOps != nil
		if changes && touchesCookies(p.Headers.Response.HeaderOps) && slices.ContainsFunc(dialled(p.Handler), to.listensOn) {
			through = append(through, written(p.Headers.Response, status, cookies))
		}
	}
	return through
}

// listensOn reports whether the server has an address of this machine.
func (s *Server) listensOn(address string) bool {
	port, local := strings.CutPrefix(address, "localhost:")
	number, err := strconv.ParseUint(port, 10, 16)
	return local && err == nil && slices.ContainsFunc(s.Caddy.Listen, func(listen string) bool {
		at, err := caddy.ParseNetworkAddress(listen)
		return err == nil && at.StartPort <= uint(number) && uint(number) <= at.EndPort
	})
}

// Hosts returns the hosts of the routes that lead to a block. None are named if any host does.
func (s *Server) Hosts(b Block) (hosts []string) {
	for _, p := range s.placesOf(b) {
		hosts = with(hosts, hostsIn(p)...)
		if slices.Contains(hosts, "") {
			return nil
		}
	}
	return hosts
}
