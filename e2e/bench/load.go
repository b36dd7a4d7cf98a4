package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
)

// timeout is how long anything may take that takes no time when all is well.
const timeout = 20 * time.Second

// target is a GET, and the status of every answer to it.
type target struct {
	address, path string
	headers       []string // beside those that a browser sends; "Name: value"
	status        int
}

// request makes the GET as a browser sends it. All contestants get the same headers, apart
// from what makes the difference.
func (t target) request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+t.path, nil)
	if err != nil {
		return nil, err
	}
	r.Host = host
	for _, header := range append([]string{
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"Accept-Language: en-GB,en;q=0.9",
		"Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Dest: document",
	}, t.headers...) {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	return r, nil
}

// newTransport returns a client of at most so many connections, which stay open.
func newTransport(connections int) *http.Transport {
	return &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}
}

// ask sends a request and returns the body of the answer.
func (t target) ask(transport *http.Transport, r *http.Request) ([]byte, error) {
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != t.status {
		err = fmt.Errorf("an answer has the status %d, want %d: %.200s", answer.StatusCode, t.status, body)
	}
	return body, err
}

// askOnce sends the request on a connection of its own.
func (t target) askOnce(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := t.request(ctx)
	if err != nil {
		return nil, err
	}
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	return t.ask(transport, r)
}

// task is what a worker does again and again.
type task func(ctx context.Context) error

// asking returns the task of sending the request, on one of the connections of a client.
func (t target) asking(transport *http.Transport) task {
	return func(ctx context.Context) error {
		r, err := t.request(ctx)
		if err == nil {
			_, err = t.ask(transport, r)
		}
		return err
	}
}

// work is what some workers have done.
type work struct {
	done      float64
	took      time.Duration
	latencies *hdrhistogram.Histogram // in microseconds
}

// during has workers repeat a task until the time is over.
func (t task) during(ctx context.Context, workers int, slice time.Duration) (work, error) {
	end := time.Now().Add(slice)
	return t.repeat(ctx, workers, slice, func(_ int, now time.Time) bool { return now.Before(end) })
}

// times has one worker repeat a task so many times.
func (t task) times(ctx context.Context, n int) error {
	_, err := t.repeat(ctx, 1, timeout, func(done int, _ time.Time) bool { return done < n })
	return err
}

// repeat has workers repeat a task, each as long as more says so.
func (t task) repeat(ctx context.Context, workers int, slice time.Duration, more func(done int, now time.Time) bool) (work, error) {
	ctx, cancel := context.WithTimeout(ctx, slice+timeout)
	defer cancel()
	crew, ctx := errgroup.WithContext(ctx)
	parts := make([]*hdrhistogram.Histogram, workers)
	began := time.Now()
	for i := range parts {
		parts[i] = hdrhistogram.New(1, time.Minute.Microseconds(), 3)
		crew.Go(func() error {
			for now, done := time.Now(), 0; more(done, now); done++ {
				if err := t(ctx); err != nil {
					return err
				}
				then := now
				now = time.Now()
				if err := parts[i].RecordValue(now.Sub(then).Microseconds()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := crew.Wait()
	for _, part := range parts[1:] {
		parts[0].Merge(part)
	}
	return work{float64(parts[0].TotalCount()), time.Since(began), parts[0]}, err
}
