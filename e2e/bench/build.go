package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const module = "github.com/caddy-instagram/caddy-instagram-auth"

// The programs, by the names of their packages. All are built alike, with the versions of
// e2e/go.mod and without the race detector.
const (
	withSimulator = module + "/cmd/caddy"
	production    = module + "/e2e/cmd/production"
	plain         = module + "/e2e/cmd/plain"
)

// build compiles a program into a folder, as a release would be: what -s and -w leave out
// is in no binary that people download.
func build(ctx context.Context, folder, program string) (file string, err error) {
	file = filepath.Join(folder, filepath.Base(filepath.Dir(program))+"-"+filepath.Base(program))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, program)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", program, err, out)
	}
	return file, nil
}

// versions are those of Go and Caddy in a program.
func versions(file string) (golang, caddy string, err error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", "", fmt.Errorf("reading versions: %w", err)
	}
	for _, dependency := range info.Deps {
		if dependency.Path == "github.com/caddyserver/caddy/v2" {
			return info.GoVersion, dependency.Version, nil
		}
	}
	return "", "", fmt.Errorf("%s is no Caddy", filepath.Base(file))
}
