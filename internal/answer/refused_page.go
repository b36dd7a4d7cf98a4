package answer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A refused callback would leave its code and state in the address bar, and a reload would say
// that the login is used instead of what was wrong. So its page moves the browser at once to an
// address that shows the same page again. The first response has the refusal's status and body,
// so a program sees no difference.

// paramNote is the parameter of that address with the refusal to show. It is encrypted and valid
// for ten minutes, so a link cannot show a refusal that this site has not made.
const paramNote = "note"

// note is the content of paramNote.
type note struct {
	Code      refusal.Code `json:"c"`
	RequestID string       `json:"r,omitempty"` // of the request that was refused, as in the log
	Missing   []string     `json:"m,omitempty"`
	User      string       `json:"u,omitempty"` // the account without access, or of the session that goes on
	NotListed bool         `json:"l,omitempty"`
	Account   string       `json:"a,omitempty"` // the account that is signed in, if another one came
	Retry     int64        `json:"t,omitempty"` // when to try again, in Unix seconds
}

// leaveCallback makes a browser leave the address of a refused callback. Refusals that a reload
// can solve stay where they are.
func (a *Writer) leaveCallback(v *request.State, r *Refusal, reply refusal.Reply) {
	onCallback := r.Astray || a.Paths.IsCallbackPath(v.OriginalURL.Path)
	if r.KeepsLogin || v.OriginalURL.RawQuery == "" || !onCallback || !v.Audience().SeesPages() {
		return
	}
	switch reply.Code {
	case refusal.TooEarly, refusal.TooMany, refusal.StoreUnavailable, refusal.Method:
		return
	}
	n := note{Code: reply.Code, RequestID: telemetry.RequestID(v.R), Missing: reply.Missing, User: reply.User, NotListed: reply.NotListed, Account: reply.Account}
	if reply.RetryAfter > 0 {
		n.Retry = a.Now().Add(reply.RetryAfter).Unix()
	}
	text, err := json.Marshal(n)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	sealed, err := a.Cookies.SealNote(string(text))
	if err != nil {
		a.Telemetry.NotifySampled(telemetry.NoticeRefusalNotMoved, "", err, a.Telemetry.RequestFields(v.R)...)
		return
	}
	page := a.Paths.Of(address.Refused) + "?" + paramNote + "=" + sealed
	if returnTo := returnOf(reply.LoginURL); returnTo != "" {
		page += "&" + address.ParamReturnTo + "=" + url.QueryEscape(returnTo)
	}
	v.W.Header().Set("Refresh", "0; url="+page)
}

// returnOf returns the page that a sign-in link leads back to, "" if it names none.
func returnOf(loginURL string) string {
	login, err := url.Parse(loginURL)
	if err != nil {
		return ""
	}
	return login.Query().Get(address.ParamReturnTo)
}

// Refused returns the refusal that the note in the request's address describes. Without a valid
// note it is that of an expired login.
func (a *Writer) Refused(v *request.State) error {
	if err := Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	query := v.OriginalURL.Query() // skips what does not parse
	returnTo := a.Paths.Safe(query.Get(address.ParamReturnTo))
	reply := refusal.Reply{Code: refusal.LoginExpired}
	var n note
	text, ok := a.Cookies.OpenNote(query.Get(paramNote))
	if ok && json.Unmarshal([]byte(text), &n) == nil && n.Code.Status() != 0 {
		reply.Code, reply.RequestID, reply.Missing = n.Code, n.RequestID, n.Missing
		reply.User, reply.NotListed, reply.Account = n.User, n.NotListed, n.Account
		if n.Retry != 0 {
			reply.RetryAfter = max(time.Second, time.Unix(n.Retry, 0).Sub(a.Now()))
		}
	}
	reply.LoginURL = a.LoginURLFor(reply.Code, returnTo)
	return &Refusal{Reply: reply, repeated: true}
}
