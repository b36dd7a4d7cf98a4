package instagramauth

import (
	"slices"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Both are what Caddy says at start and what the doctor says.
type Both struct{ AtStart, Doctor []finding.Finding }

// CheckRoutes returns what is said of the routes of a configuration file, read by the doctor. It does
// not have Caddy load it, and asks nobody.
func CheckRoutes(file string) (both Both, err error) {
	e := &examination{source: cli.Source{File: file}}
	if err := e.load(); err != nil {
		return both, err
	}
	defer e.prepare()()
	for _, p := range e.patients {
		p.handler.now = time.Now
		if p.wrong != nil {
			return both, p.wrong
		}
		both.AtStart = slices.Concat(both.AtStart, inspect.New(e.servers).Of(p.block))
		both.Doctor = slices.Concat(both.Doctor, e.checkRedirects(p), e.checkCallbacks(p), e.checkMatcher(p), e.checkUpstream(p))
	}
	return both, nil
}

// ChecksOf returns what makes all checks at start of a configuration file once more.
func ChecksOf(file string) (check func(), err error) {
	e := &examination{source: cli.Source{File: file}}
	if err := e.load(); err != nil {
		return nil, err
	}
	e.prepare()
	for _, p := range e.patients {
		p.handler.now = time.Now
	}
	reader := routes.NewRaw(e.modules, e.blockOf)
	return func() {
		var servers []*routes.Server
		for _, s := range e.servers {
			servers = append(servers, routes.New(s.Caddy, reader, inspect.Among(e.blocks())))
		}
		inspection := inspect.New(servers)
		for _, p := range e.patients {
			inspection.Of(p.block)
		}
	}, nil
}
