package instagramauth

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

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
	app, err := c.ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no server, no routes
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		s := routes.New(server, routes.Provisioned{}, asBlock)
		for _, h := range c.blocks {
			if s.Has(walked{h}) {
				h.sayAtStart(h.checkRoutes(s))
			}
		}
	}
	c.blocks = nil
	return nil
}

// Stop does nothing.
func (*Checks) Stop() error { return nil }

// sayAtStart logs what was found.
func (h *Handler) sayAtStart(findings []doctor.Finding) {
	for _, f := range findings {
		log := h.logger.Warn
		switch f.Status {
		case doctor.Fine:
			log = h.logger.Info
		case doctor.Wrong:
			log = h.logger.Error
		}
		log(f.Message, zap.String("remedy", f.Remedy))
	}
}

// checkRoutes tells whether what a block is to protect asks for a session.
func (h *Handler) checkRoutes(s *routes.Server) (found []doctor.Finding) {
	for _, origin := range h.originsOf() {
		survey := s.Survey(walked{h}, origin)
		for _, group := range grouped(survey.Open) {
			found = append(found, doctor.Fault(group.paths()+" NOT protected: "+group.by+" answers first", "move instagram_auth above "+group.by))
		}
		for _, group := range grouped(survey.Doubtful) {
			found = append(found, doctor.Doubt(group.doubt(), "check that it does not answer for this block"))
		}
		for _, group := range grouped(survey.Public) {
			found = append(found, doctor.OK("%s not asked for a session here: the configuration has another branch for that, with %s", group.paths(), group.by))
		}
		if survey.Gated == 0 && len(survey.Open) == 0 && len(survey.Doubtful) == 0 {
			found = append(found, doctor.Fault("no request that needs a session reaches this block", "move instagram_auth above what answers first"))
		}
		break
	}
	return found
}

// answered are addresses that the same handler answers.
type answered struct {
	by  string
	all []routes.Verdict
}

func grouped(verdicts []routes.Verdict) (groups []*answered) {
	byName := make(map[string]*answered)
	for _, v := range verdicts {
		key := v.End.By + v.End.If() + v.End.After()
		if byName[key] == nil {
			byName[key] = &answered{by: v.End.By}
			groups = append(groups, byName[key])
		}
		byName[key].all = append(byName[key].all, v)
	}
	return groups
}

const mostPaths = 3

func (a *answered) paths() string {
	var paths []string
	for _, v := range a.all[:min(mostPaths, len(a.all))] {
		paths = append(paths, v.Path)
	}
	text := strings.Join(paths, ", ")
	if more := len(a.all) - len(paths); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if len(a.all) == 1 {
		return text + " is"
	}
	return text + " are"
}

func (a *answered) doubt() string {
	end := a.all[0].End
	if end.Kind == routes.Unclear {
		return "nobody can tell whether " + strings.TrimSuffix(strings.TrimSuffix(a.paths(), " is"), " are") + " needs a session: " + a.by + " stands before this block"
	}
	return a.paths() + " answered by " + a.by + " without a session if: " + end.If() + end.After()
}

// Interface guards
var (
	_ caddy.App         = (*Checks)(nil)
	_ caddy.Provisioner = (*Checks)(nil)
)
