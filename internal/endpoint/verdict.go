package endpoint

import (
	"maps"
	"net/http"
)

// verdict is a ResponseWriter that notes whether the site has accepted a callback. It holds
// back a success, of which only the status counts, unless that is to go through, too, and lets
// everything else through as it is.
type verdict struct {
	w      http.ResponseWriter
	header http.Header // the site's, until they are let through

	through bool // successes go through, too
	status  int  // 0 before there is one
	passed  bool // the site's own answer is on its way
}

func (d *verdict) Header() http.Header { return d.header }

func (d *verdict) WriteHeader(status int) {
	if d.status != 0 || status < 200 {
		return
	}
	if d.status = status; d.success() && !d.through {
		return
	}
	d.passed = true
	maps.Copy(d.w.Header(), d.header)
	d.w.WriteHeader(status)
}

func (d *verdict) success() bool { return d.status >= 200 && d.status < 300 }

func (d *verdict) Write(b []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	if d.passed {
		return d.w.Write(b)
	}
	return len(b), nil
}

// Flush has nothing to do: a success goes nowhere, and a refusal is short.
func (d *verdict) Flush() {}
