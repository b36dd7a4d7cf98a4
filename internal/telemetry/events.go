package telemetry

import (
	"maps"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What an operator's event handlers can learn of. Names are prefixed with that of the
// directive.
const (
	eventLogin        = option.Directive + "_login"
	eventLoginRefused = option.Directive + "_login_refused"
	EventLogout       = option.Directive + "_logout"
	EventDeauthorized = option.Directive + "_deauthorized"
	EventDataDeletion = option.Directive + "_data_deletion"
)

// Emitter sends events through Caddy's events app. It holds a context, which values
// should not, because that app wants the module's own.
type Emitter struct {
	app *caddyevents.App
	ctx caddy.Context
}

func NewEmitter(ctx caddy.Context) (*Emitter, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	return &Emitter{app.(*caddyevents.App), ctx}, nil
}

// Emit tells of an event in a request. What it says of people is what the log may say,
// because Caddy logs events at DEBUG; for the same reason more must hold nothing secret.
func (t *Recorder) Emit(from Requester, name string, who *session.Identity, more map[string]any) {
	if t.events == nil || !t.events.app.ShouldEmit(name) {
		return // without events also outside a running Caddy, as in a benchmark
	}
	data := map[string]any{LabelApp: t.app, "request_id": from.requestID}
	p := &t.Privacy
	for _, personal := range []struct {
		name, value string
		how         disclosure
	}{{logClientIP, from.ClientIP, p.clientIP}, {logUserID, who.UserID, p.userID}, {logUsername, who.Username, p.username}} {
		if field, told, ok := p.tell(personal.name, personal.value, personal.how); ok {
			data[field] = told
		}
	}
	maps.Copy(data, more)
	t.events.app.Emit(t.events.ctx, name, data)
}
