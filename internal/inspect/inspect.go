// Package inspect says what of a configuration is open, cannot be reached or is likely wrong. It
// follows requests through Caddy's routes: Caddy says at start what it finds, and the doctor says
// the same.
package inspect

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

const directive = "instagram_auth"

// Checks is an app that each block loads. It has no options. When Caddy starts it follows requests
// through the routes of the servers, and logs which paths are open or unreachable. A handler cannot
// see the routes around it: they are complete only when all of Caddy's apps are provisioned.
type Checks struct {
	ctx    caddy.Context
	blocks []*Block
}

// CaddyModule returns the Caddy module information.
func (*Checks) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: directive, New: func() caddy.Module { return new(Checks) }}
}

// Provision keeps the configuration that the app belongs to.
func (c *Checks) Provision(ctx caddy.Context) error {
	c.ctx = ctx
	return nil
}

// AtStart has a block checked when Caddy starts. Its handler is being provisioned with ctx.
func AtStart(ctx caddy.Context, b *Block) error {
	app, err := ctx.App(directive)
	if err != nil {
		return fmt.Errorf("loading the checks: %w", err)
	}
	checks := app.(*Checks)
	checks.blocks = append(checks.blocks, b)
	return nil
}

// Start checks all blocks.
func (c *Checks) Start() error {
	defer func(began time.Time) {
		c.ctx.Logger().Debug("configuration checked", zap.Duration("duration", time.Since(began)))
	}(time.Now())
	app, err := c.ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no server, no routes
	}
	var servers []*routes.Server
	for _, server := range app.(*caddyhttp.App).Servers {
		servers = append(servers, routes.New(server, routes.Provisioned{}, Among(c.blocks)))
	}
	inspection, said := New(servers), false
	for _, b := range c.blocks {
		findings := inspection.Of(b)
		said = b.log(findings, said)
		if b.Strict {
			err = errors.Join(err, firstFault(findings))
		}
	}
	c.blocks = nil // a block must not outlive its configuration
	return err
}

// Stop does nothing.
func (*Checks) Stop() error { return nil }

// Among returns what a walk asks whether a handler is one of the blocks.
func Among(blocks []*Block) func(handler any) routes.Block {
	byHandler := make(map[any]*Block, len(blocks))
	for _, b := range blocks {
		byHandler[b.Handler] = b
	}
	return func(handler any) routes.Block {
		// Caddy's own redirects to HTTPS are kept by value, and cannot be the key of a map.
		if reflect.ValueOf(handler).Comparable() && byHandler[handler] != nil {
			return byHandler[handler]
		}
		return nil // and not a nil *Block
	}
}

// Inspection is what is checked of the routes of one configuration.
type Inspection struct {
	servers []*routes.Server
	// asked has the upstreams that were looked at. Many sites may have one: it is looked at once
	// for all blocks with the same headers.
	asked map[string]bool
}

// New returns an inspection of servers.
func New(servers []*routes.Server) *Inspection {
	return &Inspection{servers, make(map[string]bool)}
}

// Of returns what is found of a block.
func (i *Inspection) Of(b *Block) []finding.Finding {
	if !slices.ContainsFunc(i.servers, func(s *routes.Server) bool { return s.Has(b) }) {
		return []finding.Finding{finding.Fault("nothing is protected: this block is in a named route that no route invokes", "invoke the route in a site, or delete it")}
	}
	return slices.Concat(b.returns(i.servers), b.Borders(i.servers), b.Protection(i.servers), i.Upstreams(b), b.site(i.servers))
}

// firstFault returns an error for what is wrong, nil if nothing is.
func firstFault(findings []finding.Finding) error {
	for _, f := range findings {
		if f.Status == finding.Wrong {
			return fmt.Errorf("strict_config: %s; %s", f.Message, f.Remedy)
		}
	}
	return nil
}

// log logs what was found. The first line that is no good news names the doctor, unless another
// block has said so.
func (b *Block) log(findings []finding.Finding, said bool) bool {
	for _, f := range findings {
		level := levelOf(f)
		if level == zap.DebugLevel {
			b.Logger.Log(level, f.Message)
			continue
		}
		fields := []zap.Field{zap.String("remedy", f.Remedy)}
		if level > zap.InfoLevel && !said {
			fields = append(fields, zap.String("more", "caddy instagram-auth doctor"))
			said = true
		}
		b.Logger.Log(level, f.Message, fields...)
	}
	return said
}

// levelOf returns the log level of a finding. What is fine, only the doctor says.
func levelOf(f finding.Finding) zapcore.Level {
	switch {
	case f.Status == finding.Fine:
		return zap.DebugLevel
	case f.Quiet:
		return zap.InfoLevel
	case f.Status == finding.Wrong:
		return zap.ErrorLevel
	}
	return zap.WarnLevel
}

var (
	_ caddy.App         = (*Checks)(nil)
	_ caddy.Provisioner = (*Checks)(nil)
)
