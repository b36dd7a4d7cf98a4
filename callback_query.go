package instagramauth

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	maxCallbackQuery = 4096 // bytes [C2]
	maxCode          = 1024 // bytes [C2]
)

// callbackQuery is what Instagram sends back with a visitor: a code, or an error.
type callbackQuery struct {
	state, code string

	failed      bool
	fault       string // the parameter error
	reason      string // the parameter error_reason
	number      int    // the parameter error_code, which Facebook's windows send
	description string // the parameter error_description or error_message
}

// parseCallback takes the query of a callback apart. What is odd anywhere is
// refused as a whole, before any of it is believed; further parameters are
// ignored. [C2, C5]
func parseCallback(raw string) (q callbackQuery, ok bool) {
	if len(raw) > maxCallbackQuery {
		return q, false
	}
	values, err := url.ParseQuery(raw)
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
	state := withoutFragment(values.Get("state"))
	q = callbackQuery{state: state, code: withoutFragment(code), failed: failed, fault: withoutFragment(fault)}
	q.reason = withoutFragment(values.Get("error_reason"))
	q.description = withoutFragment(cmp.Or(values.Get("error_description"), message))
	q.number, _ = strconv.Atoi(withoutFragment(number)) // no number is no number that anybody knows
	// A state that is missing is a login that is unknown, not an odd query:
	// Instagram itself leaves it out at times. [C1]
	return q, (state == "" || isState(state)) && (failed || isCode(q.code))
}

// fragment matches what Instagram appends to its address, plain or encoded on its way. It is
// no part of a value.
// Facebook's windows append #_=_.
var fragment = regexp.MustCompile(`(#|%23)(_|%5[Ff])((=|%3[Dd])(_|%5[Ff]))?$`)

func withoutFragment(value string) string { return fragment.ReplaceAllString(value, "") }

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
	return len(s) == session.StateLength && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && r != '-' && r != '_'
	})
}

func isCode(s string) bool {
	return s != "" && len(s) <= maxCode && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_.~%#-", r)
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// cancelled reports whether the visitor pressed Cancel, as opposed to Instagram
// refusing the account or the app: that has the same name, and words of its own.
func (q *callbackQuery) cancelled() bool {
	return q.fault == "access_denied" && (q.reason == "" || q.reason == "user_denied") && q.inWords().Remedy() == ""
}

// temporary reports whether a fault of Instagram's passes. [RFC 6749, 4.1.2.1]
func (q *callbackQuery) temporary() bool {
	return q.fault == "server_error" || q.fault == "temporarily_unavailable" || q.asError().Temporary()
}

// asError returns what came back as an error of the window.
func (q *callbackQuery) asError() *instagram.Error {
	failure := q.inWords()
	failure.Code = q.number
	return failure
}

// inWords is asError without the number, which Facebook's windows also send with a
// cancellation.
func (q *callbackQuery) inWords() *instagram.Error {
	words := q.description + " " + strings.ReplaceAll(q.reason, "_", " ")
	return &instagram.Error{Kind: instagram.Refused, Endpoint: instagram.WindowEndpoint, Type: q.fault, Message: words}
}

// words returns what Instagram says, for a person.
func (q *callbackQuery) words() string {
	said := []string{strings.ReplaceAll(q.fault, "_", " "), strings.ReplaceAll(q.reason, "_", " "), q.description}
	return strings.Join(slices.DeleteFunc(said, func(text string) bool { return text == "" }), ": ")
}

// A windowError is an error that the authorization window has sent a visitor back with.
type windowError struct{ callbackQuery }

// Error returns Instagram's words for the log, quoted and cut. They may repeat the state. [P1]
func (e *windowError) Error() string {
	quote := func(s string) string { return fmt.Sprintf("%+q", instagram.Masked(s, e.state)) }
	text := fmt.Sprintf("instagram sent back error %s, reason %s, description %s", quote(e.fault), quote(e.reason), quote(e.description))
	if e.number != 0 {
		text += fmt.Sprintf(", number %d", e.number)
	}
	return text
}

// OfVisitor reports whether the visitor's account is the reason.
func (e *windowError) OfVisitor() bool { return e.cancelled() || e.asError().OfVisitor() }

// Remedy tells the operator what to change; somebody who has cancelled asks for nothing.
func (e *windowError) Remedy() string {
	switch {
	case e.cancelled():
		return ""
	case e.temporary():
		return remedyForWindowFault
	}
	return cmp.Or(e.asError().Remedy(), remedyForWindow)
}

const (
	// remedyForWindow is for words that nobody knows.
	remedyForWindow = "the account may be a personal one (only business and creator accounts can sign in with instagram_login), " +
		"or the app may be in development mode and the account no tester of it; check the account type and the app's roles at Meta"

	remedyForWindowFault = "instagram itself fails: nothing to change here, try again later; if it lasts, see the status page of Meta's platform"
)

// oddCallback says what is known of a query that is refused as a whole.
func oddCallback(raw string) error {
	odd := telemetry.NewCause("the query of the callback is not one that Instagram sends",
		"nothing to change for one visitor; if it happens to everybody, check that nothing in front of Caddy changes the query")
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxCallbackQuery || !values.Has("error") && !values.Has("error_description") && !values.Has("error_reason") {
		return odd
	}
	said := callbackQuery{state: values.Get("state"), fault: values.Get("error"), reason: values.Get("error_reason"), description: values.Get("error_description")}
	return fmt.Errorf("%w; %w", odd, &windowError{said})
}
