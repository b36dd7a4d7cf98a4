package main

import (
	"fmt"
	"os"
	"time"
)

// starter is a program with a configuration, of which it is measured how long it takes to
// the first answer.
type starter struct {
	name, binary string
	with         bool
	took         []float64 // in milliseconds
	resident     []float64 // in MB
}

// byStart is the table of what the module adds to Caddy's start and to its file.
func (b *bench) byStart() (string, error) {
	bare, err := build(b.ctx, b.folder, plain)
	if err != nil {
		return "", err
	}
	full, err := build(b.ctx, b.folder, production)
	if err != nil {
		return "", err
	}
	starters := []*starter{{name: "Caddy", binary: bare}, {name: "Caddy with the module, unused", binary: full}, {name: "Caddy with instagram_auth configured", binary: full, with: true}}
	for range b.rounds {
		for _, s := range starters {
			if err := b.startOnce(s); err != nil {
				return "", fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	t := table{head: []string{"program", "first answer after, ms", "RSS then, MB", "size of the file, MB"}}
	var sizes []int64
	for _, s := range starters {
		file, err := os.Stat(s.binary)
		if err != nil {
			return "", err
		}
		sizes = append(sizes, file.Size())
		t.add(s.name, summarize(s.took).String(), summarize(s.resident).String(), fmt.Sprintf("%.2f", megabytes(file.Size())))
	}
	return fmt.Sprintf("## Start and size\n\nFrom exec to the first answer of a site with `reverse_proxy`. The module adds %.0f KB to the program; both are built alike (-trimpath, -s -w).\n\n%s",
		float64(sizes[1]-sizes[0])/1024, t.String()), nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// startOnce starts a program, waits for its first answer and ends it.
func (b *bench) startOnce(s *starter) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	began := time.Now()
	started, err := b.launchCaddy(s.name, s.binary, b.siteBefore(b.proxy())(portOf(address), s.with))
	if err != nil {
		return err
	}
	defer started.stop()
	if err := started.ready(b.ctx, address); err != nil {
		return err
	}
	if _, err := askOnce(b.ctx, target{address, request(host, privatePath, "Cookie: "+b.session), 200}); err != nil {
		return err
	}
	s.took = append(s.took, milliseconds(time.Since(began)))
	used, err := resident(started.cmd.Process.Pid)
	s.resident = append(s.resident, megabytes(used))
	return err
}
