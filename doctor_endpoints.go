package instagramauth

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
)

// checkEndpoints checks the configured addresses of Instagram's API without asking them.
func (e *examination) checkEndpoints(p *patient) []doctor.Finding {
	configured, err := p.handler.endpoints(loadTime(caddy.NewReplacer()))
	if err != nil {
		return nil // the options check says why
	}
	var found []doctor.Finding
	closed := doctor.ClosedWindow(configured.Authorize)
	switch {
	case closed && p.settings.api == instagram.InstagramLogin:
		found = append(found, closedWindow("leave endpoints authorize out, or set it to https://www.instagram.com/oauth/authorize"))
	// The window of basic_display is the closed one. Without any endpoints, the api check says so.
	case p.settings.api == instagram.BasicDisplay && (closed || configured.Authorize == "" && configured != (instagram.Endpoints{})):
		found = append(found, closedWindow("use api instagram_login, with an app that has the product Instagram"))
	}
	p.closedWindow = len(found) > 0
	if graph := doctor.Graph(configured.Graph, e.now()); graph.Status != doctor.Fine || !p.closedWindow {
		found = append(found, graph)
	}
	return found
}

func closedWindow(remedy string) doctor.Finding {
	return doctor.Fault(`Meta closed the authorization window at api.instagram.com: since August 2026 it shows only "Sorry, this page isn't available."`, remedy)
}
