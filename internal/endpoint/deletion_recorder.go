package endpoint

import (
	"maps"
	"net/http"
)

// deletionRecorder is a ResponseWriter that notes whether the site has accepted a callback. It holds
// back a success, of which only the status counts, unless that is to go through, too, and lets
// everything else through as it is.
type deletionRecorder struct {
	w      http.ResponseWriter
	header http.Header // the site's, until they are let through

	through bool // successes go through, too
	status  int  // 0 before there is one
	passed  bool // the site's own answer is on its way
}

func (r *deletionRecorder) Header() http.Header { return r.header }

func (r *deletionRecorder) WriteHeader(status int) {
	if r.status != 0 || status < 200 {
		return
	}
	if r.status = status; r.success() && !r.through {
		return
	}
	r.passed = true
	maps.Copy(r.w.Header(), r.header)
	r.w.WriteHeader(status)
}

func (r *deletionRecorder) success() bool { return r.status >= 200 && r.status < 300 }

func (r *deletionRecorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.passed {
		return r.w.Write(b)
	}
	return len(b), nil
}

// Flush has nothing to do: a success goes nowhere, and a refusal is short.
func (d *deletionRecorder) Flush() {}
