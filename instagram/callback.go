package instagram

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxCallbackQuery is the length of the longest query that ParseCallback reads, in bytes. [C2]
const MaxCallbackQuery = 4096

const maxCode = 1024 // bytes [C2]

// A Callback is what Instagram sends a visitor back with to the redirect URI: a code, or an error.
type Callback struct {
	// State is that of the authorization. Instagram sometimes leaves it out of an error.
	State string
	// Code is exchanged for a token. It is empty if the authorization has failed.
	Code string

	Failed      bool
	Fault       string // the parameter error
	Reason      string // the parameter error_reason
	Number      int    // the parameter error_code, which Facebook's windows send
	Description string // the parameter error_description or error_message
}

// ParseCallback reads the query of a callback. stateLength is the length of the states that the
// caller gives to its authorizations. A query in which anything is odd is refused as a whole,
// before any of it is believed; further parameters are ignored. [C2, C5]
func ParseCallback(query string, stateLength int) (q Callback, ok bool) {
	if len(query) > MaxCallbackQuery {
		return q, false
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return q, false
	}
	for name, list := range values {
		for _, s := range append(list, name) {
			if strings.ContainsAny(s, "\x00\r\n") {
				return q, false
			}
		}
	}
	code, hasCode, okCode := single(values, "code")
	fault, hasFault, okFault := single(values, "error")
	number, hasNumber, okNumber := single(values, "error_code")
	message, hasMessage, okMessage := single(values, "error_message")
	failed := hasFault || hasNumber || hasMessage
	if !okCode || !okFault || !okNumber || !okMessage || hasCode == failed || len(values["state"]) > 1 {
		return q, false
	}
	state := TrimFragment(values.Get("state"))
	q = Callback{State: state, Code: TrimFragment(code), Failed: failed, Fault: TrimFragment(fault)}
	q.Reason = TrimFragment(values.Get("error_reason"))
	q.Description = TrimFragment(cmp.Or(values.Get("error_description"), message))
	q.Number, _ = strconv.Atoi(TrimFragment(number)) // no number is no number that anybody knows
	// A state that is missing is a login that is unknown, not an odd query:
	// Instagram itself leaves it out at times. [C1]
	return q, (state == "" || len(state) == stateLength && isState(state)) && (failed || isCode(q.Code))
}

// fragment matches what Instagram (#_) and Facebook (#_=_) append to the address, also encoded.
var fragment = regexp.MustCompile(`(#|%23)(_|%5[Ff])((=|%3[Dd])(_|%5[Ff]))?$`)

// TrimFragment returns a parameter of a callback without the #_ that Instagram appends to the
// address, and that is no part of the value.
func TrimFragment(value string) string { return fragment.ReplaceAllString(value, "") }

// single returns a parameter that may stand in a query once, and not empty. ok is
// false if it stands there in another way.
func single(values url.Values, name string) (value string, present, ok bool) {
	list := values[name]
	if len(list) == 0 {
		return "", false, true
	}
	return list[0], true, len(list) == 1 && list[0] != ""
}

func isState(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' })
}

func isCode(s string) bool {
	return s != "" && len(s) <= maxCode && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_.~%#-", r)
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// Cancelled reports whether the visitor pressed Cancel, as opposed to Instagram
// refusing the account or the app: that has the same name, and words of its own.
func (q *Callback) Cancelled() bool {
	return q.Fault == "access_denied" && (q.Reason == "" || q.Reason == "user_denied") && q.inWords().Remedy() == ""
}

// Temporary reports whether a fault of Instagram's passes. [RFC 6749, 4.1.2.1]
func (q *Callback) Temporary() bool {
	return q.Fault == "server_error" || q.Fault == "temporarily_unavailable" || q.AsError().Temporary()
}

// AsError returns what came back as an error of the window.
func (q *Callback) AsError() *Error {
	failure := q.inWords()
	failure.Code = q.Number
	return failure
}

// inWords is AsError without the number, which Facebook's windows also send with a cancellation.
func (q *Callback) inWords() *Error {
	words := q.Description + " " + strings.ReplaceAll(q.Reason, "_", " ")
	return &Error{Kind: Refused, Endpoint: WindowEndpoint, Type: q.Fault, Message: words}
}

// Words returns what Instagram says, for a person.
func (q *Callback) Words() string {
	said := []string{strings.ReplaceAll(q.Fault, "_", " "), strings.ReplaceAll(q.Reason, "_", " "), q.Description}
	return strings.Join(slices.DeleteFunc(said, func(text string) bool { return text == "" }), ": ")
}

// A WindowError is an error that the authorization window has sent a visitor back with.
type WindowError struct{ Callback }

// Error returns Instagram's words for the log, quoted and cut. They may repeat the state. [P1]
func (e *WindowError) Error() string {
	quote := func(s string) string { return fmt.Sprintf("%+q", Masked(s, e.State)) }
	text := fmt.Sprintf("Instagram sent back error %s, reason %s, description %s", quote(e.Fault), quote(e.Reason), quote(e.Description))
	if e.Number != 0 {
		text += fmt.Sprintf(", number %d", e.Number)
	}
	return text
}

// OfVisitor reports whether the visitor's account is the reason.
func (e *WindowError) OfVisitor() bool { return e.Cancelled() || e.AsError().OfVisitor() }

// Remedy tells the operator what to change; somebody who has cancelled asks for nothing.
func (e *WindowError) Remedy() string {
	switch {
	case e.Cancelled():
		return ""
	case e.Temporary():
		return remedyForWindowFault
	}
	return cmp.Or(e.AsError().Remedy(), remedyForWindow)
}

const (
	// remedyForWindow is for words that nobody knows.
	remedyForWindow = "the account may be a personal one (only business and creator accounts can sign in with instagram_login), " +
		"or the app may be in development mode and the account is not one of its testers; check the account type and the app's roles at Meta"

	remedyForWindowFault = "Instagram failed: nothing to change here, try again later; if it lasts, see the status page of Meta's platform"
)
