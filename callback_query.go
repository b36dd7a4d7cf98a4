package instagramauth

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

const (
	maxCallbackQuery = 4096 // bytes [C2]
	maxCode          = 1024 // bytes [C2]
	maxReason        = 200  // bytes of Instagram's text that reach a log [P1]
)

// callbackQuery is what Instagram sends back with a visitor: a code, or an error.
type callbackQuery struct {
	state, code string

	failed      bool
	fault       string // the parameter error
	reason      string // the parameter error_reason
	description string // the parameter error_description
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
	if !okCode || !okFault || hasCode == hasFault || len(values["state"]) > 1 {
		return q, false
	}
	state := values.Get("state")
	q = callbackQuery{state: state, failed: hasFault, fault: fault}
	q.code = strings.TrimSuffix(code, "#_") // Instagram's addition, no part of the code
	q.reason, q.description = values.Get("error_reason"), values.Get("error_description")
	// A state that is missing is a login that is unknown, not an odd query:
	// Instagram itself leaves it out at times. [C1]
	return q, (state == "" || isState(state)) && (hasFault || isCode(q.code))
}

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
// refusing the account or the app.
func (q *callbackQuery) cancelled() bool {
	return q.fault == "access_denied" && (q.reason == "" || q.reason == "user_denied")
}

// providerError returns Instagram's words for the log, quoted and cut.
func (q *callbackQuery) providerError() error {
	return fmt.Errorf("instagram sent back error %s, reason %s, description %s", quote(q.fault), quote(q.reason), quote(q.description))
}

func quote(s string) string {
	return fmt.Sprintf("%+q", s[:min(len(s), maxReason)])
}
