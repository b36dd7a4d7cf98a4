// Package telemetry reports to the operator: by log lines, metrics, events and traces. It has
// every log line of the handler in one table, and decides which personal data may be written.
//
// It knows nothing of how requests are handled: the rooms above report, and it writes.
package telemetry

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// A Recorder writes the log lines, metrics and events of one block. It is safe for concurrent use.
type Recorder struct {
	app string
	// Privacy says which personal data may be written. It is not changed after NewRecorder.
	Privacy Privacy
	// Logger is the block's logger, for lines that have no Notice.
	Logger  *zap.Logger
	samples *limit.Sample // of lines that many requests can cause
	metrics *appMetrics
	events  *Emitter // nil for no events
	leave   func() error
}

// NewRecorder returns the recorder of one block. All blocks of an app share its series. events
// may be nil. Close must be called at the end.
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

// Close releases the series, once. The recorder stays usable: requests that began before a reload
// may still run.
func (t *Recorder) Close() error {
	leave := t.leave
	t.leave = nil
	if leave == nil {
		return nil
	}
	return leave()
}

// CountRequest counts a request by its outcome.
func (t *Recorder) CountRequest(o Outcome) { t.metrics.requests[o].Inc() }

// CountRefusal counts a refused request.
func (t *Recorder) CountRefusal(code refusal.Code) {
	metricRefusals.WithLabelValues(t.app, string(code)).Inc()
}

// CountRefresh counts a background refresh: kind is one of the Kind constants, result one of
// the Result constants.
func (t *Recorder) CountRefresh(kind, result string) {
	MetricRefreshes.WithLabelValues(t.app, kind, result).Inc()
}

// CountLimited counts a sign-in or callback that a limit has refused.
func (t *Recorder) CountLimited(limit string) { metricLimited.WithLabelValues(t.app, limit).Inc() }

// CountFailed counts a failed sign-in that called Instagram.
func (t *Recorder) CountFailed(share string) { metricFailed.WithLabelValues(t.app, share).Inc() }

// CountInApp counts a login that came back without its cookie, where the browser of an app took
// part.
func (t *Recorder) CountInApp(browser audience.App) {
	metricInApp.WithLabelValues(t.app, browser.String()).Inc()
}

// CountCut counts open connections that were ended.
func (t *Recorder) CountCut(reason string, n int) {
	metricCut.WithLabelValues(t.app, reason).Add(float64(n))
}

// CountOpening counts an opening of the circuit breaker.
func (t *Recorder) CountOpening() { t.metrics.openings.Inc() }

// SignedIn logs a successful login, counts it and emits its event.
func (t *Recorder) SignedIn(from Requester, user *session.Identity, more ...zap.Field) {
	t.Emit(from, eventLogin, user, nil)
	t.Notify(noticeSignedIn, nil, t.UserFields(from, user, more...)...)
	metricLogins.WithLabelValues(t.app, ResultOK).Inc()
}
