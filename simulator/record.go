package simulator

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

const (
	// maxBody is the most that is read of a request's body, in bytes.
	maxBody = 64 << 10

	// maxRecorded is how many requests to one endpoint are kept. The count goes on beyond it.
	maxRecorded = 1000
)

// Recorded is a request as it arrived, before it was answered. It contains what the
// client sent, secrets included: it is meant for tests.
type Recorded struct {
	Method string
	URL    string // path and query as in the request line
	Host   string
	Header http.Header
	Body   string
}

// record is what is remembered of the requests to one endpoint.
type record struct {
	calls    int
	requests []Recorded
}

// Calls returns how many requests the endpoint has received since the start or the
// last ResetCalls, faults included.
func (s *Simulator) Calls(endpoint Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[endpoint]; r != nil {
		return r.calls
	}
	return 0
}

// Requests returns the requests that the endpoint has received since the start or
// the last ResetCalls, oldest first; of more than 1,000 the last 1,000.
func (s *Simulator) Requests(endpoint Endpoint) []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[endpoint]; r != nil {
		return slices.Clone(r.requests)
	}
	return nil
}

// ResetCalls forgets all counts and recorded requests. Codes, tokens and faults stay.
func (s *Simulator) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.records)
}

// receive counts and records a request. The body is read here, once, and given back
// to the request. It answers and returns false where the body is too large or broken.
func (s *Simulator) receive(endpoint Endpoint, w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	s.remember(endpoint, Recorded{
		Method: r.Method, URL: r.URL.RequestURI(), Host: r.Host, Header: r.Header.Clone(), Body: string(body),
	})
	if err != nil {
		// Inferred: no limit is documented; nothing that a login sends comes near it.
		writeOAuthError(w, http.StatusRequestEntityTooLarge, "Request body is too large")
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// remember adds a request to an endpoint's record.
func (s *Simulator) remember(endpoint Endpoint, request Recorded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[endpoint]
	if r == nil {
		r = new(record)
		s.records[endpoint] = r
	}
	r.calls++
	if len(r.requests) == maxRecorded {
		r.requests = slices.Delete(r.requests, 0, 1)
	}
	r.requests = append(r.requests, request)
}
