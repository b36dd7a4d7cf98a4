package instagramauth

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// A step that does not let a request go on to the site returns why: an error value, which travels up
// to ServeHTTP and is answered, logged and counted in this file.

// A refusalError is the refusal of a request, by the table of refusals.
type refusalError struct {
	refusal.Reply
	cause error // for the operator; nil where the code says it all

	// login is set where a login ends with it: that is logged, counted and sent as an event.
	login *comeback
	// callback is the callback of Meta's that is refused, which is logged.
	callback removal
	// notice is another line of the log, with fields; one without a message is none.
	notice notice
	fields []zap.Field

	keepsLogin bool // the login of a refused callback is still good
	astray     bool // the callback of a login came to another path than its own
	shownAgain bool // it was logged and counted before
}

func (e *refusalError) Error() string { return string(e.Code) }

// refuse returns a refusal of which there is nothing to tell the operator.
func refuse(reply refusal.Reply) error { return &refusalError{Reply: reply} }

// refuseLogin returns the refusal with which a login ends. cause may be nil.
func refuseLogin(back comeback, reply refusal.Reply, cause error) error {
	return &refusalError{Reply: reply, login: &back, cause: cause}
}

// refuseAfter returns a refusal that does not last.
func refuseAfter(code refusal.Code, wait time.Duration, cause error) *refusalError {
	return &refusalError{Reply: refusal.Reply{Code: code, RetryAfter: wait}, cause: cause}
}

// An ownAnswer is an answer of this handler that is no refusal.
type ownAnswer struct {
	outcome outcome // outcomeAnonymous leaves the one of the request as it is
	give    func(http.ResponseWriter, *http.Request) error
}

func (*ownAnswer) Error() string { return "answered by " + directive }

// as says what becomes of the request with this answer.
func (a *ownAnswer) as(o outcome) *ownAnswer {
	a.outcome = o
	return a
}

// redirectTo sends the visitor elsewhere. location goes out as it is and has been
// checked before: http.Redirect would clean it. [A5, R1]
func redirectTo(status int, location string) *ownAnswer {
	return &ownAnswer{give: func(w http.ResponseWriter, _ *http.Request) error {
		header := w.Header()
		header.Set("Location", location)
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "no-referrer") // [P3]
		header.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		return nil
	}}
}

// showPage shows a page that is no refusal.
func showPage(page interface {
	Write(w http.ResponseWriter, head bool)
}) *ownAnswer {
	return &ownAnswer{give: func(w http.ResponseWriter, r *http.Request) error {
		page.Write(w, r.Method == http.MethodHead)
		return nil
	}}
}

// answerJSON answers a program of Instagram's or of the site's.
func answerJSON(answer any) *ownAnswer {
	return &ownAnswer{give: func(w http.ResponseWriter, r *http.Request) error {
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

// answer answers a request that does not go on to the site. Other errors are Caddy's to answer.
func (h *Handler) answer(v *visit, err error) error {
	err = h.give(v, err)
	if refused, ok := errors.AsType[*refusalError](err); ok {
		return h.refuse(v, refused)
	}
	return err
}

// give is answer; after a panic, of an operator's event handler for example, it returns a refusal.
func (h *Handler) give(v *visit, err error) (left error) {
	defer h.catch(&left)
	if refused, ok := errors.AsType[*refusalError](err); ok {
		h.logRefusal(v, refused)
		return h.refuse(v, refused)
	}
	if own, ok := errors.AsType[*ownAnswer](err); ok {
		if own.outcome != outcomeAnonymous {
			v.outcome = own.outcome
		}
		return own.give(v.w, v.r)
	}
	return err
}

// logRefusal tells the operator of a refusal.
func (h *Handler) logRefusal(v *visit, r *refusalError) {
	switch code := zap.String("code", string(r.Code)); {
	case r.login != nil:
		h.loginRefused(requesterOf(v.r), r.login, r.Code, r.cause)
	case r.callback != "":
		h.notifySampled(callbackRefused(r.Code), string(r.Code), r.cause, h.about(v.r, zap.String("callback", string(r.callback)), code)...)
	case r.notice.message != "":
		h.notifySampled(r.notice, "", r.cause, h.about(v.r, r.fields...)...)
	}
}

// refuse answers with one of the refusals of the table, or returns its status for the
// site's handle_errors where the operator wants that. [C8, E1]
func (h *Handler) refuse(v *visit, r *refusalError) error {
	reply := r.Reply
	if r.login != nil && reply.LoginURL == "" {
		reply.LoginURL = h.loginURLFor(reply.Code, r.login.login.ReturnTo)
	}
	repl := v.r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(placeholderError, string(reply.Code))
	if len(reply.Missing) > 0 {
		repl.Set(placeholderMissing, strings.Join(reply.Missing, ","))
	}
	if !r.shownAgain {
		if v.outcome = outcomeRefused; reply.Code.AsksForLogin() {
			v.outcome = outcomeLoginRequired
		}
		h.metrics.refusal(reply.Code).Inc()
	}
	who := v.who()
	if who == audience.HTMX && reply.Code == refusal.LoginRequired && reply.Wants == 0 {
		// What a script asks for itself, such as userinfo, moves nobody.
		v.w.Header().Set("Hx-Redirect", reply.LoginURL)
	}
	h.leaveCallback(v, r, reply)
	status := reply.Code.Status()
	if h.settings.handleErrors && !h.keepFromLog(v, r, status) {
		reply.SetHeaders(v.w.Header())
		v.w.Header().Del("Content-Security-Policy") // the page will be the site's own
		return caddyhttp.Error(status, errors.New(string(reply.Code)))
	}
	reply.RequestID = cmp.Or(reply.RequestID, requestID(v.r))
	reply.AnyAccount = h.settings.api == instagram.BasicDisplay
	reply.Head = v.r.Method == http.MethodHead
	if reply.Wants == 0 {
		reply.Wants = refusal.JSON
		if who.SeesPages() {
			reply.Wants = refusal.Page
		}
	}
	if reply.Wants == refusal.Page {
		reply.Look = h.look(v.r)
		reply.Look.Framed = who.IsFramed()
	}
	reply.Write(v.w)
	return nil
}

// keepFromLog reports whether Caddy must not get to see an error: it would write
// one of 500 or more into its default log together with the address, which on the
// callback holds the authorization code. [P1]
func (h *Handler) keepFromLog(v *visit, r *refusalError, status int) bool {
	return status >= 500 && (r.astray || h.settings.paths.IsCallbackPath(v.asked.Path))
}

// siteFailed is for a callback at which the site failed. Returned to Caddy, its error would be logged
// with the address and the authorization code in it. [P1]
func (h *Handler) siteFailed(err error) error {
	return &refusalError{Reply: refusal.Reply{Code: refusal.Internal, LoginURL: h.settings.paths.LoginURL("/")}, notice: noticeHandoffFailed, cause: err}
}
