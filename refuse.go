package instagramauth

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// refuse answers with one of the refusals of the table, or hands its status to the
// site's handle_errors where the operator wants that. It never proceeds. [C8, E1]
func (h *Handler) refuse(v *visit, reply refusal.Reply) (bool, error) {
	repl := v.r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(placeholderError, string(reply.Code))
	if len(reply.Missing) > 0 {
		repl.Set(placeholderMissing, strings.Join(reply.Missing, ","))
	}
	if v.outcome = refused; reply.Code.AsksForLogin() {
		v.outcome = loginRequired
	}
	if !v.shownAgain {
		h.metrics.refusal(reply.Code).Inc()
	}
	who := v.who()
	if who == audience.HTMX && reply.Code == refusal.LoginRequired && reply.Wants == 0 {
		// What a script asks for itself, such as userinfo, moves nobody.
		v.w.Header().Set("Hx-Redirect", reply.LoginURL)
	}
	h.leaveCallback(v, reply)
	status := reply.Code.Status()
	if h.settings.handleErrors && !h.keepFromLog(v, status) {
		reply.SetHeaders(v.w.Header())
		v.w.Header().Del("Content-Security-Policy") // the page will be the site's own
		return false, caddyhttp.Error(status, errors.New(string(reply.Code)))
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
	return false, nil
}

// keepFromLog reports whether Caddy must not get to see an error: it would write
// one of 500 or more into its default log together with the address, which on the
// callback holds the authorization code. [P1]
func (h *Handler) keepFromLog(v *visit, status int) bool {
	return status >= 500 && (v.astray || h.settings.isCallbackPath(v.asked.Path))
}

// answerForSite answers a callback at which the site failed. Returned to Caddy, the
// error would be logged with the address and the authorization code in it. [P1]
func (h *Handler) answerForSite(v *visit, err error) error {
	h.notifySampled(noticeHandoffFailed, "", err, h.about(v.r)...)
	_, err = h.refuse(v, refusal.Reply{Code: refusal.Internal, LoginURL: h.loginURL("/")})
	return err
}
