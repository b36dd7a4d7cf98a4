package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const profileSeconds = 5

// profileOne writes profiles of one contestant, or of logins.
func (b *bench) profileOne() error {
	var load func(context.Context) error
	var s *server
	if b.profiled == "logins" {
		if err := b.startLogins(); err != nil {
			return err
		}
		s = b.logins.server
		load = func(context.Context) error { _, err := b.signAllIn(profileSeconds * time.Second); return err }
	} else {
		b.only = regexp.MustCompile("^" + regexp.QuoteMeta(b.profiled) + "$")
		if err := b.enter(); err != nil {
			return err
		}
		c := b.find(b.profiled)
		if c == nil {
			return fmt.Errorf("there is no contestant %q", b.profiled)
		}
		s = c.server
		load = func(ctx context.Context) error {
			crew, err := hire(ctx, c.target, b.connections)
			if err != nil {
				return err
			}
			defer crew.dismiss()
			_, err = crew.during(ctx, profileSeconds*time.Second)
			return err
		}
	}
	for _, kind := range []string{"profile", "allocs"} {
		file, err := b.profileDuring(s, kind, load)
		if err != nil {
			return err
		}
		b.progress("go tool pprof -top %s", file)
	}
	return nil
}

// profileDuring writes a profile of a server under a load that lasts as long.
func (b *bench) profileDuring(s *server, kind string, load func(context.Context) error) (file string, err error) {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return "", err
	}
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(s.name), "-"), "-")
	file = filepath.Join(b.out, name+"-"+strings.Replace(kind, "profile", "cpu", 1)+".prof")
	var problem error
	var loading sync.WaitGroup
	loading.Go(func() { problem = load(b.ctx) })
	err = s.profile(b.ctx, kind, profileSeconds, file)
	loading.Wait()
	if err == nil {
		err = problem
	}
	return file, err
}

// explainLogins takes a profile of logins where there are fewer than there should be.
func (b *bench) explainLogins() error {
	l := &b.logins
	if l.server == nil || b.out == "" || b.quick || summarize(l.perSecond).median >= loginGoal {
		return nil
	}
	b.progress("fewer than %d logins a second: taking a profile", loginGoal)
	file, err := b.profileDuring(l.server, "profile", func(context.Context) error {
		_, err := b.signAllIn(profileSeconds * time.Second)
		return err
	})
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(b.ctx, "go", "tool", "pprof", "-top", "-nodecount=20", file).Output()
	if err != nil {
		return fmt.Errorf("reading a profile: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		// The lines above these name the file and the time.
		if l.profile != "" || strings.HasPrefix(strings.TrimSpace(line), "flat ") {
			l.profile += "    " + line + "\n"
		}
	}
	return nil
}
