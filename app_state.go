package instagramauth

import (
	"cmp"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// What Instagram says of the app as a whole, whoever signs in.

var errAppBlocked = telemetry.NewCause("Meta has restricted the app", "see the error before this one; one login is tried every minute")

// heedApp looks whether a failed call tells something about the app. Where Meta has
// restricted it, logins are refused before anybody is sent to Instagram for nothing, and
// one is let through now and then to see. Nobody who is signed in notices. It reports
// whether logins are refused now.
func (h *Handler) heedApp(err error, about ...zap.Field) (locked bool) {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return false
	}
	switch failure.AppState() {
	case instagram.AppRestricted:
		if h.limits.breaker.Lock(lockFor) {
			h.telemetry.CountOpening()
			h.telemetry.Notify(telemetry.NoticeAppRestricted, err, about...)
		}
		return true
	case instagram.AppWithoutAccess:
		if first, _ := h.limits.told.Take("app without access"); first {
			h.telemetry.Notify(telemetry.NoticeAppWithoutAccess, err, about...)
		}
	}
	return false
}

// heedSuccess lets logins go on where a call that nobody waits for has shown that the app
// is no longer restricted.
func (h *Handler) heedSuccess() {
	if h.limits.breaker.Unlock() {
		h.telemetry.Notify(telemetry.NoticeBreakerClosed, nil)
	}
}

// warnOfField tells the operator once of a field that Instagram does not answer. Visitors
// are signed in without the fields meanwhile.
func (h *Handler) warnOfField(failure *instagram.Error) {
	if failure == nil || failure.LacksPermission() && h.settings.api == instagram.BasicDisplay {
		return // people can decline user_media there, which is no mistake of the operator's
	}
	var fieldError error = telemetry.NewCause(failure.Error(), telemetry.RemedyForField)
	if failure.LacksPermission() {
		fieldError = failure
	}
	// Where Instagram names none, it may be any of them.
	field := cmp.Or(failure.UnknownField(), strings.Join(h.Fields, " "))
	if first, _ := h.limits.told.Take("field " + field); first {
		h.telemetry.Notify(telemetry.NoticeFieldUnanswered, fieldError, zap.String("field", field))
	}
}
