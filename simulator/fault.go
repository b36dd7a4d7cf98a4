package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// FaultKind names a way to misbehave.
type FaultKind string

// The kinds of fault. Where a kind speaks of the honest answer, the request is really
// carried out: a code is used up although the client learns little of it.
const (
	Delay             FaultKind = "delay"               // waits, then answers honestly
	Hang              FaultKind = "hang"                // accepts and never answers, until the client leaves or Close
	Reset             FaultKind = "reset"               // resets the connection instead of answering
	CutOff            FaultKind = "cut_off"             // sends half of the honest answer and drops the connection
	Status500         FaultKind = "status_500"          // 500 with a JSON error that says "try again"
	Status502         FaultKind = "status_502"          // 502 with the HTML of some proxy
	Status503         FaultKind = "status_503"          // 503 with the HTML of some proxy, and Retry-After
	HTML              FaultKind = "html"                // 200 with a page instead of JSON
	Truncated         FaultKind = "truncated"           // half of the honest answer, as if it were all
	Huge              FaultKind = "huge"                // JSON that does not end
	WrongTypes        FaultKind = "wrong_types"         // the right members with values of the wrong type
	Redirect          FaultKind = "redirect"            // 307 to another address
	RateLimit         FaultKind = "rate_limit"          // error 4, with the headers that say when to come back
	RateLimitBusiness FaultKind = "rate_limit_business" // error 80002, Instagram's own limit for one account, with its header
	PageUnavailable   FaultKind = "page_unavailable"    // the window's page "Sorry, this page isn't available."
	SessionInvalid    FaultKind = "session_invalid"     // the window's page "Session Invalid"
	ErrorRedirect     FaultKind = "error_redirect"      // the window redirects to its error page, with the message in Fault.Body
	SendBack          FaultKind = "send_back"           // the window sends the person back with the query in Fault.Body
	GzipBomb          FaultKind = "gzip_bomb"           // a few KB that unpack to 32 MB of JSON
	OneBytePerSecond  FaultKind = "one_byte_per_second" // the honest answer, slowly
	Answer            FaultKind = "answer"              // the status, type, header and body that the fault says
)

// faultKinds lists all kinds, for those that come as text.
var faultKinds = []FaultKind{
	Delay, Hang, Reset, CutOff, Status500, Status502, Status503, HTML, Truncated, Huge, WrongTypes, Redirect,
	RateLimit, RateLimitBusiness, PageUnavailable, SessionInvalid, ErrorRedirect, SendBack, GzipBomb, OneBytePerSecond, Answer,
}

// Fault is a way for an endpoint to misbehave. The zero value is none.
type Fault struct {
	Kind FaultKind

	// Delay is waited before anything is answered, with every kind. Default: none.
	Delay time.Duration

	// Times is how many requests meet the fault before answers are honest again. Default: all.
	Times int

	// Status, ContentType, Header and Body are what Answer answers. Default: 200,
	// application/json, no header, no body. Redirect takes its status and its Location from here
	// too; its defaults are 307 and an address that counts as Redirected. The two rate limits and
	// the window's pages take their status, by default 400, and ErrorRedirect, by default 302.
	// ErrorRedirect takes its message from Body, in whatever language. SendBack takes its query
	// from Body, such as "error=server_error"; the request's state comes behind it.
	Status      int
	ContentType string
	Header      http.Header
	Body        string
}

// Misbehave makes an endpoint misbehave until it is told otherwise; Fault{} ends it.
// Requests already being answered are not affected.
func (s *Simulator) Misbehave(endpoint Endpoint, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault.Kind == "" {
		delete(s.faults, endpoint)
		return
	}
	fault.Header = fault.Header.Clone()
	s.faults[endpoint] = fault
}

// nextFault returns the fault that the next request to an endpoint meets, if any.
func (s *Simulator) nextFault(endpoint Endpoint) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault, ok := s.faults[endpoint]
	if !ok || fault.Times <= 0 { // it stays
		return fault, ok
	}
	left := fault
	if left.Times--; left.Times == 0 {
		delete(s.faults, endpoint)
	} else {
		s.faults[endpoint] = left
	}
	return fault, true
}

// pause waits, and returns false if the client left or the simulator was closed.
func (s *Simulator) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}

// misbehave answers a request with a fault. handle gives the honest answer.
func (s *Simulator) misbehave(f Fault, handle http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if f.Delay > 0 && !s.pause(r, f.Delay) {
		// Returning would send an empty 200.
		panic(http.ErrAbortHandler)
	}
	switch f.Kind {
	case Delay:
		handle(w, r)
	case Hang:
		s.hang(r)
	case Reset:
		reset(w)
	case CutOff, Truncated, OneBytePerSecond:
		s.maul(f.Kind, capture(handle, r), w, r)
	case Status500:
		writeGraphError(w, graphError{Status: http.StatusInternalServerError, Code: 2, Message: "An unexpected error has occurred. Please retry your request later."})
	case Status502:
		writeHTML(w, http.StatusBadGateway, "Bad gateway")
	case Status503:
		w.Header().Set("Retry-After", "30")
		writeHTML(w, http.StatusServiceUnavailable, "Service unavailable")
	case HTML:
		writeHTML(w, http.StatusOK, "This page is not available")
	case Huge:
		s.writeEndless(w)
	case GzipBomb:
		writeBomb(w)
	case WrongTypes:
		writeWrongTypes(w)
	case Redirect:
		f.redirect(w, r)
	case RateLimit:
		w.Header().Set("X-App-Usage", `{"call_volume":100,"cpu_time":25}`)
		f.rateLimit(w, s.config.Users[0].ID, graphError{Code: 4, Message: "(#4) Application request limit reached"})
	case RateLimitBusiness:
		f.rateLimit(w, s.config.Users[0].ID, graphError{
			Code: 80002, Subcode: 2446079, Message: "(#80002) This Instagram account has made too many calls. Wait a while and try again.",
		})
	case PageUnavailable:
		s.showProblem(w, r, cmp.Or(f.Status, s.config.WindowErrorStatus), "Sorry, this page isn't available.")
	case SessionInvalid:
		s.showProblem(w, r, cmp.Or(f.Status, s.config.WindowErrorStatus), "Session Invalid")
	case ErrorRedirect:
		w.Header().Set("Location", errorPath+"?message="+url.QueryEscape(f.Body))
		w.WriteHeader(cmp.Or(f.Status, http.StatusFound))
	case SendBack:
		s.sendBack(f, w, r)
	case Answer:
		f.answer(w)
	default:
		http.Error(w, fmt.Sprintf("simulator: there is no fault %q", f.Kind), http.StatusNotImplemented)
	}
}

// errorPath is the window's error page. Seen live in 2026, in the language of the person.
const errorPath = "/oauth/authorize/third_party/error/"

// serveErrorPage shows the message of the address, as the window's other errors are shown.
func (s *Simulator) serveErrorPage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeOAuthError(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	s.showProblem(w, r, s.config.WindowErrorStatus, only(r.URL.Query(), "message"))
}

// sendBack ends the window with an error for the app, if its redirect URI is registered.
func (s *Simulator) sendBack(f Fault, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a := authorization{redirectURI: only(query, "redirect_uri"), state: only(query, "state")}
	if !slices.Contains(s.config.App.RedirectURIs, a.redirectURI) {
		s.refuseParameters(w, r, "Invalid redirect_uri")
		return
	}
	redirect(w, a, f.Body, "")
}

// redirect answers with a redirect that keeps the method and the body: a client that
// follows it sends its secrets elsewhere. [T2]
func (f Fault) redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", cmp.Or(f.Header.Get("Location"), "/simulator/redirected?"+r.URL.RawQuery))
	w.WriteHeader(cmp.Or(f.Status, http.StatusTemporaryRedirect))
}

// rateLimit answers with one of the limits and the minutes until it ends.
func (f Fault) rateLimit(w http.ResponseWriter, id string, e graphError) {
	w.Header().Set("X-Business-Use-Case-Usage", `{"`+id+`":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":5}]}`)
	e.Status = f.Status
	writeGraphError(w, e)
}

func (f Fault) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", cmp.Or(f.ContentType, "application/json"))
	for name, values := range f.Header {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	_, _ = w.Write([]byte(f.Body)) // the client may have left
}
