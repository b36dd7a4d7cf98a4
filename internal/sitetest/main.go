package sitetest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// module is the prefix of the names of this module's functions in stacks.
const module = "github.com/caddy-instagram/caddy-instagram-auth"

// Main runs the tests of a package, for its TestMain. The run fails if goroutines of this module
// are left when all tests have ended.
func Main(m *testing.M) {
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
