package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// What the documentation, the dashboard and the alerts say is compared with what a running
// Caddy tells Prometheus.

// metric is what is exported under one name.
type metric struct {
	kind   string
	labels map[string][]string // their values
}

var (
	ourName = regexp.MustCompile(`caddy_instagram_auth_[a-z_]+`)
	matcher = regexp.MustCompile(`([a-z_]+) *(=~|!~|!=|=) *"([^"]*)"`)
)

// exportedMetrics returns everything that is exported, by name.
func exportedMetrics(t *testing.T) map[string]metric {
	t.Helper()
	_, admin := sitetest.StartWithAdmin(t, sitetest.Config{Global: "metrics"})
	exported := make(map[string]metric)
	text := sitetest.Exposition(t, admin)
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (caddy_instagram_auth_\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		exported[found[1]] = metric{found[2], make(map[string][]string)}
	}
	for _, series := range regexp.MustCompile(`(?m)^(caddy_instagram_auth_[a-z_]+)\{(.*)\} `).FindAllStringSubmatch(text, -1) {
		m := exported[family(exported, series[1])]
		for _, label := range matcher.FindAllStringSubmatch(series[2], -1) {
			if !slices.Contains(m.labels[label[1]], label[3]) {
				m.labels[label[1]] = append(m.labels[label[1]], label[3])
			}
		}
	}
	if len(exported) < 13 {
		t.Fatalf("only %d metrics", len(exported))
	}
	return exported
}

// family returns the name of the metric that a series is part of.
func family(exported map[string]metric, series string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if name, cut := strings.CutSuffix(series, suffix); cut && exported[name].kind == "histogram" {
			return name
		}
	}
	return series
}

// names returns the names of a metric's labels, without that of a histogram's buckets.
func (m metric) names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.labels)), func(name string) bool { return name == "le" })
}

func TestEachMetricIsDocumentedAsItIs(t *testing.T) {
	exported := exportedMetrics(t)
	content, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `(caddy_[a-z_]+)` \\| (\\w+) \\| (.*?) \\| .+ \\|$").FindAllStringSubmatch(string(content), -1) {
		documented[row[1]] = true
		m, exists := exported[row[1]]
		if labels := "`" + strings.Join(m.names(), "`, `") + "`"; !exists || row[2] != m.kind || row[3] != labels {
			t.Errorf("%s is documented as %s with %s, and is %q with %s", row[1], row[2], row[3], m.kind, labels)
		}
	}
	_, rest, _ := strings.Cut(string(content), "\n| label | values |\n")
	values, _, _ := strings.Cut(rest, "\n\n")
	refusals := project.Read(t, "docs/troubleshooting.md")
	for name, m := range exported {
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
		for label, all := range m.labels {
			if label == "app_id" || label == "le" {
				continue
			}
			if !strings.Contains(values, "`"+label+"`") {
				t.Errorf("the label %s of %s is not documented", label, name)
			}
			for _, value := range all {
				if !strings.Contains(values, "`"+value+"`") && !((strings.HasSuffix(name, "logins_total") || strings.HasSuffix(name, "refusals_total")) && strings.Contains(refusals, "| `"+value+"` |")) {
					t.Errorf("%s %q of %s is not documented", label, value, name)
				}
			}
		}
	}
}

// checkQuery reports what a query names and nobody exports.
func checkQuery(exported map[string]metric, query string) (problems []string) {
	labels := map[string]bool{"le": true, "instance": true, "job": true} // Prometheus's own
	for _, at := range ourName.FindAllStringIndex(query, -1) {
		name := query[at[0]:at[1]]
		m, exists := exported[family(exported, name)]
		if !exists {
			problems = append(problems, name+" does not exist")
			continue
		}
		for _, label := range m.names() {
			labels[label] = true
		}
		selector, _, _ := strings.Cut(query[at[1]:], "}")
		if !strings.HasPrefix(selector, "{") {
			continue
		}
		for _, found := range matcher.FindAllStringSubmatch(selector, -1) {
			values, exists := m.labels[found[1]]
			if !exists {
				problems = append(problems, fmt.Sprintf("%s has no label %s", name, found[1]))
			}
			for wanted := range strings.SplitSeq(found[3], "|") {
				pattern, err := regexp.Compile("^(?:" + wanted + ")$")
				if err != nil || !strings.Contains(wanted, "$") && !slices.ContainsFunc(values, pattern.MatchString) {
					problems = append(problems, fmt.Sprintf("no %s of %s is %s", found[1], name, wanted))
				}
			}
		}
	}
	for _, grouped := range regexp.MustCompile(`\b(?:by|without|on|ignoring) *\(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(grouped[1], ",") {
			if label = strings.TrimSpace(label); !labels[label] {
				problems = append(problems, "grouped by "+label+", which none has")
			}
		}
	}
	for _, shown := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(query, -1) {
		if !labels[shown[1]] {
			problems = append(problems, shown[1]+" is shown, which none has")
		}
	}
	return problems
}

func TestTheDashboardShowsWhatExists(t *testing.T) {
	exported := exportedMetrics(t)
	content, err := os.ReadFile("docs/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Description string

			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown, titles := make(map[string]bool), make(map[string]bool)
	for _, panel := range dashboard.Panels {
		if titles[panel.Title] || panel.Description == "" {
			t.Errorf("two panels have the title %q, or it has no description", panel.Title)
		}
		titles[panel.Title] = true
		if len(panel.Targets) == 0 {
			t.Errorf("%s shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			legend := regexp.MustCompile(`{{(\w+)}}`).ReplaceAllString(target.LegendFormat, "$$labels.$1")
			for _, problem := range checkQuery(exported, target.Expr+" "+legend) {
				t.Errorf("%s: %s", panel.Title, problem)
			}
			for _, name := range ourName.FindAllString(target.Expr, -1) {
				shown[family(exported, name)] = true
			}
		}
	}
	for name := range exported {
		if !shown[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}

func TestTheDashboardShowsWhyVisitorsAreRefused(t *testing.T) {
	for _, want := range []string{"caddy_instagram_auth_refusals_total", "Why are visitors refused?", "{{code}}", "Sign-ins per minute"} {
		if !strings.Contains(project.Read(t, "docs/grafana/dashboard.json"), want) {
			t.Errorf("the dashboard has no %s", want)
		}
	}
	text := project.Read(t, "docs/operations.md")
	for _, quoted := range regexp.MustCompile(`(?m)^\| .* \| ("[^|]+") \| .* \|$`).FindAllStringSubmatch(text, -1) {
		for _, title := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(quoted[1], -1) {
			if !strings.Contains(project.Read(t, "docs/grafana/dashboard.json"), `"title": "`+title[1]+`"`) {
				t.Errorf("docs/operations.md names the panel %q, which the dashboard does not have", title[1])
			}
		}
	}
}

func TestEachAlertLeadsToWhatToDo(t *testing.T) {
	runbook := regexp.MustCompile(`(?m)^ +runbook_url: "(.+)"$`)
	for _, alert := range strings.Split(project.Read(t, "docs/grafana/alerts.yaml"), "- alert: ")[1:] {
		name, rest, _ := strings.Cut(alert, "\n")
		urls := runbook.FindAllStringSubmatch(rest, -1)
		if len(urls) != 1 {
			t.Errorf("%s has %d runbooks", name, len(urls))
			continue
		}
		to, ours := strings.CutPrefix(urls[0][1], ourPages)
		if !ours || !strings.Contains(to, "#") || missing(t, "README.md", urls[0][1]) != "" {
			t.Errorf("%s leads to %s: %s", name, urls[0][1], missing(t, "README.md", urls[0][1]))
		}
	}
}

func TestTheAlertsAreAboutWhatExists(t *testing.T) {
	exported := exportedMetrics(t)
	content, err := os.ReadFile("docs/grafana/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := strings.Split(string(content), "- alert: ")[1:]
	if len(alerts) < 8 {
		t.Fatalf("%d alerts", len(alerts))
	}
	for _, alert := range alerts {
		name, query, _ := strings.Cut(alert, "\n")
		if !ourName.MatchString(query) {
			t.Errorf("%s names no metric of this handler", name)
		}
		for _, problem := range checkQuery(exported, query) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

func TestAQueryAboutNothingIsFound(t *testing.T) {
	exported := map[string]metric{
		"caddy_instagram_auth_a_total":   {"counter", map[string][]string{"app_id": {"1"}, "result": {"ok", "failed"}}},
		"caddy_instagram_auth_b_seconds": {"histogram", map[string][]string{"app_id": {"1"}, "le": {"1"}}},
	}
	for query, sound := range map[string]bool{
		`sum by (app_id) (rate(caddy_instagram_auth_a_total{result=~"ok|fail.*", app_id=~"$app_id"}[5m]))`: true,
		`histogram_quantile(0.5, sum by (le) (rate(caddy_instagram_auth_b_seconds_bucket[5m])))`:           true,
		`caddy_instagram_auth_c_total`:                                      false,
		`caddy_instagram_auth_a_total_bucket`:                               false,
		`caddy_instagram_auth_a_total{code="ok"}`:                           false,
		`caddy_instagram_auth_a_total{result="fine"}`:                       false,
		`caddy_instagram_auth_a_total{result=~"ok|fine"}`:                   false,
		`sum by (endpoint) (caddy_instagram_auth_a_total)`:                  false,
		`caddy_instagram_auth_b_seconds_count > 1 text: "$labels.result"`:   false,
		`caddy_instagram_auth_b_seconds_count > 1 text: "$labels.instance"`: true,
	} {
		if problems := checkQuery(exported, query); (len(problems) == 0) != sound {
			t.Errorf("%s: %v", query, problems)
		}
	}
}
