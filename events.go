package instagramauth

import (
	"maps"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What an operator's event handlers can learn of. Names are prefixed with that of the
// directive.
const (
	eventLogin        = directive + "_login"
	eventLoginRefused = directive + "_login_refused"
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

// emit tells of an event in a request. What it says of people is what the log may say,
// because Caddy logs events at DEBUG; for the same reason more must hold nothing secret.
func (h *Handler) emit(from requester, name string, who *session.Identity, more map[string]any) {
	if h.events == nil || !h.events.app.ShouldEmit(name) {
		return // without events also outside a running Caddy, as in a benchmark
	}
	data := map[string]any{labelApp: h.settings.appID, "request_id": from.requestID}
	p := &h.settings.privacy
	for _, personal := range []struct {
		name, value string
		how         disclosure
	}{{fieldClientIP, from.clientIP, p.clientIP}, {fieldUserID, who.UserID, p.userID}, {fieldUsername, who.Username, p.username}} {
		if field, told, ok := p.tell(personal.name, personal.value, personal.how); ok {
			data[field] = told
		}
	}
	maps.Copy(data, more)
	h.events.app.Emit(h.events.ctx, name, data)
}
