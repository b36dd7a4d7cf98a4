package instagramauth

import (
	"cmp"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// What Instagram says of the app as a whole, whoever signs in.

var errAppBlocked = &ownError{"Meta has restricted the app", "see the error before this one; one login is tried every minute"}

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
			h.metrics.openings.Inc()
			h.logger.Error("nobody can sign in: Meta has restricted the app", append(about, reasons(err)...)...)
		}
		return true
	case instagram.AppWithoutAccess:
		if first, _ := h.limits.told.Take("app without access"); first {
			h.logger.Error("nobody but testers of the app can sign in: it has no access to other accounts", append(about, reasons(err)...)...)
		}
	}
	return false
}

// heedSuccess lets logins go on where a call that nobody waits for has shown that the app
// is no longer restricted.
func (h *Handler) heedSuccess() {
	if h.limits.breaker.Unlock() {
		h.logger.Info("breaker closed: instagram answers again")
	}
}

const remedyForField = "take it out of fields; instagram refuses all of them because of one"

// warnOfField tells the operator once of a field that Instagram does not answer. Visitors
// are signed in without the fields meanwhile.
func (h *Handler) warnOfField(failure *instagram.Error) {
	if failure == nil || failure.LacksPermission() && h.settings.api == instagram.BasicDisplay {
		return // people can decline user_media there, which is no mistake of the operator's
	}
	remedy := remedyForField
	if failure.LacksPermission() {
		remedy = failure.Remedy()
	}
	// Where Instagram names none, it may be any of them.
	field := cmp.Or(failure.UnknownField(), strings.Join(h.Fields, " "))
	if first, _ := h.limits.told.Take("field " + field); first {
		h.logger.Warn("instagram does not answer a field; visitors are signed in without any of fields",
			zap.String("field", field), zap.Error(failure), zap.String("remedy", remedy))
	}
}
