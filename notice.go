package instagramauth

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

// action is what the operator has to do about a log line. The level follows from it.
type action int8

const (
	// noAction is for what visitors, crawlers and forgers do, and for what is well. The metrics
	// count it.
	noAction action = iota
	// actionNeeded is for what does not mend itself, or what the operator has to watch.
	actionNeeded
	// actionUrgent is for what keeps everybody out, may bring a session back, or is a bug.
	actionUrgent
)

func (a action) level() zapcore.Level {
	return [...]zapcore.Level{zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel}[a]
}

// A notice is one kind of log line. All of them are in notices.go.
type notice struct {
	message string
	action  action
	remedy  string // what to do about it, where the cause does not know better
}

// An operatorError is a cause that the operator has to do something about, even where a refusal
// with the same code is usually the visitor's own.
type operatorError struct{ ownError }

// entry returns the level and the fields of a line. A cause that lies with the visitor makes it
// INFO, one that lies with the operator at least WARN.
func (n notice) entry(cause error, fields []zap.Field) (zapcore.Level, []zap.Field) {
	act, remedy := n.action, ""
	if cause != nil {
		fields = append(fields, zap.Error(cause))
		remedy = remedyOf(cause)
	}
	switch _, operators := errors.AsType[*operatorError](cause); {
	case operators:
		act = max(act, actionNeeded)
	case act == actionNeeded && ofVisitor(cause):
		act = noAction
	}
	if remedy == "" && (act != noAction || n.action == noAction) {
		remedy = n.remedy
	}
	if remedy != "" {
		fields = append(fields, zap.String("remedy", remedy))
	}
	return act.level(), fields
}

// finding is what the doctor says of a line that asks something of the operator.
func (n notice) finding() finding.Finding { return finding.Doubt(n.message, n.remedy) }

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

// notify logs a line. cause may be nil.
func (h *Handler) notify(n notice, cause error, fields ...zap.Field) {
	level, fields := n.entry(cause, fields)
	h.logger.Log(level, n.message, fields...)
}

// notifySampled is notify for what can come in a storm. kind tells apart what is counted on its
// own beside the message.
func (h *Handler) notifySampled(n notice, kind string, cause error, fields ...zap.Field) {
	level, fields := n.entry(cause, fields)
	h.logSampled(level, n.message, kind, fields...)
}

// notifyPanic tells of a panic. Its value is not logged, which may hold anything.
func (h *Handler) notifyPanic(value any) {
	h.notify(noticePanic, nil, zap.String("type", fmt.Sprintf("%T", value)), zap.ByteString("stack", debug.Stack()))
}

// signInRefused returns the line about a sign-in that was refused with a code.
func signInRefused(code refusal.Code) notice {
	n := refusalNotices[code]
	n.message = "sign-in refused"
	return n
}

// callbackRefused returns the line about a callback of Meta's that was refused with a code.
func callbackRefused(code refusal.Code) notice {
	n := notice{"callback refused", refusalNotices[code].action, remedyForeignCallback}
	switch code {
	case refusal.StoreUnavailable:
		n.remedy = revocation.Remedy
	case refusal.BadSignature:
		n.remedy = remedyForgedCallback
	}
	return n
}
