package sitetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// StartWithAdmin starts a site with an admin endpoint and returns its address, too.
func StartWithAdmin(t *testing.T, c Config) (s *Site, admin string) {
	t.Helper()
	admin = FreeAddr(t)
	c.Admin = admin
	return Start(t, c), admin
}

// AskAdmin sends a request to an admin endpoint and returns the status and the decoded answer.
func AskAdmin(t *testing.T, method, address, body string) (status int, answer map[string]any) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	content := new(bytes.Buffer)
	_, _ = content.ReadFrom(got.Body)
	if err := json.Unmarshal(content.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %q is no JSON", got.Status, content)
	}
	return got.StatusCode, answer
}

// Scrape returns the values of all series at an admin endpoint, by name and labels.
func Scrape(t *testing.T, admin string) map[string]string {
	t.Helper()
	series := make(map[string]string)
	for line := range strings.Lines(Exposition(t, admin)) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			series[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return series
}

// Exposition returns what an admin endpoint tells Prometheus.
func Exposition(t *testing.T, admin string) string {
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
	return content.String()
}

// Counted returns the counters of instagram_auth that are not 0, by name and labels without app_id.
func Counted(t *testing.T, admin string) map[string]string {
	t.Helper()
	counters := make(map[string]string)
	for series, value := range Scrape(t, admin) {
		name, ours := strings.CutPrefix(series, "caddy_instagram_auth_")
		if !ours || value == "0" || strings.HasPrefix(name, "revoked_sessions") || strings.Contains(name, "_seconds_bucket") || strings.Contains(name, "_seconds_sum") {
			continue
		}
		if !strings.Contains(name, `app_id="`+AppID+`"`) {
			t.Errorf("%s does not name the app", series)
		}
		counters[strings.NewReplacer(`app_id="`+AppID+`",`, "", `{app_id="`+AppID+`"}`, "").Replace(name)] = value
	}
	return counters
}

// RunCaddy runs `caddy instagram-auth` in this process. talk takes what it says beside
// its result.
func RunCaddy(t *testing.T, in io.Reader, talk io.Writer, args ...string) (out string, err error) {
	t.Helper()
	return RunCaddyIn(t.Context(), in, talk, args...)
}

// RunCaddyIn is RunCaddy with a context, which ends the command.
func RunCaddyIn(ctx context.Context, in io.Reader, talk io.Writer, args ...string) (out string, err error) {
	known := caddycmd.Commands()["instagram-auth"]
	root, parent := &cobra.Command{Use: "caddy", SilenceUsage: true}, &cobra.Command{Use: known.Name}
	known.CobraFunc(parent)
	root.AddCommand(parent)
	buffer := new(bytes.Buffer)
	root.SetOut(buffer)
	root.SetErr(talk)
	root.SetIn(in)
	root.SetArgs(append([]string{known.Name}, args...))
	err = root.ExecuteContext(ctx)
	return buffer.String(), err
}
