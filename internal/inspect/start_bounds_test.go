package inspect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// conditions are directives of which each may double the ways through the routes that follow.
var conditions = map[string]string{
	"vars":       "@r%[1]d header X-%[1]d 1\nvars @r%[1]d v%[1]d 1\n",
	"routes":     "@r%[1]d query lang=l%[1]d\nroute @r%[1]d {\nrewrite * /l%[1]d{uri}\n}\n",
	"prefixes":   "@r%[1]d header X-%[1]d 1\nuri @r%[1]d strip_prefix /a%[1]d\n",
	"rewrites":   "@r%[1]d header X-%[1]d 1\nrewrite @r%[1]d /q%[1]d{uri}\n",
	"replaced":   "@r%[1]d header X-%[1]d 1\nuri @r%[1]d replace e r%[1]d\n",
	"try_files":  "@r%[1]d header X-%[1]d 1\ntry_files @r%[1]d {path} /f%[1]d{path}\n",
	"headers":    "@r%[1]d header X-%[1]d 1\nrequest_header @r%[1]d -Y-%[1]d\n",
	"expression": "@r%[1]d `{http.request.header.X-%[1]d} == \"1\"`\nroot @r%[1]d /srv%[1]d\n",
}

// TestN17_ManyConditionsAreNotFollowed: the ways through the routes may be more than anybody can
// follow. Caddy starts all the same, and nothing is said to be protected.
func TestN17_ManyConditionsAreNotFollowed(t *testing.T) {
	for kind, text := range conditions {
		for _, n := range []int{20, 40} {
			t.Run(fmt.Sprint(n, " ", kind), func(t *testing.T) {
				var before strings.Builder
				for i := range n {
					fmt.Fprintf(&before, text, i)
				}
				began := time.Now()
				found := checksOn(t, sitetest.Config{Block: "route {\n" + before.String() + protectingBlock("/members*") + "\n}"})
				t.Log(time.Since(began))
				if took := time.Since(began); took > time.Minute { // a second on a slow machine without the race detector
					t.Errorf("the checks take %v", took)
				}
				if all := findingsIn(found.Doctor); !strings.Contains(all, "ok protected:") && !strings.Contains(all, "too many to follow") || strings.Contains(all, "error ") {
					t.Error(all)
				}
			})
		}
	}
}

// checksOn returns the findings about a site.
func checksOn(t *testing.T, c sitetest.Config) sitetest.Findings {
	t.Helper()
	s := &sitetest.Site{Addr: "127.0.0.1:80", Upstream: &sitetest.Upstream{Addr: "127.0.0.1:9000"}, LogFile: "log", Storage: t.TempDir(), Endpoints: "http://127.0.0.1:1"}
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(s.Caddyfile(c)), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := sitetest.CheckRoutes(file)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// findingsIn returns findings as lines.
func findingsIn(found []finding.Finding) string {
	var lines strings.Builder
	for _, f := range found {
		fmt.Fprintf(&lines, "%s %s | %s\n", f.Status, f.Message, f.Remedy)
	}
	return lines.String()
}

// TestN17_ManyPathsAreQuick: of many paths some are followed.
func TestN17_ManyPathsAreQuick(t *testing.T) {
	paths := manyPaths(2000)
	var prefixes strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&prefixes, "handle_path /q%d/* {\nrespond %d\n}\n", i, i)
	}
	for name, c := range map[string]sitetest.Config{
		"paths":      {Block: "@m path" + paths + "\n" + protectingBlock("@m")},
		"plain":      {Block: "@m path" + strings.ReplaceAll(paths, "*", "") + "\n" + protectingBlock("@m")},
		"not":        {Block: "@m not path" + paths + "\n" + protectingBlock("@m")},
		"two blocks": {Block: "@m path" + paths + "\nroute {\n" + protectingBlock("@m") + "\nreverse_proxy @m {upstream}\n}"},
		"prefixes":   {Block: protectingBlock("/members*") + "\n" + prefixes.String()},
	} {
		began := time.Now()
		found := checksOn(t, c)
		t.Log(name, time.Since(began))
		if took := time.Since(began); took > time.Minute { // a second on a slow machine without the race detector
			t.Errorf("%s: the checks take %v", name, took)
		}
		if all := findingsIn(found.AtStart); strings.Contains(all, "error ") || strings.Contains(all, "too many") {
			t.Error(name, all[:min(len(all), 1000)])
		}
	}
}

// TestN17_NoMatcherAtAllProtectsEverything: an empty list in JSON is none, for Caddy and the
// doctor.
func TestN17_NoMatcherAtAllProtectsEverything(t *testing.T) {
	file := filepath.Join(t.TempDir(), "caddy.json")
	const text = `{"apps": {"http": {"servers": {"s": {"listen": [":443"], "routes": [{"handle": [
		{"handler": "instagram_auth", "app_id": "` + sitetest.AppID + `", "app_secret": ["` + sitetest.AppSecret + `"], "redirect_uri": ["` + sitetest.RedirectURI + `"], "protect": []},
		{"handler": "static_response", "body": "hello"}]}]}}}}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := sitetest.CheckRoutes(file)
	if err != nil {
		t.Fatal(err)
	}
	if all := findingsIn(found.Doctor); !strings.Contains(all, "ok everything else that reaches this block is protected") || strings.Contains(all, "nothing is protected") {
		t.Error(all)
	}
}
