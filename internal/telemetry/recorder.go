// Package telemetry tells the operator what happens: in the log, in metrics, as events and in traces.
package telemetry

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// A Recorder tells the operator what happens: in the log, in metrics and as events.
type Recorder struct {
	app     string
	Privacy Privacy
	Logger  *zap.Logger
	samples *limit.Sample // of failures that are logged
	metrics *appMetrics
	events  *Emitter // nil for no events
	leave   func() error
}

// NewRecorder makes the recorder of one block, whose series all blocks of the app share.
func NewRecorder(logger *zap.Logger, events *Emitter, app string, p Privacy, now func() time.Time) (*Recorder, error) {
	shared, _, err := metricsPool.LoadOrNew(app, func() (caddy.Destructor, error) { return newAppMetrics(app), nil })
	if err != nil {
		return nil, err
	}
	return &Recorder{
		app: app, Privacy: p, Logger: logger, events: events, samples: limit.NewSample(SampleLines, SampleTime, now),
		metrics: shared.(*appMetrics), leave: func() error { _, err := metricsPool.Delete(app); return err },
	}, nil
}

// Close gives the series back. The recorder can still be used: requests that began before a reload
// may still be on their way.
func (t *Recorder) Close() error { return t.leave() }

// CountRequest counts what has become of a request.
func (t *Recorder) CountRequest(o Outcome) { t.metrics.requests[o].Inc() }

// CountRefusal counts an answer that refuses something.
func (t *Recorder) CountRefusal(code refusal.Code) { t.metrics.refusal(code).Inc() }

// CountRefresh counts a refresh in the background.
func (t *Recorder) CountRefresh(kind, result string) { t.metrics.refresh(kind, result).Inc() }

// CountLimited counts what a limit has refused.
func (t *Recorder) CountLimited(limit string) { t.metrics.limited(limit).Inc() }

// CountFailed counts a sign-in that has asked Instagram and failed.
func (t *Recorder) CountFailed(share string) { t.metrics.failed(share).Inc() }

// CountOpening counts that logins are stopped for a while.
func (t *Recorder) CountOpening() { t.metrics.openings.Inc() }

// SignedIn tells of a login that has succeeded.
func (t *Recorder) SignedIn(from Requester, who *session.Identity, about ...zap.Field) {
	t.Emit(from, eventLogin, who, nil)
	t.Notify(noticeSignedIn, nil, t.UserFields(from, who, about...)...)
	t.metrics.login(ResultOK).Inc()
}
