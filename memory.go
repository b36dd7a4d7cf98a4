package instagramauth

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// sharedMemory has what the rooms of a block remember between requests. All configurations of the
// block share it. No login needs it to finish on another node: it keeps floods away from Instagram
// and lets each login finish only once.
type sharedMemory struct {
	app      string
	logins   *login.Memory
	provider *provider.Memory
	sessions *lifecycle.Memory
	endpoint *endpoint.Memory
}

// Destruct implements caddy.Destructor. Caddy calls it after the last configuration with the block.
// Nothing could say any more when the sessions of open connections end, so they end now. A Caddy
// that exits closes them itself.
func (m *sharedMemory) Destruct() error {
	m.sessions.Open.Close(!caddy.Exiting())
	return nil
}

// memories keeps the memory of a block while one configuration replaces another: a reload must not
// make used logins usable again.
var memories = caddy.NewUsagePool()

// borrowMemory takes the memory of the block, or makes it for the first configuration.
func (h *Handler) borrowMemory() error {
	key := h.settings.instance
	shared, _, err := memories.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &sharedMemory{
			app:      h.settings.App,
			logins:   login.NewMemory(h.now),
			provider: provider.NewMemory(h.now),
			sessions: lifecycle.NewMemory(h.now),
			endpoint: endpoint.NewMemory(h.now),
		}, nil
	})
	if err != nil {
		return err
	}
	h.memory, h.memoryKey = shared.(*sharedMemory), key
	h.leaveRate = h.memory.logins.Join(&h.settings.rate)
	return nil
}

// returnMemory gives the memory back. The handler keeps its pointer, because requests that began
// before a reload may still use it.
func (h *Handler) returnMemory() error {
	if h.memoryKey == "" {
		return nil
	}
	h.leaveRate()
	_, err := memories.Delete(h.memoryKey)
	h.memoryKey = ""
	return err
}

// stateMetrics reads the lists of revoked sessions and the circuit breakers when Prometheus
// scrapes, so that requests pay nothing for these metrics.
type stateMetrics struct{}

func stateMetric(name, help string, labels ...string) *prometheus.Desc {
	o := telemetry.Opts(name, help)
	return prometheus.NewDesc(prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name), o.Help, append([]string{telemetry.LabelApp}, labels...), nil)
}

var (
	metricEnded      = stateMetric("revoked_sessions", "Revoked sessions and users that this node remembers.")
	metricQueued     = stateMetric("revoked_sessions_queued", "Revoked sessions that are not in the storage yet.")
	metricLost       = stateMetric("revoked_sessions_lost_total", "Revoked sessions that were dropped from a full queue and will never be in the storage.")
	metricUnreadable = stateMetric("revoked_sessions_unreadable", "Entries of the storage that could not be decrypted.")
	metricLastRead   = stateMetric("revoked_sessions_last_read_timestamp_seconds", "When the storage was last read, in Unix seconds; 0 if it never was.")
	metricBreaker    = stateMetric("breaker_open", "1 while the circuit breaker is open: calls failed in a row and none has succeeded since; 0 otherwise.")
	metricOpen       = stateMetric("open_connections", "Websockets, event streams and other open connections of signed-in visitors, by kind.", telemetry.LabelKind)
	allStateMetrics  = []*prometheus.Desc{metricEnded, metricQueued, metricLost, metricUnreadable, metricLastRead, metricBreaker, metricOpen}
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
		s := value.(lifecycle.SharedList).Status()
		send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(desc, kind, value, s.App)
		}
		send(metricEnded, prometheus.GaugeValue, float64(s.Entries))
		send(metricQueued, prometheus.GaugeValue, float64(s.Queued))
		send(metricLost, prometheus.CounterValue, float64(s.Lost))
		send(metricUnreadable, prometheus.GaugeValue, float64(s.Unreadable))
		var read float64
		if !s.Synced.IsZero() {
			read = float64(s.Synced.Unix())
		}
		send(metricLastRead, prometheus.GaugeValue, read)
		return true
	})
	open := make(map[string]float64) // blocks of one app have a breaker each
	connections := make(map[string]stream.Counts)
	memories.Range(func(_, value any) bool {
		m := value.(*sharedMemory)
		if open[m.app] += 0; m.provider.Breaker.Open() {
			open[m.app] = 1
		}
		counts := connections[m.app]
		counts.Add(m.sessions.Open.Count())
		connections[m.app] = counts
		return true
	})
	for app, value := range open {
		to <- prometheus.MustNewConstMetric(metricBreaker, prometheus.GaugeValue, value, app)
		for _, kind := range stream.Kinds() {
			to <- prometheus.MustNewConstMetric(metricOpen, prometheus.GaugeValue, float64(connections[app][kind]), app, kind.String())
		}
	}
}
