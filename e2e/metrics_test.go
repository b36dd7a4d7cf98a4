package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// promtool runs Prometheus's own tool, of the Debian package prometheus.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	command := exec.Command("promtool", args...)
	command.Dir, command.Stdin = "../docs/grafana", strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestTheMetricsAreAsPrometheusWantsThem(t *testing.T) {
	origin, admin := startWatched(t, "", nil, []string{"OTEL_TRACES_EXPORTER=none"})
	signInOnce(t, origin)
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var ours strings.Builder // Caddy's own metrics are its own business
	for line := range strings.Lines(body(t, answer)) {
		if strings.Contains(line, "caddy_instagram_auth_") {
			ours.WriteString(line)
		}
	}
	if signedIn := `caddy_instagram_auth_logins_total{app_id="` + appID + `",result="ok"} 1`; !strings.Contains(ours.String(), signedIn) {
		t.Fatalf("%s is not in\n%s", signedIn, ours.String())
	}
	promtool(t, ours.String(), "check", "metrics")
}

func TestTheAlertsGoOffWhenTheyShould(t *testing.T) {
	promtool(t, "", "check", "rules", "alerts.yaml")
	promtool(t, "", "test", "rules", "alerts_test.yaml")
}
