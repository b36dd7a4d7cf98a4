package instagramauth

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// What this handler counts, in Caddy's registry. Labels are the app's ID, of which a
// configuration has few, and words of ours: nothing of a request, and nobody's name.

const (
	labelApp      = "app_id"
	labelResult   = "result"
	labelOutcome  = "outcome"
	labelEndpoint = "endpoint"
	labelErrand   = "errand"
	labelLimit    = "limit"
	labelShare    = "share"
	labelCode     = "code"

	resultOK = "ok"
)

// outcome is what becomes of a request.
type outcome uint8

const (
	outcomeAnonymous     outcome = iota // goes on to the site without an identity
	outcomeSignedIn                     // goes on to the site with an identity
	outcomePassedOn                     // a verified callback goes on to the site
	outcomeRedirected                   // to Instagram's window, or to the host on which people sign in
	outcomeLoginPage                    // answered with the page with one button
	outcomeLoginRequired                // answered with 401
	outcomeRefused                      // answered with any other refusal
	outcomeOwnPath                      // answered on an own path
	outcomes             = iota
)

var outcomeNames = [outcomes]string{"anonymous", "signed_in", "passed_on", "redirected", "login_page", "login_required", "refused", "own_path"}

// What becomes of a call beside the kinds of its error.
const (
	resultRateLimited = "rate_limited" // refused, because of too many calls
	resultCancelled   = "cancelled"    // the visitor went away, or the configuration was replaced
)

// What is limited beside the limits of failed sign-ins.
const (
	limitCancelled = "cancelled"
	limitForged    = "forged"
)

// What becomes of an errand.
const (
	errandElsewhere = "elsewhere" // another node is doing it
	errandEnded     = "ended"     // the session, because Instagram no longer accepts the token
	errandFailed    = "failed"
)

var (
	endpointNames = map[instagram.Endpoint]string{
		instagram.TokenEndpoint: "token", instagram.UserEndpoint: "user_node", instagram.LongLivedEndpoint: "long_lived", instagram.RefreshEndpoint: "refresh",
		instagram.PictureEndpoint: "picture",
	}
	callResults = []string{
		resultOK, resultRateLimited, resultCancelled, instagram.Refused.String(), instagram.BadAnswer.String(), instagram.BadProfile.String(),
		instagram.TimedOut.String(), instagram.Unreachable.String(), instagram.AppRestricted.String(), instagram.AppWithoutAccess.String(),
	}
	errandResults = []string{resultOK, errandElsewhere, errandEnded, errandFailed, resultCancelled}
)

func opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "caddy", Subsystem: directive, Name: name, Help: help}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), append([]string{labelApp}, labels...))
}

// They belong to the process, so that they go on counting when the configuration is
// replaced: Caddy makes a new registry then.
var (
	metricRequests = counters("requests_total", "Requests by what became of them.", labelOutcome)
	metricLogins   = counters("logins_total", "Logins that came to an end, by ok or the code of the refusal.", labelResult)
	metricRefusals = counters("refusals_total", "Answers that refused something, by the code of the refusal.", labelCode)
	metricCalls    = counters("provider_calls_total", "Calls to Instagram by endpoint and result.", labelEndpoint, labelResult)
	metricErrands  = counters("renewals_total", "Tokens and profiles that Instagram was asked again about beside requests, by result.", labelErrand, labelResult)
	metricLimited  = counters("limited_total", "Sign-ins and callbacks that a limit has refused, by limit.", labelLimit)
	metricFailed   = counters("failed_exchanges_total", "Sign-ins that asked Instagram and failed, by the share of what all clients may do.", labelShare)
	metricOpenings = counters("breaker_openings_total", "How often logins were stopped because calls failed in a row, or Meta had restricted the app.")

	metricSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: directive, Name: "provider_call_duration_seconds", Help: "How long calls to Instagram took.",
		Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60}, // a call may take a minute at most
	}, []string{labelApp, labelEndpoint})
	metricInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("provider_calls_in_flight", "Calls to Instagram that are under way.")), []string{labelApp})

	vectors = []interface {
		prometheus.Collector
		DeletePartialMatch(prometheus.Labels) int
	}{metricRequests, metricLogins, metricRefusals, metricCalls, metricErrands, metricLimited, metricFailed, metricOpenings, metricSeconds, metricInFlight}
)

// appMetrics are the series of one app, for all handlers of it.
type appMetrics struct {
	app      string
	requests [outcomes]prometheus.Counter
	openings prometheus.Counter
	inFlight prometheus.Gauge
}

// metricsPool keeps the series of an app for as long as a handler of it runs.
var metricsPool = caddy.NewUsagePool()

// newAppMetrics makes every series of an app at once: what appears with its first event
// has no rate at that moment.
func newAppMetrics(app string) *appMetrics {
	m := &appMetrics{app: app, openings: metricOpenings.WithLabelValues(app), inFlight: metricInFlight.WithLabelValues(app)}
	for o, name := range outcomeNames {
		m.requests[o] = metricRequests.WithLabelValues(app, name)
	}
	m.login(resultOK)
	for _, code := range refusal.Codes() {
		m.login(string(code))
		m.refusal(code)
	}
	for _, endpoint := range endpointNames {
		m.seconds(endpoint)
		for _, result := range callResults {
			m.call(endpoint, result)
		}
	}
	for _, by := range limit.Limits() {
		m.limited(by.String())
	}
	m.limited(limitCancelled)
	m.limited(limitForged)
	for _, share := range limit.Shares() {
		m.failed(share.String())
	}
	for _, name := range []string{errandToken, errandProfile} {
		for _, result := range errandResults {
			m.errand(name, result)
		}
	}
	return m
}

func (m *appMetrics) login(result string) prometheus.Counter {
	return metricLogins.WithLabelValues(m.app, result)
}

func (m *appMetrics) refusal(code refusal.Code) prometheus.Counter {
	return metricRefusals.WithLabelValues(m.app, string(code))
}

func (m *appMetrics) call(endpoint, result string) prometheus.Counter {
	return metricCalls.WithLabelValues(m.app, endpoint, result)
}

func (m *appMetrics) seconds(endpoint string) prometheus.Observer {
	return metricSeconds.WithLabelValues(m.app, endpoint)
}

func (m *appMetrics) errand(name, result string) prometheus.Counter {
	return metricErrands.WithLabelValues(m.app, name, result)
}

func (m *appMetrics) limited(limit string) prometheus.Counter {
	return metricLimited.WithLabelValues(m.app, limit)
}

func (m *appMetrics) failed(share string) prometheus.Counter {
	return metricFailed.WithLabelValues(m.app, share)
}

// Destruct implements caddy.Destructor. An app that runs no longer has no series.
func (m *appMetrics) Destruct() error {
	for _, vector := range vectors {
		vector.DeletePartialMatch(prometheus.Labels{labelApp: m.app})
	}
	return nil
}

func (h *Handler) borrowMetrics() error {
	shared, _, err := metricsPool.LoadOrNew(h.settings.appID, func() (caddy.Destructor, error) { return newAppMetrics(h.settings.appID), nil })
	if err != nil {
		return err
	}
	h.metrics, h.returnMetrics = shared.(*appMetrics), func() error { _, err := metricsPool.Delete(h.settings.appID); return err }
	return nil
}

// quitMetrics gives the series back. The handler keeps its pointer to them: requests that
// began before a reload may still be on their way.
func (h *Handler) quitMetrics() error {
	if h.returnMetrics == nil {
		return nil
	}
	err := h.returnMetrics()
	h.returnMetrics = nil
	return err
}

// registerMetrics registers with the registry of this configuration: Caddy makes a new
// one at each load, and all handlers of it share one.
func registerMetrics(ctx caddy.Context) error {
	collectors := []prometheus.Collector{stateMetrics{}}
	for _, vector := range vectors {
		collectors = append(collectors, vector)
	}
	for _, c := range collectors {
		err := ctx.GetMetricsRegistry().Register(c)
		if _, already := errors.AsType[prometheus.AlreadyRegisteredError](err); err != nil && !already {
			return err
		}
	}
	return nil
}
