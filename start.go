package instagramauth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// What Caddy says about a configuration when it starts. A handler cannot see the routes around it:
// they are complete only when all of Caddy's apps are provisioned. An app can, when it starts.

// Checks is an app that each block loads. It has no options. When Caddy starts it follows requests
// through the routes of the servers, and logs what is open or cannot be reached.
type Checks struct {
	ctx    caddy.Context
	blocks []*Handler
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

// watch has a block checked when Caddy starts.
func (h *Handler) watch(ctx caddy.Context) error {
	app, err := ctx.App(directive)
	if err != nil {
		return fmt.Errorf("loading the checks: %w", err)
	}
	checks := app.(*Checks)
	checks.blocks = append(checks.blocks, h)
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
		servers = append(servers, routes.New(server, routes.Provisioned{}, asBlock))
	}
	inspection, said := newInspection(servers), false
	for _, h := range c.blocks {
		findings := inspection.of(h)
		said = h.sayAtStart(findings, said)
		if h.StrictConfig {
			err = errors.Join(err, firstFault(findings))
		}
	}
	c.blocks = nil // a block must not outlive its configuration
	return err
}

// inspection is what is checked of the routes of one configuration.
type inspection struct {
	servers []*routes.Server
	doors   *doorman
}

func newInspection(servers []*routes.Server) *inspection {
	return &inspection{servers, newDoorman(servers)}
}

// of returns what is found of a block.
func (i *inspection) of(h *Handler) []doctor.Finding {
	if !slices.ContainsFunc(i.servers, func(s *routes.Server) bool { return s.Has(walked{h}) }) {
		return []doctor.Finding{doctor.Fault("nothing is protected: this block stands in a named route that no route invokes", "invoke the route in a site, or delete it")}
	}
	return slices.Concat(h.checkArrivals(i.servers), h.checkPaths(i.servers), h.checkProtection(i.servers), i.doors.check(h), h.checkSite(i.servers))
}

// firstFault returns an error for what is wrong, nil if nothing is.
func firstFault(findings []doctor.Finding) error {
	for _, f := range findings {
		if f.Status == doctor.Wrong {
			return fmt.Errorf("strict_config: %s; %s", f.Message, f.Remedy)
		}
	}
	return nil
}

// Stop does nothing: what Start has looked at is all there is.
func (*Checks) Stop() error { return nil }

// sayAtStart logs what was found. The first line that is no good news names the doctor, unless
// another block has said so.
func (h *Handler) sayAtStart(findings []doctor.Finding, said bool) bool {
	for _, f := range findings {
		level := levelOf(f)
		if level == zap.DebugLevel {
			h.logger.Log(level, f.Message)
			continue
		}
		fields := []zap.Field{zap.String("remedy", f.Remedy)}
		if level > zap.InfoLevel && !said {
			fields = append(fields, zap.String("more", "caddy instagram-auth doctor"))
			said = true
		}
		h.logger.Log(level, f.Message, fields...)
	}
	return said
}

// levelOf returns how loudly a finding is said. What is fine, the doctor says.
func levelOf(f doctor.Finding) zapcore.Level {
	switch {
	case f.Status == doctor.Fine:
		return zap.DebugLevel
	case f.Quiet:
		return zap.InfoLevel
	case f.Status == doctor.Wrong:
		return zap.ErrorLevel
	}
	return zap.WarnLevel
}

// Interface guards
var (
	_ caddy.App         = (*Checks)(nil)
	_ caddy.Provisioner = (*Checks)(nil)
)
