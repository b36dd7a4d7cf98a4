package instagramauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// How a login ends: at the page first asked for, at the site's own callback, or
// with a refusal.

var (
	errQueueFull   = errors.New("too many logins wait for Instagram")
	errBreakerOpen = errors.New("instagram failed several times in a row")
	errNotGranted  = errors.New("a permission of require_scope was declined, or instagram did not tell whether it was granted")
	errStale       = errors.New("the login is too old, used, or of another browser")
	errOutdated    = errors.New("the list of ended sessions is older than max_staleness: the storage cannot be read")
)

// arrive sends a signed-in visitor to the page first asked for, which is checked
// once more: it has been in the visitor's hands. [R2]
func (h *Handler) arrive(v *visit, returnTo string) (bool, error) {
	returnTo = h.safeReturn(returnTo)
	// Without a fragment of its own the browser would carry Instagram's #_ over.
	// [C5; RFC 9110, 10.2.2]
	if !strings.Contains(returnTo, "#") {
		returnTo += "#"
	}
	return redirectTo(v, http.StatusSeeOther, returnTo)
}

// handOff passes the callback request on to the site, with the identity, and
// without what belongs to us and Instagram alone: code and state give way to the
// page first asked for, as return_to. [P3]
func (h *Handler) handOff(v *visit, back comeback, who *session.Identity, token string) (bool, error) {
	header := v.w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	returnTo := h.safeReturn(back.login.ReturnTo) // once more, as in arrive
	// Upstreams see the original request, too: FastCGI's REQUEST_URI is made of it.
	if original, ok := v.r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		asked := *v.asked
		asked.RawQuery = handOffQuery(asked.RawQuery, returnTo)
		original.URL, original.RequestURI = &asked, asked.RequestURI()
		// In place, because Caddy's placeholders are bound to this very request.
		*v.r = *v.r.WithContext(context.WithValue(v.r.Context(), caddyhttp.OriginalRequestCtxKey, original))
	}
	live := *v.r.URL
	live.RawQuery = handOffQuery(live.RawQuery, returnTo)
	v.r.URL, v.r.RequestURI = &live, live.RequestURI()
	h.inject(v, who, token)
	v.handedOff, v.outcome = true, passedOn
	return true, nil
}

// handOffQuery takes the parameters of the callback out of a query, leaves those
// that a rewrite has put there, and adds return_to.
func handOffQuery(raw, returnTo string) string {
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || isCallbackParameter(name) || pair == "" {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(append(kept, "return_to="+url.QueryEscape(returnTo)), "&")
}

func isCallbackParameter(name string) bool {
	switch name {
	case "code", "state", "error", "error_reason", "error_description", "return_to":
		return true
	}
	return false
}

// replyTo translates what went wrong at Instagram into a refusal.
func replyTo(err error) refusal.Reply {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return refusal.Reply{Code: refusal.ProviderError}
	}
	switch failure.Kind {
	case instagram.Refused:
		if !failure.Temporary() {
			return refusal.Reply{Code: refusal.ProviderRefused}
		}
	case instagram.BadProfile:
		return refusal.Reply{Code: refusal.BadProfile}
	case instagram.TimedOut:
		return refusal.Reply{Code: refusal.ProviderTimeout}
	case instagram.Unreachable:
		return refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: breakFor}
	}
	return refusal.Reply{Code: refusal.ProviderError, RetryAfter: failure.RetryAfter}
}

// refuseLogin refuses the end of a login and tells the operator why, in one line
// that says what to change where that is known.
func (h *Handler) refuseLogin(v *visit, back comeback, reply refusal.Reply, cause error) (bool, error) {
	code := string(reply.Code)
	fields := append(h.aboutPerson(v.r, &back.who, zap.String("code", code)), reasons(cause)...)
	if failure, ok := errors.AsType[*instagram.Error](cause); (!ok || failure.Remedy() == "") && back.failed && !back.cancelled() {
		fields = append(fields, zap.String("remedy", remedyForWindow))
	}
	h.logSampled(zapcore.WarnLevel, "sign-in refused", code, fields...)
	h.metrics.login(code).Inc()
	h.emit(v, eventLoginRefused, &back.who, map[string]any{"code": code})
	reply.LoginURL = h.loginURL(back.login.ReturnTo)
	return h.refuse(v, reply)
}

// reasons are the fields about an error that an operator may do something about.
func reasons(err error) (fields []zap.Field) {
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	remedy := remedyOf(err)
	if failure, ok := errors.AsType[*instagram.Error](err); ok {
		remedy = failure.Remedy()
	}
	if remedy != "" {
		fields = append(fields, zap.String("remedy", remedy))
	}
	return fields
}

// remedyOf tells an operator what to do about an error of our own.
func remedyOf(err error) string {
	switch err {
	case errStale:
		return "nothing to change for one visitor; if it happens to everybody, check the clock of this machine, and that all nodes have the same secrets and redirect_uri"
	case errQueueFull:
		return "nothing to change if it passes; otherwise instagram answers slowly: see the errors before this one, and lower timeout"
	case errBreakerOpen:
		return "see the errors before this one; instagram is tried again after a rest"
	case errOutdated:
		return revocation.Remedy
	}
	return ""
}

// remedyForWindow is for errors that the authorization window itself sends back.
const remedyForWindow = "the account may be a personal one (only business and creator accounts can sign in with instagram_login), " +
	"or the app may be in development mode and the account no tester of it; check the account type and the app's roles at Meta"
