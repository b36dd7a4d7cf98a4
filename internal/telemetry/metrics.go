package telemetry

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// What this handler counts, in Caddy's registry. Labels are the app's ID, of which a
// configuration has few, and words of ours: nothing of a request, and nobody's name.

const (
	LabelApp      = "app_id"
	labelResult   = "result"
	labelOutcome  = "outcome"
	labelEndpoint = "endpoint"
	labelKind     = "kind"
	labelLimit    = "limit"
	labelShare    = "share"
	labelCode     = "code"

	ResultOK = "ok"
)

// Outcome is what becomes of a request.
type Outcome uint8

const (
	OutcomeAnonymous     Outcome = iota // goes on to the site without an identity
	OutcomeSignedIn                     // goes on to the site with an identity
	OutcomePassedOn                     // a verified callback goes on to the site
	OutcomeRedirected                   // to Instagram's window, or to the host on which people sign in
	OutcomeLoginPage                    // answered with the page with one button
	OutcomeLoginRequired                // answered with 401
	OutcomeRefused                      // answered with any other refusal
	OutcomeOwnPath                      // answered on an own path
	outcomes             = iota
)

var outcomeNames = [outcomes]string{"anonymous", "signed_in", "passed_on", "redirected", "login_page", "login_required", "refused", "own_path"}

// What becomes of a call beside the kinds of its error.
const (
	resultRateLimited = "rate_limited" // refused, because of too many calls
	ResultCancelled   = "cancelled"    // the visitor went away, or the configuration was replaced
)

// What is limited beside the limits of failed sign-ins.
const (
	LimitCancelled = "cancelled"
	LimitForged    = "forged"
)

// What is refreshed in the background.
const (
	KindToken   = "token"
	KindProfile = "profile"
)

// What becomes of a refresh.
const (
	ResultOtherNode = "other_node" // another node is doing it
	ResultRevoked   = "revoked"    // the session, because Instagram no longer accepts the token
	ResultFailed    = "failed"
)

var (
	endpointNames = map[instagram.Endpoint]string{
		instagram.TokenEndpoint: "token", instagram.UserEndpoint: "user_node", instagram.LongLivedEndpoint: "long_lived", instagram.RefreshEndpoint: "refresh",
		instagram.PictureEndpoint: "picture",
	}
	callResults = []string{
		ResultOK, resultRateLimited, ResultCancelled, instagram.Refused.String(), instagram.BadAnswer.String(), instagram.BadProfile.String(),
		instagram.TimedOut.String(), instagram.Unreachable.String(), instagram.AppRestricted.String(), instagram.AppWithoutAccess.String(),
	}
	refreshResults = []string{ResultOK, ResultOtherNode, ResultRevoked, ResultFailed, ResultCancelled}
)

func Opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "caddy", Subsystem: option.Directive, Name: name, Help: help}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(Opts(name, help)), append([]string{LabelApp}, labels...))
}

// They belong to the process, so that they go on counting when the configuration is
// replaced: Caddy makes a new registry then.
var (
	metricRequests  = counters("requests_total", "Requests by outcome.", labelOutcome)
	metricLogins    = counters("logins_total", "Finished logins, by ok or the code of the refusal.", labelResult)
	metricRefusals  = counters("refusals_total", "Refused requests, by the code of the refusal.", labelCode)
	metricCalls     = counters("provider_calls_total", "Calls to Instagram by endpoint and result.", labelEndpoint, labelResult)
	MetricRefreshes = counters("refreshes_total", "Background refreshes of tokens and profiles, by result.", labelKind, labelResult)
	metricLimited   = counters("limited_total", "Sign-ins and callbacks refused by a rate limit, by limit.", labelLimit)
	metricFailed    = counters("failed_exchanges_total", "Failed sign-ins that called Instagram, by the share of the limit over all clients.", labelShare)
	metricOpenings  = counters("breaker_openings_total", "How often the circuit breaker opened: calls failed in a row, or Meta had restricted the app.")

	metricSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: option.Directive, Name: "provider_call_duration_seconds", Help: "How long calls to Instagram took.",
		Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60}, // a call may take a minute at most
	}, []string{LabelApp, labelEndpoint})
	metricInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts(Opts("provider_calls_in_flight", "Calls to Instagram in progress.")), []string{LabelApp})

	vectors = []interface {
		prometheus.Collector
		DeletePartialMatch(prometheus.Labels) int
	}{metricRequests, metricLogins, metricRefusals, metricCalls, MetricRefreshes, metricLimited, metricFailed, metricOpenings, metricSeconds, metricInFlight}
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
	m.login(ResultOK)
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
	m.limited(LimitCancelled)
	m.limited(LimitForged)
	for _, share := range limit.Shares() {
		m.failed(share.String())
	}
	for _, name := range []string{KindToken, KindProfile} {
		for _, result := range refreshResults {
			m.refresh(name, result)
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

func (m *appMetrics) refresh(name, result string) prometheus.Counter {
	return MetricRefreshes.WithLabelValues(m.app, name, result)
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
		vector.DeletePartialMatch(prometheus.Labels{LabelApp: m.app})
	}
	return nil
}

// RegisterMetrics registers with the registry of this configuration: Caddy makes a new
// one at each load, and all handlers of it share one.
func RegisterMetrics(ctx caddy.Context, state prometheus.Collector) error {
	collectors := []prometheus.Collector{state}
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
