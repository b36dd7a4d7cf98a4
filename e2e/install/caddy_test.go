package install

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheCaddyOfTheDockerfileHasTheModuleAndNoSimulator(t *testing.T) {
	caddy := caddyOfImage(t)
	out, err := exec.Command(caddy, "list-modules").Output()
	if modules := string(out); err != nil || !strings.Contains(modules, "http.handlers.instagram_auth\n") || strings.Contains(modules, "simulator") {
		t.Errorf("list-modules: %v\n%s", err, modules)
	}
	production := exec.Command(caddy, "validate", "--config", "example/production.Caddyfile", "--adapter", "caddyfile")
	production.Dir = project
	production.Env = append(os.Environ(), "SITE=localhost", "INSTAGRAM_APP_ID="+appID, "INSTAGRAM_APP_SECRET="+appSecret,
		"INSTAGRAM_REDIRECT_URI=https://localhost/auth/", "HOME="+t.TempDir())
	if out, err := production.CombinedOutput(); err != nil {
		t.Errorf("example/production.Caddyfile: %v\n%s", err, out)
	}
}

// kits are the Caddyfiles of packaging/, with the folder in which each expects its secrets.
var kits = map[string]string{
	"packaging/Caddyfile":         "/run/secrets",
	"packaging/systemd/Caddyfile": "/run/credentials/caddy.service",
}

func TestEachCaddyfileOfThePackagingIsFormatted(t *testing.T) {
	for name := range kits {
		if out, err := exec.Command(caddyOfImage(t), "fmt", filepath.Join(project, name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestEachCaddyfileOfThePackagingSendsVisitorsToInstagramWithSecretsFromFiles(t *testing.T) {
	for name, secrets := range kits {
		t.Run(name, func(t *testing.T) {
			site := startKit(t, name, secrets, map[string]string{"instagram_app_secret": appSecret, "session_secret": sessionSecret})
			if status, answer, _ := site.get(t, "/"); status != http.StatusOK || answer != "Hello, ." {
				t.Errorf("the public page: %d %q", status, answer)
			}
			status, _, window := site.get(t, "/members")
			if status != http.StatusFound || window.Host != "www.instagram.com" || window.Query().Get("client_id") != appID ||
				window.Query().Get("redirect_uri") != "https://localhost/auth/" {
				t.Errorf("the protected page: %d %s", status, window)
			}
		})
	}
}

func TestACaddyfileOfThePackagingDoesNotLoadWithoutItsSecrets(t *testing.T) {
	for name, secrets := range kits {
		for _, missing := range []string{"instagram_app_secret", "session_secret"} {
			files := map[string]string{"instagram_app_secret": appSecret, "session_secret": sessionSecret}
			delete(files, missing)
			file, env := prepareKit(t, name, secrets, files, "1", "1")
			command := exec.Command(caddyOfImage(t), "validate", "--config", file, "--adapter", "caddyfile")
			command.Env = env
			if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), missing) {
				t.Errorf("%s without %s: %v\n%s", name, missing, err, out)
			}
		}
	}
}

// docs/install.md says so, and the Caddyfile for systemd names its folder because of it.
func TestCaddyReplacesNoPlaceholderInsideAPlaceholder(t *testing.T) {
	files := map[string]string{"instagram_app_secret": appSecret, "session_secret": sessionSecret}
	file, env := prepareKit(t, "packaging/systemd/Caddyfile", kits["packaging/systemd/Caddyfile"], files, "1", "1")
	secrets := filepath.Dir(file)
	for folder, works := range map[string]bool{"{$CREDENTIALS_DIRECTORY}": true, "{env.CREDENTIALS_DIRECTORY}": false} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(secrets, "other")
		if err := os.WriteFile(other, []byte(strings.ReplaceAll(string(text), "{file."+secrets, "{file."+folder)), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(caddyOfImage(t), "validate", "--config", other, "--adapter", "caddyfile")
		command.Env = append(env, "CREDENTIALS_DIRECTORY="+secrets)
		if out, err := command.CombinedOutput(); (err == nil) != works {
			t.Errorf("%s: %v\n%s", folder, err, out)
		}
	}
}

// prepareKit writes a Caddyfile of packaging/ for this machine: other ports, and a folder of
// secrets that the test may write.
func prepareKit(t *testing.T, name, secrets string, files map[string]string, https, upstream string) (file string, env []string) {
	t.Helper()
	home := t.TempDir()
	for name, secret := range files {
		if err := os.WriteFile(filepath.Join(home, name), []byte(secret+"\n"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, name)
	options := "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n\thttps_port " + https + "\n"
	if strings.Count(text, "{\n\tlog default") != 1 || strings.Count(text, "{file."+secrets+"/") != 2 {
		t.Fatalf("%s has other options, or does not take both secrets from %s", name, secrets)
	}
	text = strings.NewReplacer("{\n\tlog default", options+"\tlog default", "{file."+secrets+"/", "{file."+home+"/",
		"example.com", "localhost", "localhost:3000", "localhost:"+upstream).Replace(text)
	file = filepath.Join(home, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "SITE=localhost", "INSTAGRAM_APP_ID="+appID, "UPSTREAM=localhost:"+upstream)
}

// A kit is a running Caddy with a Caddyfile of packaging/.
type kit struct{ client *http.Client }

// startKit runs Caddy with a Caddyfile of packaging/, in front of the stand-in for a site of
// compose.yaml.
func startKit(t *testing.T, name, secrets string, files map[string]string) kit {
	t.Helper()
	https, upstream := freePort(t), freePort(t)
	file, env := prepareKit(t, name, secrets, files, https, upstream)
	compose := readCompose(t)
	standIn := compose.Services["site"].Command
	if len(standIn) < 2 || standIn[0] != "caddy" {
		t.Fatalf("the command of the stand-in is %q", standIn)
	}
	start(t, env, caddyOfImage(t), strings.Split(strings.ReplaceAll(strings.Join(standIn[1:], "\x00"), ":3000", ":"+upstream), "\x00")...)
	start(t, env, caddyOfImage(t), "run", "--config", file, "--adapter", "caddyfile")
	waitFor(t, upstream)
	waitFor(t, https)
	site := kit{&http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // Caddy's own authority has made the certificate
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+https)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	waitUntil(t, "the certificate", func() bool {
		answer, err := site.client.Get("https://localhost/")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil
	})
	return site
}

// get returns the status, the body and where a redirect leads.
func (k kit) get(t *testing.T, path string) (status int, body string, location *url.URL) {
	t.Helper()
	answer, err := k.client.Get("https://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	location, err = url.Parse(answer.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content), location
}

// nextPort counts through ports below those that tests of other packages, which run at the same
// time, and outgoing connections get.
var nextPort = 19_000

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	for nextPort++; nextPort < 20_000; nextPort++ {
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", nextPort)); err == nil {
			_ = listener.Close()
			return fmt.Sprint(nextPort)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start runs a program until the end of the test.
func start(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(name, args...)
	command.Env, command.Stdout, command.Stderr = env, log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if content, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%.6000s", args[0], content)
		}
	})
}

// waitFor waits until somebody listens on a port.
func waitFor(t *testing.T, port string) {
	t.Helper()
	waitUntil(t, "a server on port "+port, func() bool {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
}

// waitUntil waits for a condition, for a while.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there is no sign of %s", what)
		}
	}
}
