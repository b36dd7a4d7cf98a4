// Package answer writes every response that the handler gives itself. A step that does not let
// a request through returns an error value: a *Refusal or an *Own. A Writer answers it, logs it
// and counts it in one place.
//
// It knows no flow: it does not decide which requests are refused.
package answer

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Placeholders of a refusal, for the site's handle_errors.
const (
	placeholderError   = "http.auth." + option.Directive + ".error"
	placeholderMissing = "http.auth." + option.Directive + ".missing" // the permissions that it is about
	placeholderReason  = "http.auth." + option.Directive + ".reason"  // why a program is signed out
)

// A Refusal is an error that refuses a request. Its code comes from the table of refusals.
type Refusal struct {
	refusal.Reply
	Cause error // for the log; nil if the code says enough

	// login is the login that ends with this refusal, nil for none. It is logged and counted,
	// and its event is emitted.
	login *endedLogin
	// Callback names the refused callback from Meta, for the log; "" for other requests.
	Callback string
	// Notice is the log line of any other refusal, with Fields. Without a message it is not logged.
	Notice telemetry.Notice
	Fields []zap.Field

	KeepsLogin bool // the login of a refused callback can still be finished
	Astray     bool // the callback of a login arrived at another path than its own
	repeated   bool // it has been logged and counted before
}

// Error returns the code.
func (e *Refusal) Error() string { return string(e.Code) }

// Refuse returns a refusal that is not logged.
func Refuse(reply refusal.Reply) error { return &Refusal{Reply: reply} }

// endedLogin is a login that ends with a refusal.
type endedLogin struct {
	user     *session.Identity // as far as it is known
	returnTo string
}

// RefuseLogin returns the refusal that ends a login. The page of the refusal offers another
// login, which leads to returnTo. cause may be nil.
func RefuseLogin(user *session.Identity, returnTo string, reply refusal.Reply, cause error) *Refusal {
	return &Refusal{Reply: reply, login: &endedLogin{user, returnTo}, Cause: cause}
}

// RefuseAfter returns a refusal with a Retry-After of wait. cause may be nil.
func RefuseAfter(code refusal.Code, wait time.Duration, cause error) *Refusal {
	return &Refusal{Reply: refusal.Reply{Code: code, RetryAfter: wait}, Cause: cause}
}

// Allow returns a refusal unless the request has one of the methods.
func Allow(v *request.State, methods ...string) error {
	if slices.Contains(methods, v.R.Method) {
		return nil
	}
	return Refuse(refusal.Reply{Code: refusal.Method, Allow: strings.Join(methods, ", ")})
}

// An Own is a response of the handler itself that refuses nothing. It is an error value,
// because the request does not go on to the site.
type Own struct {
	outcome telemetry.Outcome // OutcomeAnonymous keeps the request's outcome
	// Give writes the response.
	Give func(http.ResponseWriter, *http.Request) error
}

// Error names the handler, for callers that treat an Own as an error.
func (*Own) Error() string { return "answered by " + option.Directive }

// With sets the outcome under which the request is counted, and returns a.
func (a *Own) With(o telemetry.Outcome) *Own {
	a.outcome = o
	return a
}

// Redirect returns a redirect. The caller has checked location, which is sent byte for byte:
// http.Redirect would clean it. [A5, R1]
func Redirect(status int, location string) *Own {
	return &Own{Give: func(w http.ResponseWriter, _ *http.Request) error {
		header := w.Header()
		header.Set("Location", location)
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "no-referrer") // [P3]
		header.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		return nil
	}}
}

// Page returns a page that refuses nothing.
func Page(page interface {
	Write(w http.ResponseWriter, head bool)
}) *Own {
	return &Own{Give: func(w http.ResponseWriter, r *http.Request) error {
		page.Write(w, r.Method == http.MethodHead)
		return nil
	}}
}

// JSON returns a response in JSON, for Instagram or for the site's scripts.
func JSON(answer any) *Own {
	return &Own{Give: func(w http.ResponseWriter, r *http.Request) error {
		body, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		refusal.SecurityHeaders(w.Header())
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodHead {
			_, err = w.Write(append(body, '\n'))
		}
		return err
	}}
}

// A Writer writes the handler's own responses. It is safe for concurrent use.
type Writer struct {
	Config
	pages *refusal.Pages
}

// Config configures a writer. All pointers but Language are required, and so is Now.
type Config struct {
	Telemetry *telemetry.Recorder
	Paths     *address.Paths
	Cookies   *session.Cookies
	Now       func() time.Time
	// HandleErrors leaves the pages of refusals to the site's handle_errors.
	HandleErrors bool
	// AnyAccount says that personal accounts can sign in, too. It changes texts of pages.
	AnyAccount bool
	// Language is the language of the pages. By default it is what the visitor prefers.
	Language *refusal.Language
	// Pages is a folder with templates. By default the built-in pages are used.
	Pages string
	// Site is what pages show of the site.
	Site refusal.Site
	// NeedsSession reports whether a request needs a session. It may panic.
	NeedsSession func(*request.State) bool
}

// New returns a writer. It fails with an *option.Error if it cannot load the templates in Pages.
func New(c Config) (a *Writer, err error) {
	a = &Writer{Config: c}
	a.pages, err = refusal.NewPages(refusal.PagesConfig{Site: c.Site, Folder: c.Pages, Report: func(err error) {
		c.Telemetry.NotifySampled(telemetry.NoticePageFailed, "", err)
	}})
	if err != nil {
		return nil, option.Errorf("pages", "%s", option.OneLine(err))
	}
	if a.pages.LeavesOutSite() {
		c.Telemetry.Notify(telemetry.NoticePagesWithoutSite, nil, zap.String("pages", c.Pages))
	}
	return a, nil
}

// Look returns the language and the look of the pages for a request.
func (a *Writer) Look(v *request.State) refusal.Look {
	look := refusal.Look{
		Language: a.Language, Negotiated: a.Language == nil, Pages: a.pages, Host: a.host(v.R.Host), HomeOpen: a.homeOpen(v),
	}
	if look.Negotiated {
		look.Language = refusal.Preferred(v.R.Header["Accept-Language"])
	}
	return look
}

// host returns the host of a request if the site signs in there, and otherwise the one where it
// does: a page shows no host that somebody has made up. [E2]
func (a *Writer) host(asked string) string {
	if redirect, ok := a.Paths.RedirectFor(asked); ok {
		return redirect.Host
	}
	if len(a.Paths.Served) == 0 {
		return ""
	}
	return a.Paths.CanonicalFor(asked).Host
}

// homeOpen reports whether the site's home needs no session. It asks the operator's matchers, which
// can panic: the page that is about to be shown is more important than its link, so the panic is
// logged and the link left out.
func (a *Writer) homeOpen(v *request.State) (open bool) {
	if a.NeedsSession == nil || a.Paths.IsOwn(refusal.HomePath) {
		return false
	}
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			panic(cause)
		default:
			a.Telemetry.NotifyPanic(cause)
			open = false
		}
	}()
	return !v.At(refusal.HomePath, a.NeedsSession)
}

// Answer answers a request that a *Refusal or an *Own stops. It returns any other error, and the
// status of a refusal that HandleErrors leaves to the site.
func (a *Writer) Answer(v *request.State, err error) error {
	first, _ := errors.AsType[*Refusal](err)
	err = a.give(v, err)
	if refused, ok := errors.AsType[*Refusal](err); ok {
		if first != nil {
			// Whatever panicked, the address is still that of a callback. [P1]
			refused.Astray, refused.KeepsLogin = first.Astray, first.KeepsLogin
		}
		return a.refuse(v, refused)
	}
	return err
}

// give is Answer without its guard: after a panic, for example of an operator's event handler,
// it returns a refusal that is not yet answered.
func (a *Writer) give(v *request.State, err error) (left error) {
	defer a.Catch(&left)
	if refused, ok := errors.AsType[*Refusal](err); ok {
		a.logRefusal(v, refused)
		return a.refuse(v, refused)
	}
	if own, ok := errors.AsType[*Own](err); ok {
		if own.outcome != telemetry.OutcomeAnonymous {
			v.Outcome = own.outcome
		}
		return own.Give(v.W, v.R)
	}
	return err
}

// logRefusal logs a refusal. For a login it also counts it and emits the event.
func (a *Writer) logRefusal(v *request.State, r *Refusal) {
	switch code := zap.String("code", string(r.Code)); {
	case r.login != nil:
		a.Telemetry.LoginRefused(telemetry.RequesterOf(v.R), r.login.user, r.Code, r.Cause)
	case r.Callback != "":
		fields := a.Telemetry.RequestFields(v.R, zap.String("callback", r.Callback), code)
		a.Telemetry.NotifySampled(telemetry.CallbackRefused(r.Code), string(r.Code), r.Cause, fields...)
	case r.Notice.Message != "":
		a.Telemetry.NotifySampled(r.Notice, "", r.Cause, a.Telemetry.RequestFields(v.R, r.Fields...)...)
	}
}

// refuse writes the response of a refusal. With HandleErrors it returns the status instead, for
// the site's handle_errors. [C8, E1]
func (a *Writer) refuse(v *request.State, r *Refusal) error {
	reply := r.Reply
	if r.login != nil && reply.LoginURL == "" {
		reply.LoginURL = a.LoginURLFor(reply.Code, r.login.returnTo)
	}
	repl := v.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(placeholderError, string(reply.Code))
	if len(reply.Missing) > 0 {
		repl.Set(placeholderMissing, strings.Join(reply.Missing, ","))
	}
	if reply.Reason != "" {
		repl.Set(placeholderReason, string(reply.Reason))
	}
	if !r.repeated {
		if v.Outcome = telemetry.OutcomeRefused; reply.Code.AsksForLogin() {
			v.Outcome = telemetry.OutcomeLoginRequired
		}
		a.Telemetry.CountRefusal(reply.Code)
	}
	asker := v.Audience()
	if asker == audience.HTMX && reply.Code == refusal.LoginRequired && reply.Wants == 0 {
		// A request that wants JSON, such as userinfo, gets no redirect.
		v.W.Header().Set("Hx-Redirect", reply.LoginURL)
	}
	if reply.Code == refusal.OtherAccount {
		reply.SwitchURL = a.Paths.OtherAccountURL(returnOf(reply.LoginURL))
	}
	a.leaveCallback(v, r, reply)
	status := reply.Code.Status()
	if a.HandleErrors && !a.keepFromLog(v, r, status) {
		reply.SetHeaders(v.W.Header())
		v.W.Header().Del("Content-Security-Policy") // the page will be the site's own
		return caddyhttp.Error(status, errors.New(string(reply.Code)))
	}
	reply.RequestID = cmp.Or(reply.RequestID, telemetry.RequestID(v.R))
	reply.AnyAccount = a.AnyAccount
	reply.Head = v.R.Method == http.MethodHead
	if reply.Wants == 0 {
		reply.Wants = refusal.JSON
		if asker.SeesPages() {
			reply.Wants = refusal.Page
		}
	}
	if reply.Wants == refusal.Page {
		reply.Look = a.Look(v)
		reply.Look.Framed = asker.IsFramed()
		if reply.Code == refusal.OtherBrowser {
			reply.Elsewhere = a.Elsewhere(v, returnOf(reply.LoginURL))
		}
	}
	reply.Write(v.W)
	return nil
}

// keepFromLog reports whether Caddy must not get an error. Caddy logs each error of 500 or more
// with the request's address, and that of a callback holds the authorization code. [P1]
func (a *Writer) keepFromLog(v *request.State, r *Refusal, status int) bool {
	return status >= 500 && (r.Astray || a.Paths.IsCallbackPath(v.OriginalURL.Path))
}

// SiteFailed returns the refusal of a callback that the site failed to handle. err must not
// reach Caddy, which would log it with the authorization code in the address. [P1]
func (a *Writer) SiteFailed(err error) error {
	reply := refusal.Reply{Code: refusal.Internal, LoginURL: a.Paths.LoginURL("/")}
	return &Refusal{Reply: reply, Notice: telemetry.NoticeHandoffFailed, Cause: err}
}

// Catch turns a panic of the handler into a refusal. Without it Caddy would close the connection
// without a status. It must be deferred directly. [A6]
func (a *Writer) Catch(err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	// Log the type alone: the value may hold data of the request. [P1]
	a.Telemetry.NotifyPanic(cause)
	*err = Refuse(refusal.Reply{Code: refusal.Internal})
}

// LoginURLFor returns the address for another attempt after a refusal. An account without access
// needs a link that lets the visitor choose another: Instagram would sign the same one in again.
func (a *Writer) LoginURLFor(code refusal.Code, returnTo string) string {
	switch code {
	case refusal.NoAccess:
		return a.Paths.OtherAccountURL(returnTo)
	case refusal.OtherAccount:
		return a.Paths.FreshURL(returnTo)
	}
	return a.Paths.LoginURL(returnTo)
}

// Missing returns the refusal of a user who has not granted all required permissions. Its page
// offers to ask again.
func (a *Writer) Missing(missing instagram.Permissions, returnTo string) refusal.Reply {
	return refusal.Reply{Code: refusal.MissingPermission, Missing: missing.Names(), LoginURL: a.Paths.LoginURL(returnTo)}
}
