package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// counters are what the Go runtime of a Caddy has counted, exactly. They come from
// Caddy's admin endpoint.
type counters struct {
	Mallocs    uint64 // objects allocated
	TotalAlloc uint64 // and their bytes
	HeapInuse  uint64
	StackInuse uint64
}

// counters reads them. Reading them allocates, too.
func (s *server) counters(ctx context.Context) (c counters, err error) {
	body, err := s.fetch(ctx, "/debug/vars")
	if err != nil {
		return c, err
	}
	defer body.Close()
	vars := struct{ Memstats *counters }{&c}
	if err := json.NewDecoder(body).Decode(&vars); err != nil {
		return c, fmt.Errorf("reading the counters of %s: %w", s.name, err)
	}
	return c, nil
}

// collect has the garbage collector run.
func (s *server) collect(ctx context.Context) error {
	body, err := s.fetch(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

// profile writes a profile of the coming seconds to a file: kind is profile, for the CPU,
// or allocs.
func (s *server) profile(ctx context.Context, kind string, seconds int, file string) error {
	body, err := s.fetch(ctx, fmt.Sprintf("/debug/pprof/%s?seconds=%d", kind, seconds))
	if err != nil {
		return err
	}
	defer body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, body); err != nil {
		_ = out.Close()
		return fmt.Errorf("writing a profile: %w", err)
	}
	return out.Close()
}

func (s *server) fetch(ctx context.Context, path string) (io.ReadCloser, error) {
	if s.admin == "" {
		return nil, fmt.Errorf("%s has no admin endpoint", s.name)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Timeout: 2 * time.Minute}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the admin endpoint of %s: %w", s.name, err)
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("the admin endpoint of %s answered %s", s.name, answer.Status)
	}
	return answer.Body, nil
}
