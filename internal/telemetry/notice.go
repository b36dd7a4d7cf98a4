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

// How loudly the log says something. One rule decides: who has to act. [P2]

// Action is what the operator has to do about a log line. The level follows from it.
type Action int8

const (
	// NoAction is for what visitors, crawlers and forgers do, and for what is well. The metrics
	// count it.
	NoAction Action = iota
	// actionNeeded is for what does not mend itself, or what the operator has to watch.
	actionNeeded
	// actionUrgent is for what keeps everybody out, may bring a session back, or is a bug.
	actionUrgent
)

func (a Action) Level() zapcore.Level {
	return [...]zapcore.Level{zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel}[a]
}

// A Notice is one kind of log line. All of them are in notices.go.
type Notice struct {
	Message string
	Action  Action
	Remedy  string // what to do about it, where the cause does not know better
}

// A Cause is an error of this handler that an operator may do something about.
type Cause struct{ text, remedy string }

func (e *Cause) Error() string  { return e.text }
func (e *Cause) Remedy() string { return e.remedy }

// NewCause returns a cause with what can be done about it.
func NewCause(text, remedy string) *Cause { return &Cause{text, remedy} }

// An OperatorCause is a cause that the operator has to do something about, even where a refusal
// with the same code is usually the visitor's own.
type OperatorCause struct{ Cause }

// NewOperatorCause is NewCause for what the operator has to do something about.
func NewOperatorCause(text, remedy string) *OperatorCause { return &OperatorCause{Cause{text, remedy}} }

// Entry returns the level and the fields of a line. A cause that lies with the visitor makes it
// INFO, one that lies with the operator at least WARN.
func (n Notice) Entry(cause error, fields []zap.Field) (zapcore.Level, []zap.Field) {
	act, remedy := n.Action, ""
	if cause != nil {
		fields = append(fields, zap.Error(cause))
		remedy = remedyOf(cause)
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

// Finding is what the doctor says of a line that asks something of the operator.
func (n Notice) Finding() finding.Finding { return finding.Doubt(n.Message, n.Remedy) }

// remedyOf returns what an error says that can be done about it, "" if it says nothing.
func remedyOf(err error) string {
	type remediable interface {
		error
		Remedy() string
	}
	if known, ok := errors.AsType[remediable](err); ok {
		return known.Remedy()
	}
	return ""
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

// NotifySampled is notify for what can come in a storm. kind tells apart what is counted on its
// own beside the message.
func (t *Recorder) NotifySampled(n Notice, kind string, cause error, fields ...zap.Field) {
	level, fields := n.Entry(cause, fields)
	t.logSampled(level, n.Message, kind, fields...)
}

// NotifyPanic tells of a panic. Its value is not logged, which may hold anything.
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
