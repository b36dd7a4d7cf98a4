package instagramauth

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
)

// checkEndpoints checks the configured addresses of Instagram's API without asking them.
func (e *examination) checkEndpoints(p *patient) (found []finding.Finding) {
	found, p.closedWindow = p.handler.checkEndpoints(e.now())
	return found
}

// checkFamily knows what Meta switched off.
func (h *Handler) checkFamily() []finding.Finding {
	if h.settings.api == instagram.BasicDisplay && h.Endpoints == (EndpointOptions{}) {
		return []finding.Finding{finding.Fault("Meta switched basic_display off on 2024-12-04", "use api instagram_login, with an app that has the product Instagram")}
	}
	return []finding.Finding{finding.OK("%s", h.settings.api)}
}

// checkEndpoints checks the addresses; closedWindow says that the window is the one that Meta
// closed.
func (h *Handler) checkEndpoints(now time.Time) (found []finding.Finding, closedWindow bool) {
	configured, err := h.endpoints(option.AtLoad(caddy.NewReplacer()))
	if err != nil {
		return nil, false // the options check says why
	}
	old := finding.ClosedWindow(configured.Authorize)
	switch {
	case old && h.settings.api == instagram.InstagramLogin:
		found = append(found, windowClosed("leave endpoints authorize out, or set it to https://www.instagram.com/oauth/authorize"))
	// The window of basic_display is the closed one. Without any endpoints, the api check says so.
	case h.settings.api == instagram.BasicDisplay && (old || configured.Authorize == "" && configured != (instagram.Endpoints{})):
		found = append(found, windowClosed("use api instagram_login, with an app that has the product Instagram"))
	}
	closedWindow = len(found) > 0
	if graph := finding.Graph(configured.Graph, now); graph.Status != finding.Fine || !closedWindow {
		found = append(found, graph)
	}
	return found, closedWindow
}

func windowClosed(remedy string) finding.Finding {
	return finding.Fault(`Meta closed the authorization window at api.instagram.com: since August 2026 it shows only "Sorry, this page isn't available."`, remedy)
}
