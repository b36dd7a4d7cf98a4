package sitetest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// RunCommand runs a command and returns what it writes to both streams.
func RunCommand(t *testing.T, args ...string) (out, talk string, err error) {
	t.Helper()
	var said bytes.Buffer
	out, err = RunCaddy(t, strings.NewReader(""), &said, args...)
	return out, said.String(), err
}

// DoctorEnv is a configuration for the doctor, and a simulated Instagram.
type DoctorEnv struct {
	T         *testing.T
	Instagram *simulator.Simulator
	Endpoints string
	Storage   string
}

// NewDoctorEnv starts the simulator.
func NewDoctorEnv(t *testing.T, c Config) *DoctorEnv {
	t.Helper()
	e := &DoctorEnv{T: t, Storage: StorageDir(t)}
	e.Instagram, e.Endpoints = NewInstagram(t, c)
	return e
}

// DoctorSecret is the session secret of the usual site.
const DoctorSecret = "5c1f0b7e9d3a48c2b6e07f1d9a2c4e8b"

// File writes a Caddyfile with the usual site, changed.
func (e *DoctorEnv) File(changes ...string) string {
	e.T.Helper()
	text := fmt.Sprintf(`{
	admin localhost:2019
	storage file_system %s
	log default {
		format filter {
			request>uri delete
			request>headers delete
			resp_headers delete
		}
	}
}
example.test {
	tls internal
	instagram_auth /private* {
		app_id %s
		app_secret %s
		redirect_uri %s
		endpoints %s
		session {
			secret %s
		}
	}
	respond hello
}
`, e.Storage, AppID, AppSecret, RedirectURI, e.Endpoints, DoctorSecret)
	name := filepath.Join(e.T.TempDir(), "Caddyfile")
	// A Caddy that runs on this machine must not be asked.
	text = strings.ReplaceAll(strings.NewReplacer(changes...).Replace(text), "localhost:2019", FreeAddr(e.T))
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		e.T.Fatal(err)
	}
	return name
}

// WantFault fails the test unless the report has one line with a fault, which has all these
// words in it.
func WantFault(t *testing.T, mark, report string, words ...string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(report) {
		if strings.Contains(line, mark+" ") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Errorf("%d lines with %s:\n%s", len(lines), mark, report)
		return
	}
	for _, word := range words {
		if !strings.Contains(lines[0], word) {
			t.Errorf("%q does not say %q", lines[0], word)
		}
	}
	if strings.Contains(report, AppSecret) {
		t.Error("the secret is in the report")
	}
}

// InFolder makes a folder with these files the working one.
func InFolder(t *testing.T, files map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
}
