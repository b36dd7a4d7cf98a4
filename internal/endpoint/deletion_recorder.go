package endpoint

import (
	"maps"
	"net/http"
)

// deletionRecorder is a ResponseWriter that records whether the site accepted a callback. It
// discards a successful response unless through is set: only its status counts. Other responses go
// to the client as they are.
type deletionRecorder struct {
	w      http.ResponseWriter
	header http.Header // of the site's response, before it is sent

	through bool // send successful responses, too
	status  int  // 0 before there is one
	passed  bool // the site's response has been sent
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

// Flush does nothing: a success is discarded, and other responses are short.
func (d *deletionRecorder) Flush() {}
