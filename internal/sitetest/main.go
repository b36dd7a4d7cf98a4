package sitetest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// module is the prefix of the names of this module's functions in stacks.
const module = "github.com/caddy-instagram/caddy-instagram-auth"

// Main runs the tests of a package, for its TestMain. The doctor then finds that Caddy was built
// with a Go without known vulnerabilities, whatever Go runs the tests. Caddy's data folder is one
// of this run, set before any goroutine can read it. The run fails if goroutines of this module are
// left when all tests have ended.
func Main(m *testing.M) {
	doctor.OfModule.Go = "go" + finding.FixedGo(26)
	data, err := ownData()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if left := remainingGoroutines(10 * time.Second); left != "" && status == 0 {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		status = 1
	}
	if err := removeFolder(data); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// ownData gives this process a data folder of its own, in which Caddy also saves its configuration.
// So no test writes into the folders of the person who runs it. The caller removes it.
func ownData() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "caddy-data-"); err != nil {
		return "", err
	}
	if err := os.Setenv("XDG_DATA_HOME", folder); err != nil {
		return "", err
	}
	caddy.DefaultStorage.Path = caddy.AppDataDir()
	caddy.ConfigAutosavePath = filepath.Join(folder, "autosave.json")
	return folder, nil
}

// remainingGoroutines waits until no goroutine but that of TestMain runs code of this module. It
// returns the stacks of those that still do after the timeout.
func remainingGoroutines(timeout time.Duration) (left string) {
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		var ours []string
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, module) && !strings.Contains(stack, "TestMain") {
				ours = append(ours, stack)
			}
		}
		left = strings.Join(ours, "\n\n")
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}
