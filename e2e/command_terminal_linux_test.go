package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// commandFolder is a working folder with a Caddyfile.
func commandFolder(t *testing.T, caddyfile string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "Caddyfile"), []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// lonelySite is a site whose Instagram answers nothing: one check is wrong, others are fine.
func lonelySite(storage string) string {
	return fmt.Sprintf(`{
		admin off
		storage file_system %s
	}
	example.test {
		tls internal
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri https://example.test/auth/
			endpoints http://127.0.0.1:1
		}
		acme_server
		respond hello
	}`, storage, appID, appSecret)
}

func TestColoursAreForTerminals(t *testing.T) {
	t.Parallel()
	folder := commandFolder(t, lonelySite(t.TempDir()))
	usual := []string{"TERM=xterm", "NO_COLOR=", "LC_ALL=C.UTF-8"}
	for _, c := range []struct {
		name      string
		env, args []string
		has, not  []string
	}{
		{"a terminal", usual, nil, []string{"\x1b[32m✓\x1b[0m load", "\x1b[31m✗\x1b[0m network"}, nil},
		{"NO_COLOR", []string{"TERM=xterm", "NO_COLOR=1"}, nil, []string{"✗ network"}, []string{"\x1b"}},
		{"a dumb terminal", []string{"TERM=dumb", "NO_COLOR="}, nil, []string{"✗ network"}, []string{"\x1b"}},
		{"--no-color", usual, []string{"--no-color"}, []string{"✗ network"}, []string{"\x1b"}},
		{"JSON", usual, []string{"--json"}, []string{`"status": "error"`}, []string{"\x1b"}},
		{"no UTF-8", []string{"TERM=xterm", "NO_COLOR=1", "LC_ALL=C"}, nil, []string{"  ok load", "  X  network"}, []string{"✓ ", "✗ "}},
	} {
		shown, status := onTerminal(t, folder, c.env, "", append([]string{"doctor"}, c.args...)...)
		if status != 1 {
			t.Errorf("%s: status %d", c.name, status)
		}
		for _, text := range c.has {
			if !strings.Contains(shown, text) {
				t.Errorf("%s: no %q in\n%s", c.name, text, shown)
			}
		}
		for _, text := range c.not {
			if strings.Contains(shown, text) {
				t.Errorf("%s: %q in\n%s", c.name, text, shown)
			}
		}
	}
	if shown, status := onTerminal(t, folder, usual, "", "status"); status != 1 || !strings.HasPrefix(shown, "\x1b[31mError:\x1b[0m Caddyfile turns Caddy's admin endpoint off") {
		t.Errorf("an error on a terminal: status %d\n%q", status, shown)
	}
	out, talk, status := commandIn(t, folder, nil, "doctor")
	if status != 1 || !strings.Contains(out, "  ✗ network") || strings.Contains(out+talk, "\x1b") {
		t.Errorf("into a pipe: status %d\n%s%s", status, out, talk)
	}
}

func TestRevokeAllAsksOnATerminal(t *testing.T) {
	t.Parallel()
	port, admin := freePort(t), "127.0.0.1:"+freePort(t)
	caddyfile := operatorsSite(admin, port)
	startCaddy(t, caddyfile, nil, "127.0.0.1:"+port, admin)
	folder := commandFolder(t, caddyfile)
	ended := func() string {
		out, _, _ := commandIn(t, folder, nil, "status", "--json")
		_, after, _ := strings.Cut(out, `"revoked": `)
		number, _, _ := strings.Cut(after, ",")
		return number
	}
	for _, c := range []struct {
		answer, says, ended string
		status              int
	}{
		{"n", "Nothing was revoked.", "0", 1},
		{"nein", "Nothing was revoked.", "0", 1},
		{"\x04", "Nothing was revoked.", "0", 1}, // Ctrl-D
		{"y", "all sessions are revoked", "1", 0},
	} {
		shown, status := onTerminal(t, folder, nil, c.answer, "revoke", "--all")
		if status != c.status || !strings.Contains(shown, c.says) || !strings.Contains(shown, "everybody's sessions of app "+appID) || ended() != c.ended {
			t.Errorf("%q: status %d, %s ended\n%s", c.answer, status, ended(), shown)
		}
	}
	if shown, status := onTerminal(t, folder, nil, "", "revoke", "--all", "--yes"); status != 0 || strings.Contains(shown, "[y/N]") {
		t.Errorf("with --yes: status %d\n%s", status, shown)
	}
	// One who is not at a terminal cannot be asked, and `yes |` is no answer.
	out, talk, status := commandIn(t, folder, nil, "revoke", "--all")
	if status != 2 || out != "" || talk != "Error: --all revokes everybody's sessions, and there is no terminal to ask on\nTry: add --yes\n" {
		t.Errorf("without a terminal: status %d\n%s%s", status, out, talk)
	}
}
