package telemetry

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// Action says what the operator has to do about a log line. It alone decides the level. [P2]
type Action int8

const (
	// NoAction is for normal operation, and for what visitors, crawlers and forgers cause. The
	// metrics count the latter.
	NoAction Action = iota
	// actionNeeded is for what does not repair itself, or what the operator has to watch.
	actionNeeded
	// actionUrgent is for what keeps everybody out, may restore a revoked session, or is a bug.
	actionUrgent
)

// Level returns the log level: INFO, WARN or ERROR.
func (a Action) Level() zapcore.Level {
	return [...]zapcore.Level{zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel}[a]
}

// A Notice is one kind of log line. All of them are in notices.go.
type Notice struct {
	Message string
	Action  Action
	Remedy  string // what the operator can do; the remedy of a cause takes precedence
}

// A Cause is an error with advice for the operator.
type Cause struct{ text, remedy string }

func (e *Cause) Error() string { return e.text }

// Remedy returns what the operator can do about the error.
func (e *Cause) Remedy() string { return e.remedy }

// NewCause returns an error with advice for the operator.
func NewCause(text, remedy string) *Cause { return &Cause{text, remedy} }

// An OperatorCause is a cause that makes a log line at least WARN, although refusals with the
// same code usually need no action.
type OperatorCause struct{ Cause }

// NewOperatorCause returns a cause that only the operator can remove.
func NewOperatorCause(text, remedy string) *OperatorCause { return &OperatorCause{Cause{text, remedy}} }

// Entry returns the level and the fields of a line. A cause that lies with the visitor turns
// WARN into INFO; an OperatorCause makes the line at least WARN. cause may be nil.
func (n Notice) Entry(cause error, fields []zap.Field) (zapcore.Level, []zap.Field) {
	act, remedy := n.Action, ""
	if cause != nil {
		fields = append(fields, zap.Error(cause))
		if known, ok := errors.AsType[remediable](cause); ok {
			remedy = known.Remedy()
		}
	}
	switch _, operators := errors.AsType[*OperatorCause](cause); {
	case operators:
		act = max(act, actionNeeded)
	case act == actionNeeded && ofVisitor(cause):
		act = NoAction
	}
	if remedy == "" && (act != NoAction || n.Action == NoAction) {
		remedy = n.Remedy
	}
	if remedy != "" {
		fields = append(fields, zap.String("remedy", remedy))
	}
	return act.Level(), fields
}

// Finding returns the notice as a finding of caddy instagram-auth doctor.
func (n Notice) Finding() finding.Finding { return finding.Doubt(n.Message, n.Remedy) }

// remediable is an error with advice for the operator.
type remediable interface {
	error
	Remedy() string
}

// ofVisitor reports whether an error lies with the visitor.
func ofVisitor(err error) bool {
	type visitors interface {
		error
		OfVisitor() bool
	}
	known, ok := errors.AsType[visitors](err)
	return ok && known.OfVisitor()
}

// Notify logs a line. cause may be nil.
func (t *Recorder) Notify(n Notice, cause error, fields ...zap.Field) {
	level, fields := n.Entry(cause, fields)
	t.Logger.Log(level, n.Message, fields...)
}

// NotifySampled is Notify for lines that many requests can cause: it logs SampleLines of them
// in each SampleTime. Lines with the same message and kind share one sample. kind never comes
// from a request.
func (t *Recorder) NotifySampled(n Notice, kind string, cause error, fields ...zap.Field) {
	level, fields := n.Entry(cause, fields)
	ok, missed := t.samples.Take(n.Message + kind)
	if !ok {
		return
	}
	if missed > 0 {
		fields = append(fields, zap.Int("not_logged", missed))
	}
	t.Logger.Log(level, n.Message, fields...)
}

// NotifyPanic logs a panic. It leaves out the panic's value, which may hold a secret.
func (t *Recorder) NotifyPanic(value any) {
	t.Notify(NoticePanic, nil, zap.String("type", fmt.Sprintf("%T", value)), zap.ByteString("stack", debug.Stack()))
}

// SignInRefused returns the line about a sign-in that was refused with a code.
func SignInRefused(code refusal.Code) Notice {
	n := RefusalNotices[code]
	n.Message = "sign-in refused"
	return n
}

// CallbackRefused returns the line about a callback from Meta that was refused with a code.
func CallbackRefused(code refusal.Code) Notice {
	n := Notice{"callback refused", RefusalNotices[code].Action, remedyForeignCallback}
	switch code {
	case refusal.StoreUnavailable:
		n.Remedy = revocation.Remedy
	case refusal.BadSignature:
		n.Remedy = remedyForgedCallback
	}
	return n
}
