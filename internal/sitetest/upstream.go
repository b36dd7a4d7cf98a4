package sitetest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Upstream is a site behind Caddy that records the requests that reach it.
type Upstream struct {
	Addr string

	mu       sync.Mutex
	requests []*http.Request
	Answer   http.HandlerFunc
}

// NewUpstream starts an upstream.
func NewUpstream(t *testing.T) *Upstream {
	u := &Upstream{}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.Addr = server.Listener.Addr().String()
	return u
}

// ServeHTTP records a request and answers it.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := new(bytes.Buffer)
	_, _ = body.ReadFrom(r.Body)
	u.mu.Lock()
	u.requests = append(u.requests, r.Clone(r.Context()))
	answer := u.Answer
	u.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	fmt.Fprintf(w, "hello %s", r.Header.Get("X-Instagram-Username"))
}

// Respond changes what the upstream answers.
func (u *Upstream) Respond(answer http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Answer = answer
}

// Count returns how many requests have reached the upstream.
func (u *Upstream) Count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.requests)
}

// All returns the requests that have reached the upstream.
func (u *Upstream) All() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// Last returns the last request that reached the upstream.
func (u *Upstream) Last(t *testing.T) *http.Request {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.requests) == 0 {
		t.Fatal("nothing has reached the upstream")
	}
	return u.requests[len(u.requests)-1]
}
