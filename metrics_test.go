package instagramauth_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// scrape returns the values of all series at an admin endpoint, by name and labels.
func scrape(t *testing.T, admin string) map[string]string {
	t.Helper()
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content := new(bytes.Buffer)
	if _, err := content.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	series := make(map[string]string)
	for line := range strings.Lines(content.String()) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			series[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return series
}
