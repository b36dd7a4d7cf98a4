package instagram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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

var kinds = [...]string{Refused: "refused", BadAnswer: "bad_answer", BadProfile: "bad_profile", TimedOut: "timed_out", Unreachable: "unreachable"}

// String returns the name of a kind, in lower case with underscores.
func (k Kind) String() string { return kinds[k] }

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

const (
	maxMessage = 200 // bytes of Instagram's words that are kept [T6]

	// maxRetryAfter is how long Instagram is left alone at the most, whatever it says.
	maxRetryAfter = 24 * time.Hour
)

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
	switch e.Kind {
	case Refused:
		return e.Code == 17 || e.Code == 32 || !e.Temporary() // those two are limits of an account
	case BadProfile:
		return true
	}
	return false
}

// lacksPermission reports whether a permission is missing for what was asked.
func (e *Error) lacksPermission() bool {
	return e.Kind == Refused && (e.Code == 10 || e.Code >= 200 && e.Code <= 299)
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
func (e *Error) read(body []byte, secrets ...string) error {
	var answer errorAnswer
	err := unmarshalObject(body, &answer)
	safe := func(text string) string { return cut(without(text, secrets)) }
	switch {
	case err == nil && answer.Error != nil:
		e.Code, e.Subcode = int(answer.Error.Code), int(answer.Error.Subcode)
		e.Type, e.Message, e.TraceID = safe(answer.Error.Type), safe(answer.Error.Message), safe(answer.Error.TraceID)
	case err == nil && (answer.Type != "" || answer.Message != ""):
		e.Code, e.Type, e.Message = int(answer.Code), safe(answer.Type), safe(answer.Message)
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

// tellsASecret is how many characters of a secret are too many to be repeated.
const tellsASecret = 8

// without blanks out what a text repeats of secrets, be it escaped or cut off.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		for _, spelling := range []string{secret, url.QueryEscape(secret)} {
			text = blanked(text, spelling)
		}
	}
	return text
}

// blanked blanks out a secret, and what begins as it does.
func blanked(text, secret string) string {
	telling := secret[:min(len(secret), tellsASecret)]
	for at := 0; telling != ""; {
		found := strings.Index(text[at:], telling)
		if found < 0 {
			break
		}
		at += found
		end := at + len(telling)
		for end < len(text) && end-at < len(secret) && text[end] == secret[end-at] {
			end++
		}
		text = text[:at] + "***" + text[end:]
		at += len("***")
	}
	return text
}

// retryAfter reads from an answer's headers when to ask again.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 1e9))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(header.Get("Retry-After")); err == nil && time.Until(at) > 0 {
		return min(time.Until(at).Round(time.Second), maxRetryAfter)
	}
	var usage struct {
		Minutes int `json:"estimated_time_to_regain_access"`
	}
	if json.Unmarshal([]byte(header.Get("X-App-Usage")), &usage) == nil && usage.Minutes > 0 {
		return min(time.Duration(min(usage.Minutes, 1e6))*time.Minute, maxRetryAfter)
	}
	// By business use case there is a list for each account.
	var cases map[string][]struct {
		Minutes int `json:"estimated_time_to_regain_access"`
	}
	var longest time.Duration
	if json.Unmarshal([]byte(header.Get("X-Business-Use-Case-Usage")), &cases) == nil {
		for _, list := range cases {
			for _, entry := range list {
				longest = max(longest, time.Duration(min(entry.Minutes, 1e6))*time.Minute)
			}
		}
	}
	return min(longest, maxRetryAfter)
}
