package refusal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Format is how a refusal is written.
type Format int

// The formats: a page for a person, JSON for a program.
const (
	Page Format = iota + 1
	JSON
)

// Reason says why a request with the code LoginRequired needs a sign-in, for programs.
type Reason string

// The reasons of a session that does not count.
const (
	ReasonNoSession  Reason = "no_session" // the request has no session cookie
	ReasonUnreadable Reason = "unreadable" // no session cookie opens: forged, cut, or of another key
	ReasonExpired    Reason = "expired"    // the session has reached its end
	ReasonIdle       Reason = "idle"       // the session was not used for too long
	ReasonSignedOut  Reason = "signed_out" // this one session was ended
	ReasonRevoked    Reason = "revoked"    // all sessions of the account or of everybody were ended
	ReasonTooOld     Reason = "too_old"    // the session is valid, and the page needs a more recent sign-in
)

// Reply is one refusal. All fields come from the handler: none holds text of a client, and of
// Instagram's answers only User, which is checked. [E2]
type Reply struct {
	Code      Code
	RequestID string
	Wants     Format
	// LoginURL is where the visitor can start again; a path of this site, or for BadHost an
	// address of another host of it. It is left out of pages whose refusal has no way on.
	LoginURL string
	// PageURL is the page to go on to, for SessionEnded, TooOld and CrossSitePost; a path of this
	// site.
	PageURL string
	// LogoutURL is the sign-out page, for CrossSite; a path of this site.
	LogoutURL string
	// Reason says why LoginRequired asks for a sign-in; "" for no reason. Only JSON has it.
	Reason Reason
	// Missing names the permissions, for MissingPermission; those of the configuration.
	Missing []string
	// User is the username of an account without access, for NoAccess, or of the session that
	// goes on, for Cancelled; "" if there is none or it is unknown. NotListed says that `allow`
	// lacks the account, rather than that `deny` has it.
	User      string
	NotListed bool
	// Account is the username of the account that is signed in, for OtherAccount; "" if its session
	// has ended. User is then the account that came instead, and SwitchURL where the visitor can
	// sign in with it; a path of this site.
	Account   string
	SwitchURL string
	// Allow lists the methods, for Method.
	Allow string
	// RetryAfter is the wait before another attempt. Statuses 429 and 503 say at least one second.
	RetryAfter time.Duration
	// AnyAccount says that personal accounts can sign in, too, so that no page says otherwise.
	AnyAccount bool
	// Elsewhere is what OtherBrowser offers on a page; nil for nothing.
	Elsewhere *Elsewhere
	// Head leaves the body out.
	Head bool
	// Look is how a page is shown.
	Look Look
}

// Write answers with the refusal: headers, status, body.
func (r Reply) Write(w http.ResponseWriter) {
	r.SetHeaders(w.Header())
	if r.Wants == Page {
		r.showPage(w)
		return
	}
	write(w, "application/json", r.Code.Status(), r.json(), r.Head)
}

// SetHeaders sets the headers that belong to the refusal whoever writes its body.
func (r Reply) SetHeaders(header http.Header) {
	SecurityHeaders(header)
	if r.Allow != "" {
		header.Set("Allow", r.Allow)
	}
	if r.Code.AsksForLogin() {
		header.Set("WWW-Authenticate", "Instagram")
	}
	status := r.Code.Status()
	if r.RetryAfter > 0 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		header.Set("Retry-After", strconv.FormatInt(r.seconds(), 10))
	}
}

// seconds returns RetryAfter in seconds, at least one.
func (r Reply) seconds() int64 { return max(1, int64((r.RetryAfter+time.Second-1)/time.Second)) }

func (r Reply) json() []byte {
	body, err := json.Marshal(struct {
		Error     Code     `json:"error"`
		Message   string   `json:"message"`
		Reason    Reason   `json:"reason,omitempty"`
		Missing   []string `json:"missing,omitempty"`
		LoginURL  string   `json:"login_url,omitempty"`
		RequestID string   `json:"request_id"`
	}{r.Code, r.Code.Text(), r.Reason, r.Missing, r.LoginURL, r.RequestID})
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(body, '\n')
}

func (r Reply) showPage(w http.ResponseWriter) {
	language := r.Look.language()
	words := language.Refusals[r.Code]
	view := View{
		Title: words.Title, Text: words.Text, Hint: words.Hint, Code: r.Code, Status: r.Code.Status(),
		Missing: language.inWords(r.Missing), RequestID: r.RequestID,
	}
	r.detail(&view)
	if address := r.wayOn(); words.Link != "" && (address != "" || r.reloads()) {
		view.Link, view.LinkURL = words.Link, address
	}
	if r.Code == OtherAccount && r.SwitchURL != "" {
		view.Other, view.OtherURL = language.SwitchAccount, r.SwitchURL
	}
	view.Elsewhere = r.Look.elsewhere(r.Elsewhere)
	// At least two seconds, for the plural.
	r.Look.show(w, errorFile, view.Status, draft{view, facts{user: r.User, account: r.Account, seconds: max(2, r.seconds())}}, r.Head)
}

// minutesFrom is the wait from which on it is told in minutes.
const minutesFrom = 3 * time.Minute

// detail changes the words of a refusal where more is known.
func (r Reply) detail(view *View) {
	language := r.Look.language()
	switch {
	case r.Code == ProviderRefused && r.AnyAccount:
		view.Hint = ""
	case r.Code == NoAccess && r.User != "" && r.NotListed:
		view.Text = language.NotListed
	case r.Code == NoAccess && r.User != "":
		view.Text = language.Denied
	case r.Code == Cancelled && r.User != "":
		view.Text = language.SignedIn
	case r.Code == OtherAccount && r.Account != "":
		view.Text = language.OtherThan
	case r.Code == LoginRequired && r.Look.Framed:
		view.Hint = language.Framed
	case r.Code == SignedOutHere:
	case strings.Contains(view.Text, "{seconds}"):
		if r.RetryAfter >= minutesFrom {
			view.Text = language.WaitMinutes
		}
	case r.RetryAfter >= minutesFrom:
		view.Text += " " + language.WaitMinutes
	case r.RetryAfter > 0:
		view.Text += " " + language.Wait
	}
}

// reloads reports whether a refusal is over when the same page is loaded again. The link of its
// page is empty and so leads to this address: it may have a code in it that the page must not
// repeat. [P3]
func (r Reply) reloads() bool {
	return r.Code == TooMany || r.Code == TooEarly || r.Code == StoreUnavailable
}

// wayOn returns where the link of the page leads, "" for nowhere.
func (r Reply) wayOn() string {
	switch {
	case r.reloads():
		return ""
	case r.Code == CrossSite:
		return r.LogoutURL
	case r.Code == SessionEnded, r.Code == TooOld, r.Code == CrossSitePost:
		return r.PageURL
	}
	return r.LoginURL
}

// write sends a response. A HEAD request gets the headers of a GET.
func write(w http.ResponseWriter, contentType string, status int, body []byte, head bool) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if !head {
		_, _ = w.Write(body) // the visitor may have gone
	}
}

// SecurityHeaders sets the headers of every page and JSON object of the handler. [E3]
func SecurityHeaders(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
}
