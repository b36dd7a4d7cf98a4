package telemetry

import (
	"maps"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The events that an operator's handlers can subscribe to. Their names begin with the directive's.
const (
	eventLogin        = option.Directive + "_login"
	eventLoginRefused = option.Directive + "_login_refused"
	EventLogout       = option.Directive + "_logout"
	EventDeauthorized = option.Directive + "_deauthorized"
	EventDataDeletion = option.Directive + "_data_deletion"
)

// Emitter sends events through Caddy's events app. It keeps the module's context, because
// the events app takes the origin of an event from it.
type Emitter struct {
	app *caddyevents.App
	ctx caddy.Context
}

// NewEmitter returns the emitter of the module that ctx belongs to. It fails if Caddy cannot
// load its events app.
func NewEmitter(ctx caddy.Context) (*Emitter, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, err
	}
	return &Emitter{app.(*caddyevents.App), ctx}, nil
}

// Emit sends an event about a request and its user. Caddy logs events at DEBUG, so an event
// has the same personal data as a log line, and more must hold no secret. [P2]
func (t *Recorder) Emit(from Requester, name string, user *session.Identity, more map[string]any) {
	if t.events == nil || !t.events.app.ShouldEmit(name) {
		return // events is also nil outside a running Caddy, as in a benchmark
	}
	data := map[string]any{LabelApp: t.app, "request_id": from.requestID}
	for _, f := range append(t.Privacy.UserFields(user), t.Privacy.Address(from.ClientIP)) {
		if f.Type == zapcore.StringType { // empty fields are skipped
			data[f.Key] = f.String
		}
	}
	maps.Copy(data, more)
	t.events.app.Emit(t.events.ctx, name, data)
}
