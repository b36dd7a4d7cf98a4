package telemetry

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
)

// This file has the metrics, which live in Caddy's registry. Labels are the app ID and fixed
// words. They never hold data of a request or a user, so the number of series is bounded.

const (
	LabelApp      = "app_id"
	labelResult   = "result"
	labelOutcome  = "outcome"
	labelEndpoint = "endpoint"
	labelKind     = "kind"
	labelLimit    = "limit"
	labelShare    = "share"
	labelCode     = "code"
	labelBrowser  = "browser"
	LabelKind     = labelKind
	labelReason   = "reason"

	ResultOK = "ok"
)

// Outcome says how a request ended. Each request is counted under exactly one.
type Outcome uint8

const (
	OutcomeAnonymous     Outcome = iota // passed to the site without an identity
	OutcomeSignedIn                     // passed to the site with an identity
	OutcomePassedOn                     // a verified callback, passed to the site
	OutcomeRedirected                   // to Instagram's login page, or to the host for sign-ins
	OutcomeLoginPage                    // answered with the page with one button
	OutcomeLoginRequired                // answered with 401
	OutcomeRefused                      // answered with any other refusal
	OutcomeOwnPath                      // answered on an own path
	outcomes             = iota
)

var outcomeNames = [outcomes]string{"anonymous", "signed_in", "passed_on", "redirected", "login_page", "login_required", "refused", "own_path"}

// Results of a call to Instagram, beside the kinds of its error.
const (
	resultRateLimited = "rate_limited" // Instagram refused it after too many calls
	ResultCancelled   = "cancelled"    // the visitor left, or the configuration was replaced
)

// Names of limits, beside those on failed sign-ins.
const (
	LimitCancelled = "cancelled"
	LimitForged    = "forged"
)

// Kinds of a background refresh.
const (
	KindToken   = "token"
	KindProfile = "profile"
)

// Results of a background refresh, beside ok and cancelled.
const (
	ResultOtherNode = "other_node" // another node does it
	ResultRevoked   = "revoked"    // the session ends, because Instagram no longer accepts the token
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

// Opts returns the options of a metric of this module. name has no prefix yet.
func Opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "caddy", Subsystem: option.Directive, Name: name, Help: help}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(Opts(name, help)), append([]string{LabelApp}, labels...))
}

// The vectors belong to the process. Caddy makes a new registry at each reload, and the
// counters must not start again from zero.
var (
	metricRequests  = counters("requests_total", "Requests by outcome.", labelOutcome)
	metricLogins    = counters("logins_total", "Finished logins, by ok or the code of the refusal.", labelResult)
	metricRefusals  = counters("refusals_total", "Refused requests, by the code of the refusal.", labelCode)
	metricCalls     = counters("provider_calls_total", "Calls to Instagram by endpoint and result.", labelEndpoint, labelResult)
	MetricRefreshes = counters("refreshes_total", "Background refreshes of tokens and profiles, by result.", labelKind, labelResult)
	metricLimited   = counters("limited_total", "Sign-ins and callbacks refused by a rate limit, by limit.", labelLimit)
	metricFailed    = counters("failed_exchanges_total", "Failed sign-ins that called Instagram, by the share of the limit over all clients.", labelShare)
	metricOpenings  = counters("breaker_openings_total", "How often the circuit breaker opened: calls failed in a row, or Meta had restricted the app.")

	metricInApp = counters("in_app_browser_total", "Sign-ins that came back without their cookie from or to the browser of an app, by app.", labelBrowser)

	metricCut = counters("connections_cut_total", "Open connections that were ended because their session had ended, by reason.", labelReason)

	metricSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: option.Directive, Name: "provider_call_duration_seconds", Help: "How long calls to Instagram took.",
		Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60}, // a call takes at most a minute
	}, []string{LabelApp, labelEndpoint})
	metricInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts(Opts("provider_calls_in_flight", "Calls to Instagram in progress.")), []string{LabelApp})

	vectors = []interface {
		prometheus.Collector
		DeletePartialMatch(prometheus.Labels) int
	}{metricRequests, metricLogins, metricRefusals, metricCalls, MetricRefreshes, metricLimited, metricFailed, metricOpenings, metricInApp, metricCut, metricSeconds, metricInFlight}
)

// appMetrics has the series of one app. All blocks of the app share it.
type appMetrics struct {
	app      string
	requests [outcomes]prometheus.Counter
	openings prometheus.Counter
	inFlight prometheus.Gauge
}

// metricsPool keeps the series of an app while one of its blocks runs.
var metricsPool = caddy.NewUsagePool()

// newAppMetrics creates every series of an app at once, with the value zero. A series that
// appears with its first event would have no rate at that moment.
func newAppMetrics(app string) *appMetrics {
	m := &appMetrics{app: app, openings: metricOpenings.WithLabelValues(app), inFlight: metricInFlight.WithLabelValues(app)}
	for o, name := range outcomeNames {
		m.requests[o] = metricRequests.WithLabelValues(app, name)
	}
	metricLogins.WithLabelValues(app, ResultOK)
	for _, code := range refusal.Codes() {
		metricLogins.WithLabelValues(app, string(code))
		metricRefusals.WithLabelValues(app, string(code))
	}
	for _, endpoint := range endpointNames {
		metricSeconds.WithLabelValues(app, endpoint)
		for _, result := range callResults {
			metricCalls.WithLabelValues(app, endpoint, result)
		}
	}
	for _, by := range limit.Limits() {
		metricLimited.WithLabelValues(app, by.String())
	}
	metricLimited.WithLabelValues(app, LimitCancelled)
	metricLimited.WithLabelValues(app, LimitForged)
	for _, browser := range audience.Apps() {
		metricInApp.WithLabelValues(app, browser.String())
	}
	for _, reason := range stream.Reasons() {
		if reason != stream.Removed {
			metricCut.WithLabelValues(app, string(reason))
		}
	}
	for _, share := range limit.Shares() {
		metricFailed.WithLabelValues(app, share.String())
	}
	for _, name := range []string{KindToken, KindProfile} {
		for _, result := range refreshResults {
			MetricRefreshes.WithLabelValues(app, name, result)
		}
	}
	return m
}

// Destruct implements caddy.Destructor. It deletes the series of an app that no longer runs.
func (m *appMetrics) Destruct() error {
	for _, vector := range vectors {
		vector.DeletePartialMatch(prometheus.Labels{LabelApp: m.app})
	}
	return nil
}

// RegisterMetrics registers all metrics and state with the registry of this configuration.
// Caddy makes a registry at each load, and all blocks share it: metrics that another block
// has registered are no error.
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
