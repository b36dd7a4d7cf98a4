package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// plainCaddy is Caddy without the race detector, which makes each start take seconds.
var plainCaddy = sync.OnceValues(func() (string, error) { return build("caddy-plain", "..") })

// plain returns the file of plainCaddy.
func plain(t *testing.T) string {
	t.Helper()
	file, err := plainCaddy()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// commandIn runs `caddy instagram-auth` in a folder, away from a terminal.
func commandIn(t *testing.T, folder string, env []string, args ...string) (out, talk string, status int) {
	t.Helper()
	return caddyIn(t, "", folder, env, append([]string{"instagram-auth"}, args...)...)
}

func caddyIn(t *testing.T, in, folder string, env []string, args ...string) (out, talk string, status int) {
	t.Helper()
	var written, errs bytes.Buffer
	command := exec.Command(plain(t), args...)
	command.Dir, command.Env = folder, append(os.Environ(), env...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(in), &written, &errs
	err := command.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return written.String(), errs.String(), failed.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return written.String(), errs.String(), 0
}

func TestCommandsExitWithAStatusAndOnePlainError(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	nobody := "127.0.0.1:" + freePort(t)
	for _, c := range []struct {
		args   []string
		status int
		error  string
	}{
		{[]string{}, 2, "a command is missing"},
		{[]string{"stat"}, 2, `there is no command "stat"`},
		{[]string{"status", "--bogus"}, 2, "unknown flag: --bogus"},
		{[]string{"status", "--address", nobody}, 1, "no Caddy answers at " + nobody},
		{[]string{"status", "--config", "/nowhere"}, 1, "/nowhere: no such file"},
		{[]string{"revoke", "--user", "@" + username}, 2, "by ID, not by username"},
		{[]string{"doctor"}, 1, "there is no Caddyfile and no caddy.json in " + folder},
		{[]string{"doctor", "--envfile", "/nowhere"}, 2, "cannot read the environment file: /nowhere"},
		{[]string{"pages"}, 2, "no folder is named"},
		{[]string{"review"}, 1, "there is no Caddyfile and no caddy.json in " + folder},
		{[]string{"review", "x"}, 2, `unexpected "x"`},
		{[]string{"pages", "a", "b"}, 2, "accepts at most 1 arg"},
	} {
		out, talk, status := commandIn(t, folder, nil, c.args...)
		if status != c.status || out != "" || !strings.HasPrefix(talk, "Error: ") || !strings.Contains(talk, c.error) ||
			strings.Count(talk, "Error:") != 1 || strings.Contains(talk, `"level"`) || strings.Count(talk, "\n") > 2 {
			t.Errorf("%q: status %d\n%s%s", c.args, status, out, talk)
		}
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left in the working folder: %v", left)
	}
}

// Caddy's own reader is the measure.
func TestEnvironmentFilesAreReadAsCaddyReadsThem(t *testing.T) {
	t.Parallel()
	for i, text := range []string{
		"ADMIN_PORT=1\n", "export ADMIN_PORT=2", "ADMIN_PORT=\"3\" # a comment\nX=\"\"\n", "ADMIN_PORT='4'\r\n", "ADMIN_PORT=5#6\n",
		"# no\n\n  ADMIN_PORT=7  \n", "ADMIN_PORT=8\nADMIN_PORT=9\n", "ADMIN_PORT=\"1\n2\"\n", "ADMIN_PORT=\"1#2\"\n", "ADMIN_PORT='a\\'\nb'\n",
		"ADMIN_PORT\n", "=1\n", "ADMIN PORT=1\n", "ADMIN_PORT= 1\n", "ADMIN_PORT=\"open\n", "\ufeffADMIN_PORT=1\n", "export  ADMIN_PORT=1\n", "ADMIN_PORT=$HOME\n",
	} {
		folder := commandFolder(t, "{\n\tadmin \"unix//{$ADMIN_PORT}.sock\"\n}\n")
		file := filepath.Join(folder, "env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// Both put the value into the same place of the same configuration.
		adapted, _, caddys := caddyIn(t, "", folder, nil, "adapt", "--envfile", file)
		_, talk, status := commandIn(t, folder, nil, "status", "--envfile", file)
		if (caddys != 0) != (status == 2 || strings.Contains(talk, "adapting")) {
			t.Errorf("%d: %q: Caddy exits with %d, status with %d\n%s", i, text, caddys, status, talk)
			continue
		}
		_, listen, _ := strings.Cut(adapted, `"listen":"`)
		listen, _, _ = strings.Cut(listen, `"`)
		if caddys == 0 && !strings.Contains(listen, `\`) && !strings.Contains(talk, "endpoint is "+listen+"\n") {
			t.Errorf("%d: %q: Caddy reads %q, and status says\n%s", i, text, listen, talk)
		}
	}
}

func TestCompletionAndManualPagesKnowTheCommands(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, c := range []struct {
		args []string
		has  []string
	}{
		{[]string{"instagram-auth", ""}, []string{"status\t", "revoke\t", "doctor\t", "pages\t", "review\t"}},
		{[]string{"instagram-auth", "revoke", "--"}, []string{"--user\tRevoke ", "--all\t", "--yes\t", "--config\t", "--envfile\t", "--no-color\t"}},
		{[]string{"instagram-auth", "doctor", "--adapter", ""}, []string{"caddyfile\n"}},
		{[]string{"instagram-auth", "revoke", "--user", ""}, []string{":4\n"}}, // no file names
		{[]string{"instagram-auth", "status", ""}, []string{":4\n"}},
		{[]string{"instagram-auth", "pages", ""}, []string{":16\n"}}, // folders alone
		{[]string{"instagram-auth", "doctor", "--config", ""}, []string{":0\n"}},
		{[]string{"instagram-auth", "review", ""}, []string{":4\n"}},
		{[]string{"instagram-auth", "review", "--"}, []string{"--config\t", "--adapter\t", "--envfile\t"}},
	} {
		out, _, status := caddyIn(t, "", folder, nil, append([]string{"__complete"}, c.args...)...)
		for _, text := range c.has {
			if status != 0 || !strings.Contains(out, text) {
				t.Errorf("%q: status %d, no %q in\n%s", c.args, status, text, out)
			}
		}
	}
	if _, talk, status := caddyIn(t, "", folder, nil, "manpage", "--directory", folder); status != 0 {
		t.Fatal(talk)
	}
	for _, name := range []string{"status", "revoke", "doctor", "pages", "review"} {
		page, err := os.ReadFile(filepath.Join(folder, "caddy-instagram-auth-"+name+".8"))
		if err != nil {
			t.Fatal(err)
		}
		help, _, status := commandIn(t, folder, nil, name, "--help")
		// Where the manual's format takes <id> for markup, the word is gone.
		for _, text := range []string{"Exit status: 0 done", "github.com/caddy-instagram/caddy-instagram-auth/blob/main/docs/", "caddy instagram-auth " + name, "--config"} {
			if !strings.Contains(strings.NewReplacer(`\-`, "-", `\(en`, "-", "\\fB", "", "\\fP", "", "\\fR", "", "\n", " ").Replace(string(page)), text) || status != 0 || !strings.Contains(help, text) {
				t.Errorf("%s: no %q\n%s\n%s", name, text, page, help)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, talk, status := caddyIn(t, "", folder, nil, "completion", shell); status != 0 || len(out) == 0 {
			t.Errorf("%s: status %d, %s", shell, status, talk)
		}
	}
}

func TestTheHelpLeadsToPagesThatAreThere(t *testing.T) {
	t.Parallel()
	const docs = "https://github.com/caddy-instagram/caddy-instagram-auth/blob/main/"
	var pages []string
	for _, name := range []string{"", "status", "revoke", "doctor", "pages", "review"} {
		help, _, _ := commandIn(t, t.TempDir(), nil, strings.Fields(name+" --help")...)
		for part := range strings.SplitSeq(help, docs) {
			if page, _, found := strings.Cut(part, ".md"); found && strings.HasPrefix(page, "docs/") {
				pages = append(pages, page+".md")
				_, err := os.Stat(filepath.Join("..", page+".md"))
				if err != nil {
					t.Errorf("%q leads to %s: %v", name, page, err)
				}
			}
		}
	}
	slices.Sort(pages)
	if pages = slices.Compact(pages); len(pages) != 4 {
		t.Errorf("the help leads to %q", pages)
	}
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil || !bytes.Contains(page, []byte("\n## Ending sessions\n")) {
		t.Error("there is no section Ending sessions", err)
	}
}

func TestTheDoctorReadsAPipe(t *testing.T) {
	t.Parallel()
	folder := commandFolder(t, lonelySite(t.TempDir()))
	adapted, _, _ := caddyIn(t, "", folder, nil, "adapt")
	out, talk, status := caddyIn(t, adapted, t.TempDir(), nil, "instagram-auth", "doctor", "--config", "-")
	if status != 1 || !strings.Contains(out, "✓ load: standard input loads, with 1 instagram_auth in it") || !strings.Contains(out, "✗ network") {
		t.Errorf("status %d\n%s%s", status, out, talk)
	}
	out, talk, status = caddyIn(t, "example.test {\n}", t.TempDir(), nil, "instagram-auth", "doctor", "--config", "-")
	if status != 1 || !strings.Contains(out, "add --adapter caddyfile") {
		t.Errorf("status %d\n%s%s", status, out, talk)
	}
}
