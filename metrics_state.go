package instagramauth

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// stateMetrics tells of the lists of ended sessions and of the breakers when it is asked,
// so that requests pay nothing for it.
type stateMetrics struct{}

func stateMetric(name, help string) *prometheus.Desc {
	o := telemetry.Opts(name, help)
	return prometheus.NewDesc(prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name), o.Help, []string{telemetry.LabelApp}, nil)
}

var (
	metricEnded      = stateMetric("ended_sessions", "Sessions and users whose end is remembered.")
	metricQueued     = stateMetric("ended_sessions_queued", "Ended sessions that the storage does not know yet.")
	metricLost       = stateMetric("ended_sessions_lost_total", "Ended sessions that the storage will never know, because too many were queued.")
	metricUnreadable = stateMetric("ended_sessions_unreadable", "Entries of the storage that could not be opened.")
	metricLastRead   = stateMetric("ended_sessions_last_read_timestamp_seconds", "When the storage was last read, in Unix seconds; 0 if it never was.")
	metricBreaker    = stateMetric("breaker_open", "1 if calls have failed in a row and none has succeeded since, 0 if not.")
	allStateMetrics  = []*prometheus.Desc{metricEnded, metricQueued, metricLost, metricUnreadable, metricLastRead, metricBreaker}
)

// Describe implements prometheus.Collector.
func (stateMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range allStateMetrics {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (stateMetrics) Collect(to chan<- prometheus.Metric) {
	lists.Range(func(_, value any) bool {
		collectList(to, value.(endedSessions).Status())
		return true
	})
	open := make(map[string]float64) // blocks of one app have a breaker each
	pool.Range(func(_, value any) bool {
		l := value.(*limits)
		if open[l.app] += 0; l.provider.Breaker.Open() {
			open[l.app] = 1
		}
		return true
	})
	for app, value := range open {
		to <- prometheus.MustNewConstMetric(metricBreaker, prometheus.GaugeValue, value, app)
	}
}

func collectList(to chan<- prometheus.Metric, s revocation.Status) {
	tell := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64) {
		to <- prometheus.MustNewConstMetric(desc, kind, value, s.App)
	}
	tell(metricEnded, prometheus.GaugeValue, float64(s.Entries))
	tell(metricQueued, prometheus.GaugeValue, float64(s.Queued))
	tell(metricLost, prometheus.CounterValue, float64(s.Lost))
	tell(metricUnreadable, prometheus.GaugeValue, float64(s.Unreadable))
	var read float64
	if !s.Synced.IsZero() {
		read = float64(s.Synced.Unix())
	}
	tell(metricLastRead, prometheus.GaugeValue, read)
}
