package instagram

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	// BadAnswer: a status of 500 or more, a redirect, or no valid JSON of an acceptable size.
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

	// What Instagram says. Of an answer in an unknown shape, Message is the beginning.
	Code, Subcode int
	Type, Message string
	TraceID       string
	// Transient is Instagram's own word that the failure passes.
	Transient bool

	// RetryAfter is when Instagram wants to be asked again; 0 if it does not say.
	RetryAfter time.Duration
	// Err is the cause where Instagram says nothing itself.
	Err error
}

const (
	maxMessage = 200 // bytes of Instagram's words that are kept [T6]

	// maxRetryAfter is the longest wait that an answer of Instagram can ask for.
	maxRetryAfter = 24 * time.Hour
)

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "asking Instagram's %s endpoint", e.Endpoint)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Message != "" || e.Type != "" || e.Code != 0 {
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
	switch {
	case e.Kind == TimedOut || e.Kind == Unreachable || e.Transient || e.RateLimited() || e.distrustsAddress():
		return true
	case e.Kind == Refused:
		return e.Code == codeUnknown || e.Code == codeService || e.Code == codePolicy
	}
	return e.Status >= 500
}

// Error codes of the graph, by Meta's table of error codes unless a comment says otherwise.
const (
	codeUnknown      = 1
	codeService      = 2
	codeCapability   = 3
	codeAppLimit     = 4
	codePermission   = 10
	codeUserLimit    = 17
	codePageLimit    = 32
	codeParameter    = 100
	codeSessionKey   = 102
	codeAnonymous    = 104 // seen live: "An access token is required to request this resource."
	codeNotAccepted  = 190
	codeAppCallLimit = 341
	codePolicy       = 368
	codeCustomLimit  = 613
	codeNoObject     = 803
	codePath         = 2500
	// Limits by business use case go from codeCaseLimit to lastCaseLimit; Instagram's is 80002.
	codeCaseLimit = 80000
	lastCaseLimit = 80014

	subcodeNoObject    = 33
	subcodeCheckpoint  = 459
	subcodeUnconfirmed = 464
	subcodeCaseLimit   = 2446079
)

// RateLimited reports whether the app or the person has asked too often, whatever the status.
func (e *Error) RateLimited() bool {
	switch e.Code {
	case codeAppLimit, codeUserLimit, codePageLimit, codeAppCallLimit, codeCustomLimit:
		return true
	}
	return e.caseLimited() || e.Status == http.StatusTooManyRequests
}

// caseLimited reports whether the limit of a business use case is reached. Meta counts it
// for each pair of an app and an account.
func (e *Error) caseLimited() bool {
	return e.Code >= codeCaseLimit && e.Code <= lastCaseLimit || e.Subcode == subcodeCaseLimit
}

// InvalidToken reports whether Instagram no longer accepts the access token: it has expired, the
// person has removed the app or changed their password, or it was invalidated for another reason.
func (e *Error) InvalidToken() bool {
	return e.Kind == Refused && !e.Transient && (e.Code == codeNotAccepted || e.Code == codeSessionKey)
}

// OfOnePerson reports whether a failure says nothing about calls for other people.
func (e *Error) OfOnePerson() bool {
	switch {
	case e.Kind == BadProfile, e.ofOnePicture():
		return true
	case e.Kind != Refused || e.AppState() == AppRestricted:
		return false
	case e.Code == codeUserLimit || e.Code == codePageLimit || e.Code == codePolicy || e.caseLimited():
		return true // limits of an account
	}
	return !e.Temporary()
}

// AppState is what a failed call tells about the app as a whole.
type AppState int

const (
	// AppFine: nothing that concerns everybody.
	AppFine AppState = iota
	// AppRestricted: Meta has blocked or deactivated the app. Nobody can sign in.
	AppRestricted
	// AppWithoutAccess: the app may not call the API for this account. Consent works and
	// each call fails. Accounts with a role in the app are not affected, unless their
	// invitation is not accepted.
	AppWithoutAccess
)

var appStates = [...]string{AppFine: "fine", AppRestricted: "app_restricted", AppWithoutAccess: "app_without_access"}

// String returns the name of a state, in lower case with underscores.
func (s AppState) String() string { return appStates[s] }

// AppState returns what the failure tells about the app.
func (e *Error) AppState() AppState {
	if e.Kind != Refused {
		return AppFine
	}
	switch message := strings.ToLower(e.Message); {
	case strings.Contains(message, "api access blocked"), strings.Contains(message, "api access deactivated"):
		return AppRestricted
	case strings.Contains(message, "unsupported request - method type"):
		return AppWithoutAccess
	}
	return AppFine
}

// LacksPermission reports whether the person or the app lacks a permission for the call.
func (e *Error) LacksPermission() bool {
	permission := e.Code == codeCapability || e.Code == codePermission || e.Code >= 200 && e.Code <= 299
	return e.Kind == Refused && permission && e.AppState() == AppFine
}

// noObject reports whether the node does not exist or may not be read.
func (e *Error) noObject() bool {
	return e.Code == codeNoObject || e.Code == codeParameter && e.Subcode == subcodeNoObject
}

// unknownField matches Instagram's words about a field that a node does not have.
var unknownField = regexp.MustCompile(`nonexisting field \(([a-z_]{1,64})\)`)

// UnknownField returns the field that Instagram does not know, "" if the failure names none.
func (e *Error) UnknownField() string {
	if match := unknownField.FindStringSubmatch(e.Message); match != nil && e.Code == codeParameter {
		return match[1]
	}
	return ""
}

// distrustsAddress reports whether Instagram answers as its website does to an address that
// it distrusts: well-formed JSON, and none of the API's.
func (e *Error) distrustsAddress() bool {
	return errors.Is(e.Err, errUnknownShape) && strings.Contains(strings.ToLower(e.Message), "wait a few minutes")
}

func cut(s string) string { return s[:min(len(s), maxMessage)] }

// tellsASecret is how many characters of a secret are too many to be repeated. What is
// shorter as a whole is no secret: a made-up code must not blank out Instagram's words.
const tellsASecret = 8

// likeAToken matches what looks like one of Instagram's access tokens.
var likeAToken = regexp.MustCompile(`\b(IG[A-Z]{2}|EAA)[A-Za-z0-9_-]{16,}`)

// without blanks out what a text repeats of secrets, be it escaped or cut off.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		for _, spelling := range []string{secret, url.QueryEscape(secret)} {
			text = blanked(text, spelling)
		}
	}
	text = longPart.ReplaceAllStringFunc(text, func(part string) string {
		if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(secret, part) }) {
			return "***" // a piece from the middle of one
		}
		return part
	})
	return likeAToken.ReplaceAllString(text, "***")
}

// longPart matches what is long enough to be a telling piece of a secret.
var longPart = regexp.MustCompile(`[A-Za-z0-9_-]{12,}`)

// blanked blanks out a secret, and what begins as it does.
func blanked(text, secret string) string {
	if len(secret) < tellsASecret {
		return text
	}
	telling := secret[:tellsASecret]
	for at := 0; ; {
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
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if seconds > 0 && (err == nil || errors.Is(err, strconv.ErrRange)) {
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
		Minutes float64 `json:"estimated_time_to_regain_access"`
	}
	var longest time.Duration
	if json.Unmarshal([]byte(header.Get("X-Business-Use-Case-Usage")), &cases) == nil {
		for _, list := range cases {
			for _, entry := range list {
				longest = max(longest, time.Duration(min(entry.Minutes, 1e6)*float64(time.Minute)))
			}
		}
	}
	return min(longest, maxRetryAfter)
}
