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
	callsAtATime = 32               // outgoing, of one app [D3]
	CallQueue    = time.Second      // how long a further one waits [D3]
	BreakAfter   = 5                // failures in a row [D3]
	BreakFor     = 10 * time.Second // [D3]
	LockFor      = time.Minute      // where Meta has restricted the app
	tellAgain    = 24 * time.Hour   // what concerns everybody is logged once in this time
)

// A Provider is Instagram as this handler knows it: its calls, and whether there is any use in them at
// the moment.
type Provider struct {
	*telemetry.Client
	*Memory
	telemetry *telemetry.Recorder
	api       instagram.API
	fields    []string
}

// NewProvider returns the provider that a client calls. fields are those of the user node that the
// operator has asked for.
func New(calls *telemetry.Client, m *Memory, api instagram.API, fields []string) *Provider {
	return &Provider{calls, m, calls.Telemetry, api, fields}
}

// Memory is what all configurations of an instance know of Instagram's state.
type Memory struct {
	Gate    *limit.Gate
	Breaker *limit.Breaker
	told    *limit.Sample // what concerns everybody
}

// NewMemory returns a memory of an Instagram that is well.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{Gate: limit.NewGate(callsAtATime, CallQueue), Breaker: limit.NewBreaker(BreakAfter, BreakFor, now), told: limit.NewSample(1, tellAgain, now)}
}

// FirstToday reports whether something that concerns everybody has not been told in the last day.
func (m *Memory) FirstToday(what string) bool {
	first, _ := m.told.Take(what)
	return first
}

// What Instagram says of the app as a whole, whoever signs in.

var ErrAppBlocked = telemetry.NewCause("Meta has restricted the app", "see the error before this one; Caddy tries one login every minute")

// NoteAppState looks whether a failed call tells something about the app. Where Meta has
// restricted it, logins are refused before anybody is sent to Instagram for nothing, and
// one is let through now and then to see. Nobody who is signed in notices. It reports
// whether logins are refused now.
func (p *Provider) NoteAppState(err error, about ...zap.Field) (locked bool) {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return false
	}
	switch failure.AppState() {
	case instagram.AppRestricted:
		if p.Breaker.Lock(LockFor) {
			p.telemetry.CountOpening()
			p.telemetry.Notify(telemetry.NoticeAppRestricted, err, about...)
		}
		return true
	case instagram.AppWithoutAccess:
		if p.FirstToday("app without access") {
			p.telemetry.Notify(telemetry.NoticeAppWithoutAccess, err, about...)
		}
	}
	return false
}

// NoteSuccess lets logins go on where a call that nobody waits for has shown that the app
// is no longer restricted.
func (p *Provider) NoteSuccess() {
	if p.Breaker.Unlock() {
		p.telemetry.Notify(telemetry.NoticeBreakerClosed, nil)
	}
}

// WarnOfField tells the operator once of a field that Instagram does not answer. Visitors
// are signed in without the fields meanwhile.
func (p *Provider) WarnOfField(failure *instagram.Error) {
	if failure == nil || failure.LacksPermission() && p.api == instagram.BasicDisplay {
		return // people can decline user_media there, which is no mistake of the operator's
	}
	var fieldError error = telemetry.NewCause(failure.Error(), telemetry.RemedyForField)
	if failure.LacksPermission() {
		fieldError = failure
	}
	// Where Instagram names none, it may be any of them.
	field := cmp.Or(failure.UnknownField(), strings.Join(p.fields, " "))
	if p.FirstToday("field " + field) {
		p.telemetry.Notify(telemetry.NoticeFieldUnanswered, fieldError, zap.String("field", field))
	}
}

// IsTrouble reports whether Instagram is in trouble and not the login.
func IsTrouble(err error) bool {
	failure, ok := errors.AsType[*instagram.Error](err)
	return ok && !failure.OfOnePerson()
}

// Report tells the breaker whether Instagram is well. A login that was given up says
// nothing about that, and what is wrong with one person's login nothing about others.
func (p *Provider) Report(ctx context.Context, from telemetry.Requester, call *limit.Call, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		call.Withdraw()
		return
	}
	if p.NoteAppState(err, p.telemetry.RequesterFields(from)...) {
		return
	}
	failure, ok := errors.AsType[*instagram.Error](err)
	// Only the graph tells whether Meta restricts the app. Anybody can make the token
	// endpoint refuse a code.
	if ok && failure.Endpoint == instagram.TokenEndpoint && failure.Kind == instagram.Refused && call.WithdrawLocked() {
		return
	}
	switch call.Report(!ok || failure.OfOnePerson()) {
	case limit.Opened:
		p.telemetry.CountOpening()
		p.telemetry.Notify(telemetry.NoticeBreakerOpened, err, p.telemetry.RequesterFields(from, zap.Int("failures", BreakAfter))...)
	case limit.Closed:
		p.telemetry.Notify(telemetry.NoticeBreakerClosed, nil, p.telemetry.RequesterFields(from)...)
	}
}

// ReplyTo translates what went wrong at Instagram into a refusal.
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
