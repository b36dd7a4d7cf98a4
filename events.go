package instagramauth

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// What an operator's event handlers can learn of. Names are prefixed with that of the
// directive.
const (
	eventLogout       = directive + "_logout"
	eventDeauthorized = directive + "_deauthorized"
	eventDataDeletion = directive + "_data_deletion"
)

var eventOf = map[removal]string{deauthorized: eventDeauthorized, deletionRequest: eventDataDeletion}

// emitter sends events through Caddy's events app. It holds a context, which values
// should not, because that app wants the module's own.
type emitter struct {
	app *caddyevents.App
	ctx caddy.Context
}

func newEmitter(ctx caddy.Context) (*emitter, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	return &emitter{app.(*caddyevents.App), ctx}, nil
}

// emit tells of an event. Its data must hold nothing secret: Caddy logs it at DEBUG.
func (h *Handler) emit(name string, data map[string]any) {
	if h.events == nil {
		return // outside a running Caddy, as in a benchmark
	}
	data["app_id"] = h.settings.appID
	h.events.app.Emit(h.events.ctx, name, data)
}
