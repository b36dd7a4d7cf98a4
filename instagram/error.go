package instagram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind says in what way a call failed.
type Kind int

const (
	// Refused: Instagram answered with an error object; the code, the secret, the
	// redirect URI or a permission is not accepted.
	Refused Kind = iota + 1
	// BadAnswer: a status of 500 or more, a redirect, something that is not JSON,
	// broken or too large.
	BadAnswer
	// BadProfile: a user node that cannot be used.
	BadProfile
	// TimedOut: no answer in time.
	TimedOut
	// Unreachable: no connection, or none that can be trusted.
	Unreachable
)

// Endpoint names what was called.
type Endpoint string

const (
	TokenEndpoint     Endpoint = "token"
	UserEndpoint      Endpoint = "user"
	LongLivedEndpoint Endpoint = "long-lived token"
	RefreshEndpoint   Endpoint = "refresh"
)

// Error is a call that failed. Its text has no URL and no secret in it, and
// Instagram's own words only quoted and cut.
type Error struct {
	Kind     Kind
	Endpoint Endpoint
	Status   int // of the answer; 0 without one

	// What Instagram says, in either of its two shapes.
	Code, Subcode int
	Type, Message string
	TraceID       string

	// RetryAfter is when Instagram wants to be asked again; 0 if it does not say.
	RetryAfter time.Duration
	// Err is the cause where Instagram says nothing itself.
	Err error
}

const maxMessage = 200 // bytes of Instagram's words that are kept [T6]

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asking instagram's %s endpoint", e.Endpoint)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Message != "" || e.Code != 0 {
		fmt.Fprintf(&b, ": code %d, subcode %d, type %+q, message %+q, trace %+q", e.Code, e.Subcode, e.Type, e.Message, e.TraceID)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", cut(e.Err.Error()))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether asking again later makes sense.
func (e *Error) Temporary() bool {
	if e.Kind == TimedOut || e.Kind == Unreachable || e.Status >= 500 {
		return true
	}
	// 1 and 2 are faults of Instagram's that pass.
	return e.Kind == Refused && (e.Code == 1 || e.Code == 2) || e.RateLimited()
}

// RateLimited reports whether the app or the person has asked too often.
func (e *Error) RateLimited() bool {
	switch e.Code {
	case 4, 17, 32, 613:
		return e.Kind == Refused
	}
	return e.Status == http.StatusTooManyRequests
}

// InvalidToken reports whether Instagram no longer accepts the access token: it has
// expired, the person has removed the app or changed their password, or it was
// invalidated for another reason.
func (e *Error) InvalidToken() bool { return e.Kind == Refused && e.Code == 190 }

// OfOnePerson reports whether a failure says nothing about calls for other people.
func (e *Error) OfOnePerson() bool {
	if e.Kind == Refused && (e.Code == 17 || e.Code == 32) {
		return true // the rate limit of an account
	}
	return !e.Temporary()
}

// errorAnswer is both shapes of an error object: that of the authorization
// endpoints and that of the graph.
type errorAnswer struct {
	Type    string `json:"error_type"`
	Code    code   `json:"code"`
	Message string `json:"error_message"`
	Error   *struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    code   `json:"code"`
		Subcode code   `json:"error_subcode"`
		TraceID string `json:"fbtrace_id"`
	} `json:"error"`
}

// read completes e from an answer and returns it, or nil if the answer tells of no
// error. An error object counts with whatever status it comes.
func (e *Error) read(body []byte) error {
	var answer errorAnswer
	err := unmarshalObject(body, &answer)
	switch {
	case err == nil && answer.Error != nil:
		e.Code, e.Subcode = int(answer.Error.Code), int(answer.Error.Subcode)
		e.Type, e.Message, e.TraceID = cut(answer.Error.Type), cut(answer.Error.Message), cut(answer.Error.TraceID)
	case err == nil && (answer.Type != "" || answer.Message != ""):
		e.Code, e.Type, e.Message = int(answer.Code), cut(answer.Type), cut(answer.Message)
	case e.Status == http.StatusOK && err == nil:
		return nil
	default:
		e.Err = errBroken
		return e
	}
	if e.Status < 500 {
		e.Kind = Refused
	}
	return e
}

func cut(s string) string { return s[:min(len(s), maxMessage)] }

// retryAfter reads from an answer's headers when to ask again.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, time.Hour)
	}
	var usage struct {
		Minutes int `json:"estimated_time_to_regain_access"`
	}
	if json.Unmarshal([]byte(header.Get("X-App-Usage")), &usage) == nil && usage.Minutes > 0 {
		return min(time.Duration(usage.Minutes)*time.Minute, time.Hour)
	}
	// By business use case there is a list for each account.
	var cases map[string][]struct {
		Minutes int `json:"estimated_time_to_regain_access"`
	}
	var longest time.Duration
	if json.Unmarshal([]byte(header.Get("X-Business-Use-Case-Usage")), &cases) == nil {
		for _, list := range cases {
			for _, entry := range list {
				longest = max(longest, time.Duration(entry.Minutes)*time.Minute)
			}
		}
	}
	return min(longest, time.Hour)
}
