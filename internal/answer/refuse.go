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

// The placeholders of a refusal, for the site's handle_errors.
const (
	placeholderError   = "http.auth." + option.Directive + ".error"
	placeholderMissing = "http.auth." + option.Directive + ".missing" // the permissions that it is about
)

// A step that does not let a request go on to the site returns why: an error value, which travels up
// to ServeHTTP and is answered, logged and counted in this file.

// A refusalError is the refusal of a request, by the table of refusals.
type Refusal struct {
	refusal.Reply
	Cause error // for the operator; nil where the code says it all

	// login is set where a login ends with it: that is logged, counted and sent as an event.
	login *endedLogin
	// Callback names the callback from Meta that is refused, which is logged.
	Callback string
	// Notice is another line of the log, with fields; one without a message is none.
	Notice telemetry.Notice
	Fields []zap.Field

	KeepsLogin bool // the login of a refused callback is still good
	Astray     bool // the callback of a login came to another path than its own
	shownAgain bool // it was logged and counted before
}

func (e *Refusal) Error() string { return string(e.Code) }

// Refuse returns a refusal of which there is nothing to tell the operator.
func Refuse(reply refusal.Reply) error { return &Refusal{Reply: reply} }

// endedLogin is a login that ends with a refusal.
type endedLogin struct {
	who      *session.Identity // as far as that is known
	returnTo string
}

// RefuseLogin returns the refusal with which a login ends. cause may be nil.
func RefuseLogin(who *session.Identity, returnTo string, reply refusal.Reply, cause error) *Refusal {
	return &Refusal{Reply: reply, login: &endedLogin{who, returnTo}, Cause: cause}
}

// RefuseAfter returns a refusal that does not last.
func RefuseAfter(code refusal.Code, wait time.Duration, cause error) *Refusal {
	return &Refusal{Reply: refusal.Reply{Code: code, RetryAfter: wait}, Cause: cause}
}

// Allow refuses every method but those listed.
func Allow(v *request.State, methods ...string) error {
	if slices.Contains(methods, v.R.Method) {
		return nil
	}
	return Refuse(refusal.Reply{Code: refusal.Method, Allow: strings.Join(methods, ", ")})
}

// An ownAnswer is an answer of this handler that is no refusal.
type Own struct {
	outcome telemetry.Outcome // outcomeAnonymous leaves the one of the request as it is
	Give    func(http.ResponseWriter, *http.Request) error
}

func (*Own) Error() string { return "answered by " + option.Directive }

// With says what becomes of the request with this answer.
func (a *Own) With(o telemetry.Outcome) *Own {
	a.outcome = o
	return a
}

// Redirect sends the visitor elsewhere. location goes out as it is and has been
// checked before: http.Redirect would clean it. [A5, R1]
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

// Page shows a page that is no refusal.
func Page(page interface {
	Write(w http.ResponseWriter, head bool)
}) *Own {
	return &Own{Give: func(w http.ResponseWriter, r *http.Request) error {
		page.Write(w, r.Method == http.MethodHead)
		return nil
	}}
}

// JSON answers a program of Instagram's or of the site's.
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

// A Writer is the only one that answers in this handler's own name.
type Writer struct {
	Config
}

// Config is what a writer has to know.
type Config struct {
	Telemetry *telemetry.Recorder
	Paths     *address.Paths
	Cookies   *session.Cookies
	Now       func() time.Time
	// HandleErrors leaves the pages of refusals to the site's handle_errors.
	HandleErrors bool
	// AnyAccount says that personal accounts can sign in, too.
	AnyAccount bool
	// Language is that of the pages, nil for the one that the visitor prefers.
	Language *refusal.Language
	// Pages is a folder with templates, "" for the built-in pages.
	Pages string

	templates *refusal.Templates // nil for the built-in ones
}

// New returns a writer. It fails where the operator's templates cannot be read.
func New(c Config) (a *Writer, err error) {
	if c.Pages != "" {
		c.templates, err = refusal.Load(c.Pages, func(err error) { c.Telemetry.NotifySampled(telemetry.NoticePageFailed, "", err) })
		if err != nil {
			return nil, option.Errorf("pages", "%s", option.OneLine(err))
		}
	}
	return &Writer{c}, nil
}

// Look returns how a page is shown to whoever asks.
func (a *Writer) Look(r *http.Request) refusal.Look {
	look := refusal.Look{Language: a.Language, Negotiated: a.Language == nil, Templates: a.templates}
	if look.Negotiated {
		look.Language = refusal.Preferred(r.Header["Accept-Language"])
	}
	return look
}

// Answer answers a request that does not go on to the site. Other errors are Caddy's to answer.
func (a *Writer) Answer(v *request.State, err error) error {
	err = a.give(v, err)
	if refused, ok := errors.AsType[*Refusal](err); ok {
		return a.refuse(v, refused)
	}
	return err
}

// Give is answer; after a panic, of an operator's event handler for example, it returns a refusal.
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

// logRefusal tells the operator of a refusal.
func (a *Writer) logRefusal(v *request.State, r *Refusal) {
	switch code := zap.String("code", string(r.Code)); {
	case r.login != nil:
		a.Telemetry.LoginRefused(telemetry.RequesterOf(v.R), r.login.who, r.Code, r.Cause)
	case r.Callback != "":
		a.Telemetry.NotifySampled(telemetry.CallbackRefused(r.Code), string(r.Code), r.Cause, a.Telemetry.RequestFields(v.R, zap.String("callback", r.Callback), code)...)
	case r.Notice.Message != "":
		a.Telemetry.NotifySampled(r.Notice, "", r.Cause, a.Telemetry.RequestFields(v.R, r.Fields...)...)
	}
}

// Refuse answers with one of the refusals of the table, or returns its status for the
// site's handle_errors where the operator wants that. [C8, E1]
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
	if !r.shownAgain {
		if v.Outcome = telemetry.OutcomeRefused; reply.Code.AsksForLogin() {
			v.Outcome = telemetry.OutcomeLoginRequired
		}
		a.Telemetry.CountRefusal(reply.Code)
	}
	who := v.Audience()
	if who == audience.HTMX && reply.Code == refusal.LoginRequired && reply.Wants == 0 {
		// What a script asks for itself, such as userinfo, moves nobody.
		v.W.Header().Set("Hx-Redirect", reply.LoginURL)
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
		if who.SeesPages() {
			reply.Wants = refusal.Page
		}
	}
	if reply.Wants == refusal.Page {
		reply.Look = a.Look(v.R)
		reply.Look.Framed = who.IsFramed()
	}
	reply.Write(v.W)
	return nil
}

// keepFromLog reports whether Caddy must not get to see an error: it would write
// one of 500 or more into its default log together with the address, which on the
// Callback holds the authorization code. [P1]
func (a *Writer) keepFromLog(v *request.State, r *Refusal, status int) bool {
	return status >= 500 && (r.Astray || a.Paths.IsCallbackPath(v.OriginalURL.Path))
}

// SiteFailed is for a callback at which the site failed. Returned to Caddy, its error would be logged
// with the address and the authorization code in it. [P1]
func (a *Writer) SiteFailed(err error) error {
	return &Refusal{Reply: refusal.Reply{Code: refusal.Internal, LoginURL: a.Paths.LoginURL("/")}, Notice: telemetry.NoticeHandoffFailed, Cause: err}
}

// Catch turns a panic of ours into a refusal: Caddy would close the connection
// without a status, and nothing may go on to the site. [A6]
func (a *Writer) Catch(err *error) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	// The type alone: the value may carry anything of the request. [P1]
	a.Telemetry.NotifyPanic(cause)
	*err = Refuse(refusal.Reply{Code: refusal.Internal})
}

// LoginURLFor returns where a visitor can start again. Who has no access with one account
// wants to choose another, and Instagram would sign the same one in without a question.
func (a *Writer) LoginURLFor(code refusal.Code, returnTo string) string {
	if code == refusal.NoAccess {
		return a.Paths.OtherAccountURL(returnTo)
	}
	return a.Paths.LoginURL(returnTo)
}

// Missing is the refusal of who has not granted all that is required. It offers to ask again.
func (a *Writer) Missing(missing instagram.Permissions, returnTo string) refusal.Reply {
	return refusal.Reply{Code: refusal.MissingPermission, Missing: missing.Names(), LoginURL: a.Paths.LoginURL(returnTo)}
}
