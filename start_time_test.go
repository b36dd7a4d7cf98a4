package instagramauth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// startTime returns how long the checks at start took.
func startTime(t *testing.T, s *site) time.Duration {
	t.Helper()
	for _, line := range s.logged("configuration checked") {
		_ = line
	}
	var took struct{ Duration float64 }
	for text := range strings.Lines(s.logs()) {
		if strings.Contains(text, `"configuration checked"`) {
			if err := json.Unmarshal([]byte(text), &took); err != nil {
				t.Fatal(err)
			}
		}
	}
	return time.Duration(took.Duration * float64(time.Second))
}

func TestN17_TheChecksAtStartAreQuick(t *testing.T) {
	var routes, sites strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&routes, "reverse_proxy /api%d/* {upstream}\n", i)
		fmt.Fprintf(&sites, "http://host%d.test {\n%s\nreverse_proxy {upstream}\n}\n", i, strings.ReplaceAll(protectingBlock("/members*"), origin, fmt.Sprintf("https://host%d.test", i)))
	}
	for name, c := range map[string]siteConfig{
		"one":         {block: protectingBlock("/members*")},
		"1000 routes": {block: protectingBlock("/members*") + "\n" + routes.String()},
		"1000 sites":  {block: protectingBlock("/members*"), extra: sites.String()},
	} {
		c.global += "\ndebug"
		began := time.Now()
		s := startSite(t, c)
		t.Logf("%s: %v of %v", name, startTime(t, s), time.Since(began))
	}
}
