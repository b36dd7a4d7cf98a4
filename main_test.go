package instagramauth_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run if goroutines of ours are left when all tests have ended.
func TestMain(m *testing.M) {
	status := m.Run()
	if left := goroutinesOfOurs(10 * time.Second); left != "" && status == 0 {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		status = 1
	}
	os.Exit(status)
}

// goroutinesOfOurs waits until no goroutine runs code of this module, this one
// excepted, and returns those that still do when the time is over.
func goroutinesOfOurs(patience time.Duration) (left string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
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
