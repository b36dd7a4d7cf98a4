package sitetest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// module is the prefix of the names of this module's functions in stacks.
const module = "github.com/caddy-instagram/caddy-instagram-auth"

// Main runs the tests of a package, for its TestMain. The doctor then finds that Caddy was built
// with a Go without known vulnerabilities, whatever Go runs the tests. The run fails if goroutines
// of this module are left when all tests have ended.
func Main(m *testing.M) {
	doctor.OfModule.Go = "go" + finding.FixedGo(26)
	status := m.Run()
	if left := remainingGoroutines(10 * time.Second); left != "" && status == 0 {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		status = 1
	}
	os.Exit(status)
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
