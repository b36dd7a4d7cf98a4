// Package provider keeps track of whether Instagram answers: a circuit breaker, a limit on
// concurrent calls, and the translation of Instagram's errors into refusals.
//
// It knows no sessions and answers no requests.
package provider

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	// maxCalls is how many calls of one app run at a time. [D3]
	maxCalls = 32
	// CallQueue is how long a further call waits for its turn. [D3]
	CallQueue = time.Second
	// BreakAfter is the number of failures in a row that open the breaker. [D3]
	BreakAfter = 5
	// BreakFor is how long the breaker stays open before it tries one login. [D3]
	BreakFor = 10 * time.Second
	// LockFor is how long it stays open where Meta has restricted the app.
	LockFor = time.Minute
	// logInterval is how often FirstToday reports the same thing.
	logInterval = 24 * time.Hour
)

// A Provider makes calls to Instagram and knows whether they can succeed at the moment.
type Provider struct {
	*telemetry.Client
	*Memory
	telemetry *telemetry.Recorder
	api       instagram.API
	fields    []string
}

// New returns a provider whose calls go through the client. fields are the configured fields of
// the user node, for WarnOfField.
func New(calls *telemetry.Client, m *Memory, api instagram.API, fields []string) *Provider {
	return &Provider{calls, m, calls.Telemetry, api, fields}
}

// Memory is the state of Instagram for one app. It outlives reloads.
type Memory struct {
	Gate    *limit.Gate
	Breaker *limit.Breaker
	logged  *limit.Sample // see FirstToday
}

// NewMemory returns the memory of an Instagram without trouble.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{
		Gate:    limit.NewGate(maxCalls, CallQueue),
		Breaker: limit.NewBreaker(BreakAfter, BreakFor, now),
		logged:  limit.NewSample(1, logInterval, now),
	}
}

// FirstToday reports whether it is called with this topic for the first time within a day. It
// limits log lines about problems that every login repeats.
func (m *Memory) FirstToday(topic string) bool {
	first, _ := m.logged.Take(topic)
	return first
}

// ErrAppBlocked is the cause of refused logins while Meta restricts the app.
var ErrAppBlocked = telemetry.NewCause("Meta has restricted the app",
	"see the error before this one; Caddy tries one login every minute")

// NoteAppState checks whether a failed call shows a problem of the app itself. If Meta has
// restricted the app, it opens the breaker: logins are refused before the visitor leaves for
// Instagram, and one is let through every minute. Existing sessions go on. It reports whether
// the breaker is open for that reason. fields go into the log line.
func (p *Provider) NoteAppState(err error, fields ...zap.Field) (locked bool) {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return false
	}
	switch failure.AppState() {
	case instagram.AppRestricted:
		if p.Breaker.Lock(LockFor) {
			p.telemetry.CountOpening()
			p.telemetry.Notify(telemetry.NoticeAppRestricted, err, fields...)
		}
		return true
	case instagram.AppWithoutAccess:
		if p.FirstToday("app without access") {
			p.telemetry.Notify(telemetry.NoticeAppWithoutAccess, err, fields...)
		}
	}
	return false
}

// NoteSuccess lets logins go on after a background call has shown that the app is no longer
// restricted.
func (p *Provider) NoteSuccess() {
	if p.Breaker.Unlock() {
		p.telemetry.Notify(telemetry.NoticeBreakerClosed, nil)
	}
}

// WarnOfField logs, once a day, a field that Instagram refuses. Visitors are signed in without
// the fields meanwhile. failure may be nil.
func (p *Provider) WarnOfField(failure *instagram.Error) {
	if failure == nil || failure.LacksPermission() && p.api == instagram.BasicDisplay {
		return // a user can decline user_media there, so the configuration may be right
	}
	var fieldError error = telemetry.NewCause(failure.Error(), telemetry.RemedyForField)
	if failure.LacksPermission() {
		fieldError = failure
	}
	// If Instagram names no field, it may be any of them.
	field := cmp.Or(failure.UnknownField(), strings.Join(p.fields, " "))
	if p.FirstToday("field " + field) {
		p.telemetry.Notify(telemetry.NoticeFieldUnanswered, fieldError, zap.String("field", field))
	}
}

// IsTrouble reports whether an error concerns Instagram as a whole, and not one login.
func IsTrouble(err error) bool {
	failure, ok := errors.AsType[*instagram.Error](err)
	return ok && !failure.OfOnePerson()
}

// Report tells the breaker the result of a login's calls. A login that the visitor gave up says
// nothing about Instagram. An error of one user's login counts as a success.
func (p *Provider) Report(ctx context.Context, from telemetry.Requester, call *limit.Call, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		call.Withdraw()
		return
	}
	if p.NoteAppState(err, p.telemetry.RequesterFields(from)...) {
		return
	}
	failure, ok := errors.AsType[*instagram.Error](err)
	// Only the graph shows whether Meta restricts the app: any client can make the token
	// endpoint refuse a code.
	codeRefused := ok && failure.Endpoint == instagram.TokenEndpoint && failure.Kind == instagram.Refused
	if codeRefused && call.WithdrawLocked() {
		return
	}
	switch call.Report(!ok || failure.OfOnePerson()) {
	case limit.Opened:
		p.telemetry.CountOpening()
		fields := p.telemetry.RequesterFields(from, zap.Int("failures", BreakAfter))
		p.telemetry.Notify(telemetry.NoticeBreakerOpened, err, fields...)
	case limit.Closed:
		p.telemetry.Notify(telemetry.NoticeBreakerClosed, nil, p.telemetry.RequesterFields(from)...)
	}
}

// ReplyTo returns the refusal of a login whose call to Instagram failed with err.
func ReplyTo(err error) refusal.Reply {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return refusal.Reply{Code: refusal.ProviderError}
	}
	switch failure.AppState() {
	case instagram.AppRestricted:
		return refusal.Reply{Code: refusal.AppBlocked, RetryAfter: LockFor}
	case instagram.AppWithoutAccess:
		return refusal.Reply{Code: refusal.AppNotOpen}
	}
	switch failure.Kind {
	case instagram.Refused:
		if !failure.Temporary() {
			return refusal.Reply{Code: refusal.ProviderRefused}
		}
	case instagram.BadProfile:
		if failure.PrivateAccount() {
			return refusal.Reply{Code: refusal.PrivateAccount}
		}
		return refusal.Reply{Code: refusal.BadProfile}
	case instagram.TimedOut:
		return refusal.Reply{Code: refusal.ProviderTimeout}
	case instagram.Unreachable:
		return refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: BreakFor}
	}
	return refusal.Reply{Code: refusal.ProviderError, RetryAfter: failure.RetryAfter}
}
