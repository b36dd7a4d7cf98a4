package instagramauth

import (
	"maps"
	"net/http"
)

// verdict is a ResponseWriter that holds back a success of the site's, of which only
// the status counts, and lets everything else through as it is.
type verdict struct {
	w      http.ResponseWriter
	header http.Header // the site's, until they are let through
	status int         // of a success; 0 before it
	passed bool        // the site's own answer is on its way
}

func (d *verdict) Header() http.Header { return d.header }

func (d *verdict) WriteHeader(status int) {
	switch {
	case d.status != 0 || d.passed || status < 200:
	case status < 300:
		d.status = status
	default:
		d.passed = true
		maps.Copy(d.w.Header(), d.header)
		d.w.WriteHeader(status)
	}
}

func (d *verdict) Write(b []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	if d.passed {
		return d.w.Write(b)
	}
	return len(b), nil
}

// Flush has nothing to do: a success goes nowhere, and a refusal is short.
func (d *verdict) Flush() {}
