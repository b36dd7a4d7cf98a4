//go:build unix

package secretfile

import (
	"path/filepath"
	"syscall"
	"testing"
)

// pipeIn makes a named pipe into which nobody writes.
func pipeIn(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
