package instagramauth

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// limits is what an instance remembers beyond one request. None of it is needed to
// finish a login elsewhere; it keeps floods away from Instagram and lets a login
// be finished once.
type limits struct {
	app      string
	logins   *login.Memory
	provider *provider.Memory
	sessions *lifecycle.Memory
	endpoint *endpoint.Memory
}

// Destruct implements caddy.Destructor. There is nothing to end.
func (*limits) Destruct() error { return nil }

// pool keeps the limits of an app while one configuration replaces another: a
// reload must not make used logins usable again.
var pool = caddy.NewUsagePool()

func (h *Handler) borrowLimits() error {
	key := h.settings.instance
	shared, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &limits{
			app:    h.settings.appID,
			logins: login.NewMemory(h.now), endpoint: endpoint.NewMemory(h.now),
			provider: provider.NewMemory(h.now),

			sessions: lifecycle.NewMemory(h.now),
		}, nil
	})
	if err != nil {
		return err
	}
	h.limits, h.limitsKey = shared.(*limits), key
	h.leaveRate = h.limits.logins.Join(&h.settings.rate)
	return nil
}

// returnLimits gives the limits back. The handler keeps its pointer to them: requests
// that began before a reload may still be on their way.
func (h *Handler) returnLimits() error {
	if h.limitsKey == "" {
		return nil
	}
	h.leaveRate()
	_, err := pool.Delete(h.limitsKey)
	h.limitsKey = ""
	return err
}

// stateMetrics tells of the lists of revoked sessions and of the breakers when it is asked,
// so that requests pay nothing for it.
type stateMetrics struct{}

func stateMetric(name, help string) *prometheus.Desc {
	o := telemetry.Opts(name, help)
	return prometheus.NewDesc(prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name), o.Help, []string{telemetry.LabelApp}, nil)
}

var (
	metricEnded      = stateMetric("revoked_sessions", "Revoked sessions and users that this node remembers.")
	metricQueued     = stateMetric("revoked_sessions_queued", "Revoked sessions that are not in the storage yet.")
	metricLost       = stateMetric("revoked_sessions_lost_total", "Revoked sessions that were dropped from a full queue and will never be in the storage.")
	metricUnreadable = stateMetric("revoked_sessions_unreadable", "Entries of the storage that could not be decrypted.")
	metricLastRead   = stateMetric("revoked_sessions_last_read_timestamp_seconds", "When the storage was last read, in Unix seconds; 0 if it never was.")
	metricBreaker    = stateMetric("breaker_open", "1 while the circuit breaker is open: calls failed in a row and none has succeeded since; 0 otherwise.")
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
	lifecycle.Lists.Range(func(_, value any) bool {
		collectList(to, value.(lifecycle.SharedList).Status())
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
