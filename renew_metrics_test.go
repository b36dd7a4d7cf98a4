package instagramauth

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// wantErrands compares what is counted of one errand with what should be.
func wantErrands(t *testing.T, errand string, want map[string]float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(telemetry.MetricRefreshes)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			name, result := labels[1], labels[2]
			if got := m.GetCounter().GetValue(); name == errand && got != want[result] {
				t.Errorf("%s: %v were counted, want %v", strings.Join(labels[1:], " "), got, want[result])
			}
		}
	}
}

func TestTheMetricsTellOfErrands(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	v.hours(25, "jayposiris")
	wantErrands(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4})
	wantErrands(t, telemetry.KindToken, map[string]float64{telemetry.ResultOK: 1})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status500})
	v.at.advance(6 * time.Hour)
	v.wantSignedIn("jayposiris")
	wantErrands(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4, telemetry.ResultFailed: 1})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	v.at.advance(time.Hour)
	if _, err := w.instagram.RemoveApp(t.Context(), "jayposiris"); err != nil {
		t.Fatal(err)
	}
	v.get("/page")
	wantErrands(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4, telemetry.ResultFailed: 1, telemetry.ResultRevoked: 1})
}
