package instagramauth

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// listMetrics tells of the lists of ended sessions when it is asked, so that requests
// pay nothing for it. Its one label is the app's ID, of which a configuration has few.
type listMetrics struct{}

func listMetric(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("caddy", directive, name), help, []string{"app_id"}, nil)
}

var (
	metricEnded    = listMetric("ended_sessions", "Sessions and users whose end is remembered.")
	metricQueued   = listMetric("ended_sessions_queued", "Ended sessions that the storage does not know yet.")
	metricLost     = listMetric("ended_sessions_lost", "Ended sessions that the storage will never know, because too many were queued.")
	metricListAge  = listMetric("ended_sessions_age_seconds", "How long ago the storage was read. Absent if it never was.")
	allListMetrics = []*prometheus.Desc{metricEnded, metricQueued, metricLost, metricListAge}
)

// Describe implements prometheus.Collector.
func (listMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range allListMetrics {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (listMetrics) Collect(to chan<- prometheus.Metric) {
	lists.Range(func(_, value any) bool {
		collectList(to, value.(endedSessions).Status(), time.Now())
		return true
	})
}

func collectList(to chan<- prometheus.Metric, s revocation.Status, now time.Time) {
	gauge := func(desc *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.App)
	}
	gauge(metricEnded, float64(s.Entries))
	gauge(metricQueued, float64(s.Queued))
	gauge(metricLost, float64(s.Lost))
	if !s.Synced.IsZero() {
		gauge(metricListAge, max(0, now.Sub(s.Synced).Seconds()))
	}
}

// registerMetrics registers with the registry of this configuration: Caddy makes a new
// one at each load, and all handlers of it share one.
func registerMetrics(ctx caddy.Context) error {
	err := ctx.GetMetricsRegistry().Register(listMetrics{})
	if _, already := errors.AsType[prometheus.AlreadyRegisteredError](err); already {
		return nil
	}
	return err
}
