package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTheDoctorsCommandInAProcessOfItsOwn(t *testing.T) {
	instagram := freePort(t)
	startCaddy(t, fmt.Sprintf(`{
		admin off
		auto_https off
	}
	http://localhost:%s {
		instagram_simulator {
			app_id %s
			app_secret %s
			redirect_uri https://example.test/auth/
		}
	}`, instagram, appID, appSecret), nil, "127.0.0.1:"+instagram)
	home := t.TempDir()
	file, accessLog := filepath.Join(home, "site.Caddyfile"), filepath.Join(home, "access.log")
	site := fmt.Sprintf(`example.test {
		tls internal
		log {
			output file %s
		}
		instagram_auth /private* {
			app_id {env.APP_ID}
			app_secret {env.APP_SECRET}
			redirect_uri https://example.test/auth/
			endpoints http://localhost:%s
		}
		respond hello
	}`, accessLog, instagram)
	if err := os.WriteFile(file, []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(secret string, args ...string) (out, talk string, status int) {
		t.Helper()
		var said strings.Builder
		command := exec.Command(plain(t), append([]string{"instagram-auth", "doctor", "--config", file}, args...)...)
		command.Env = append(os.Environ(), "APP_ID="+appID, "APP_SECRET="+secret, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		command.Stderr = &said
		answer, err := command.Output()
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			return string(answer), said.String(), failed.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(answer), said.String(), 0
	}

	// What is in doubt is no failure.
	out, talk, status := run(appSecret)
	// The line about Go is about the Go that built this Caddy, whichever that is.
	if status != 0 || !strings.Contains(out, "✓ app: ") || !strings.Contains(out, "! logs: ") || strings.Contains(out, "✗") || !strings.Contains(out, " build: Caddy was built with Go "+strings.TrimPrefix(runtime.Version(), "go")) {
		t.Errorf("status %d:\n%s%s", status, out, talk)
	}
	if strings.Contains(talk, "level") || strings.Contains(talk, "Error") {
		t.Errorf("beside the report it says\n%s", talk)
	}
	// A check must not take Caddy's log files away from it.
	if _, err := os.Stat(accessLog); err == nil {
		t.Error("the check made the site's log file")
	}
	wrong := strings.Repeat("0123", 8)
	out, talk, status = run(wrong, "--json")
	var report struct {
		Checks []struct{ Check, Status, Remedy string } `json:"checks"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 1 || strings.Contains(out+talk, wrong) {
		t.Fatalf("status %d, %v:\n%s%s", status, err, out, talk)
	}
	for _, check := range report.Checks {
		if (check.Status == "error") != (check.Check == "app") || check.Status == "error" && !strings.Contains(check.Remedy, "app_secret is wrong") {
			t.Errorf("check = %+v", check)
		}
	}
	out, talk, status = run("")
	if status != 1 || !strings.Contains(out, "✗ options: app_secret ("+file+":") {
		t.Errorf("status %d:\n%s%s", status, out, talk)
	}
	if out, err := command("doctor", "--conf", file); err == nil || !strings.Contains(out, "unknown flag") {
		t.Errorf("a flag that is none: %v\n%s", err, out)
	}
}
