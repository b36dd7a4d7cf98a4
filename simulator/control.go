package simulator

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// endpoints lists all endpoints, in the order in which a login meets them.
var endpoints = []Endpoint{Window, Token, UserNode, Media, LongLived, Refresh, Redirected}

// serveControl answers what is below /simulator/: it lets people and programs outside
// this process do what the methods of Simulator do. Nothing of it is Instagram's.
//
//	POST /simulator/fault    endpoint, kind, delay, times, status, content_type, body: Misbehave; no kind ends it
//	GET  /simulator/calls    the counts as a JSON object
//	POST /simulator/reset    ends all faults and forgets the counts
//	POST /simulator/remove   user: RemoveApp, its result as JSON
//	POST /simulator/rename   user, to: Rename
//	POST /simulator/state    state: SetState
//	GET  /simulator/media/…  the pictures of the media endpoint
func (s *Simulator) serveControl(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/simulator/")
	if path == "redirected" {
		// The place that a client must never come to, whatever the method. [T2]
		if s.receive(Redirected, w, r) {
			writeHTML(w, http.StatusOK, "A redirect was followed")
		}
		return
	}
	// What changes something takes POST, so that no link or prefetch does it.
	methods := map[string]string{
		"fault": http.MethodPost, "reset": http.MethodPost, "remove": http.MethodPost, "rename": http.MethodPost, "state": http.MethodPost,
		"calls": http.MethodGet,
	}
	picture, isPicture := strings.CutPrefix(path, "media/")
	if isPicture {
		methods[path] = http.MethodGet
	}
	if methods[path] == "" {
		controlError(w, http.StatusNotFound, "there is no such address")
		return
	}
	if r.Method != methods[path] {
		w.Header().Set("Allow", methods[path])
		controlError(w, http.StatusMethodNotAllowed, "this address takes "+methods[path])
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		controlError(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	switch path {
	case "fault":
		controlDone(w, s.controlFault(r.PostForm))
	case "calls":
		var counts object
		for _, endpoint := range endpoints {
			counts = append(counts, member{string(endpoint), s.Calls(endpoint)})
		}
		writeJSON(w, http.StatusOK, counts)
	case "reset":
		for _, endpoint := range endpoints {
			s.Misbehave(endpoint, Fault{})
		}
		s.ResetCalls()
		w.WriteHeader(http.StatusNoContent)
	case "rename":
		controlDone(w, s.Rename(r.PostForm.Get("user"), r.PostForm.Get("to")))
	case "state":
		controlDone(w, s.SetState(AppState(r.PostForm.Get("state"))))
	case "remove":
		s.controlRemove(w, r)
	default:
		servePicture(w, picture)
	}
}

// controlError answers in a form of its own: it is no error of Instagram's.
func controlError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, object{{"error", text}})
}

// controlDone answers that something was done, or why it was not.
func controlDone(w http.ResponseWriter, err error) {
	if err != nil {
		controlError(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// controlFault sets a fault as a form says it. A field that makes no sense is an
// error: a fault that was mistyped would let a test pass.
func (s *Simulator) controlFault(form url.Values) (err error) {
	endpoint, fault := Endpoint(form.Get("endpoint")), Fault{Kind: FaultKind(form.Get("kind"))}
	if !slices.Contains(endpoints, endpoint) {
		return errors.New("endpoint: there is none of this name")
	}
	if fault.Kind != "" && !slices.Contains(faultKinds, fault.Kind) {
		return errors.New("kind: there is none of this name")
	}
	// A header cannot be set this way: no demonstration needs one.
	fault.ContentType, fault.Body = form.Get("content_type"), form.Get("body")
	if text := form.Get("delay"); text != "" {
		if fault.Delay, err = time.ParseDuration(text); err != nil || fault.Delay < 0 {
			return errors.New("delay: not a valid duration; try 500ms or 3s")
		}
	}
	for name, number := range map[string]*int{"times": &fault.Times, "status": &fault.Status} {
		if text := form.Get(name); text != "" {
			if *number, err = strconv.Atoi(text); err != nil || *number < 0 || *number > 1_000_000 {
				return errors.New(name + ": is no number that can be used")
			}
		}
	}
	if fault.Status != 0 && (fault.Status < 200 || fault.Status > 599) {
		return errors.New("status: is not between 200 and 599")
	}
	s.Misbehave(endpoint, fault)
	return nil
}

// controlRemove removes the app from an account and tells what became of it.
func (s *Simulator) controlRemove(w http.ResponseWriter, r *http.Request) {
	removal, err := s.RemoveApp(r.Context(), r.PostForm.Get("user"))
	if err != nil {
		controlError(w, http.StatusBadRequest, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, object{
		{"username", removal.Username}, {"tokens", removal.Tokens},
		{"deauthorize", removal.Deauthorize.Text()}, {"data_deletion", removal.DataDeletion.Text()},
		{"confirmation_code", removal.DataDeletion.ConfirmationCode}, {"status_url", removal.DataDeletion.StatusURL},
	})
}
