package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A finished login continues on a page of the site, or at the site's own callback.

var (
	errQueueFull = telemetry.NewCause("too many logins are waiting for Instagram",
		"nothing to change if it passes; otherwise Instagram answers slowly: see the errors before this one, and lower timeout")
	errBreakerOpen = telemetry.NewCause("Instagram failed several times in a row",
		"see the errors before this one; Caddy tries Instagram again after a pause")
	// ErrStale is the cause of a refusal of a callback without a valid login.
	ErrStale = telemetry.NewCause("the login has expired, was used before, or belongs to another browser",
		"nothing to change for one visitor; if it happens to everybody, check the clock of this machine, that all nodes have the same secrets and redirect_uri, and that nothing redirects the callback to another host, which does not get the login cookie")
	// errOtherAccount is the cause of a refusal of a login that was for one account.
	errOtherAccount = telemetry.NewCause("the page asked for a new sign-in of the account that was signed in, and another account came",
		"nothing to change: the visitor chooses on the page between the two accounts")
	// errStillTooOld is the cause of a refusal that ends a redirect loop at max_age.
	errStillTooOld = telemetry.NewOperatorCause("sign-ins that this browser has just finished are too old for max_age",
		"check that the clocks of all nodes are right, and that all nodes run the same version of the module with the same max_age")
	// errOtherBrowser is the cause of a refusal of a callback in a browser without any login.
	errOtherBrowser = telemetry.NewCause("the login began in another browser, or the browser no longer has its cookie",
		"nothing to change: apps open links in browsers of their own, and the page tells the visitor what to do; in_app_browser_total counts how often it happens")
	// ErrOutdated is the cause of a refusal because the revocation list is too old.
	ErrOutdated = telemetry.NewCause("the list of revoked sessions is older than max_staleness: the storage cannot be read", revocation.Remedy)
	// ErrNotGranted is the cause of a refusal because a required permission is missing.
	ErrNotGranted = errors.New("a permission of require_scope was declined, or Instagram did not say whether it was granted")
)

// redirectTo redirects a signed-in visitor to a page of the site. The path is checked again,
// because it has been in the visitor's cookie. [R2]
func (f *Flow) redirectTo(returnTo string) error {
	returnTo = f.Paths.Safe(returnTo)
	// Without a fragment here, the browser would keep Instagram's #_. [C5; RFC 9110, 10.2.2]
	if !strings.Contains(returnTo, "#") {
		returnTo += "#"
	}
	return answer.Redirect(http.StatusSeeOther, returnTo)
}

// handOff passes the callback to the site with the identity. Code and state are only for this
// handler and Instagram: return_to replaces them. [P3]
func (f *Flow) handOff(v *request.State, cb CallbackState, who *session.Identity, token string) {
	header := v.W.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	returnTo := f.Paths.Safe(cb.login.ReturnTo) // again, as in redirectTo
	// Upstreams see the original request, too: FastCGI's REQUEST_URI comes from it.
	if original, ok := v.R.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		asked := *v.OriginalURL
		asked.RawQuery = HandOffQuery(asked.RawQuery, returnTo)
		original.URL, original.RequestURI = &asked, asked.RequestURI()
		// In place, because Caddy's placeholders are bound to this request.
		*v.R = *v.R.WithContext(context.WithValue(v.R.Context(), caddyhttp.OriginalRequestCtxKey, original))
	}
	live := *v.R.URL
	live.RawQuery = HandOffQuery(live.RawQuery, returnTo)
	v.R.URL, v.R.RequestURI = &live, live.RequestURI()
	f.Identity.Inject(v, who, f.Now(), token)
	v.HandedOff, v.Outcome = true, telemetry.OutcomePassedOn
}

// HandOffQuery removes the parameters of a callback from a raw query, keeps those that a rewrite
// has added, and appends return_to.
func HandOffQuery(raw, returnTo string) string {
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || slices.Contains(callbackParameters, name) || pair == "" {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(append(kept, "return_to="+url.QueryEscape(returnTo)), "&")
}

var callbackParameters = []string{
	"code", "state", "error", "error_reason", "error_description", "error_code", "error_message", "return_to",
}
