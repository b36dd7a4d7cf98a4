package inspect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// largeSites are configurations of one route, of many in one site, and of many sites.
func largeSites(n int) map[string]sitetest.Config {
	var routes, sites strings.Builder
	for i := range n {
		fmt.Fprintf(&routes, "reverse_proxy /api%d/* {upstream}\n", i)
		fmt.Fprintf(&sites, "http://host%d.test {\n%s\nreverse_proxy {upstream}\n}\n", i, strings.ReplaceAll(protectingBlock("/members*"), sitetest.Origin, fmt.Sprintf("https://host%d.test", i)))
	}
	return map[string]sitetest.Config{
		"1 route":                {Block: protectingBlock("/members*")},
		fmt.Sprint(n, " routes"): {Block: protectingBlock("/members*") + "\n" + routes.String()},
		fmt.Sprint(n, " sites"):  {Block: protectingBlock("/members*"), Extra: sites.String()},
	}
}

// manyPaths returns patterns of a path matcher.
func manyPaths(n int) string {
	var paths strings.Builder
	for i := range n {
		fmt.Fprintf(&paths, " /p%d*", i)
	}
	return paths.String()
}

// TestN17_TheChecksAtStartAreQuick: they take less time than Caddy takes for the rest of the start,
// on the same machine in the same moment, in the best of a few tries.
func TestN17_TheChecksAtStartAreQuick(t *testing.T) {
	for name, c := range largeSites(1000) {
		if name == "1 route" {
			continue // is nothing
		}
		best := 2.0
		for try := 0; try < 5 && best > 0.5; try++ {
			began := time.Now()
			s := sitetest.Start(t, c)
			whole := time.Since(began)
			took := s.ChecksTook()
			t.Logf("%s: %v of %v", name, took, whole)
			best = min(best, took.Seconds()/whole.Seconds())
		}
		if best > 0.5 {
			t.Errorf("%s: the checks take %.0f %% of the start", name, 100*best)
		}
	}
}

// BenchmarkChecksAtStart is the cost of all checks of a configuration.
func BenchmarkChecksAtStart(b *testing.B) {
	sites := largeSites(1000)
	sites["2000 paths"] = sitetest.Config{Block: "@m path" + manyPaths(2000) + "\n" + protectingBlock("@m")}
	for name, c := range sites {
		b.Run(name, func(b *testing.B) {
			s := &sitetest.Site{Addr: "127.0.0.1:80", Upstream: &sitetest.Upstream{Addr: "127.0.0.1:9000"}, LogFile: "log", Storage: b.TempDir(), Endpoints: "http://127.0.0.1:1"}
			file := filepath.Join(b.TempDir(), "Caddyfile")
			if err := os.WriteFile(file, []byte(s.Caddyfile(c)), 0o600); err != nil {
				b.Fatal(err)
			}
			check, err := sitetest.ChecksOf(file)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				check()
			}
		})
	}
}
