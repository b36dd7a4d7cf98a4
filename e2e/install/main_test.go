// Package install tests packaging/, docs/install.md and the files of .github as far as that goes
// without Docker, a running systemd and GitHub.
package install

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const (
	project   = "../.." // the root of the checkout
	appID     = "990602627938098"
	appSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	// sessionSecret is another one, of 64 digits, as `openssl rand -hex 32` prints it.
	sessionSecret = "4d1c7b9e0f2a6835c1d4e7b0a3968f52e5d8c1b4a7906f3e2d5c8b1a4e7d0c93"
)

// folder is deleted after the tests.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "install"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(project, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var (
	once  sync.Once
	image string
)

// caddyOfImage returns the Caddy that the Dockerfile builds. The first test that needs it builds
// it.
func caddyOfImage(t *testing.T) string {
	t.Helper()
	once.Do(func() { image = buildImage(t, folder) })
	if image == "" {
		t.Fatal("the Dockerfile did not build")
	}
	return filepath.Join(image, "usr/bin/caddy")
}
