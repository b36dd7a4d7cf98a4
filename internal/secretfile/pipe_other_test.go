//go:build !unix

package secretfile

import "testing"

// pipeIn returns a folder, which is no file either, where there are no named pipes.
func pipeIn(_ *testing.T, dir string) (path string) { return dir }
