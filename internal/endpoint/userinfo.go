package endpoint

import (
	"net/http"
	"slices"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// Userinfo answers with the signed-in account as JSON, for scripts of this site. It never contains
// a token, and other sites cannot read it. [P4]
func (e *Endpoints) Userinfo(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if err := e.requireOwnVisitor(v); err != nil {
		return err
	}
	e.Sessions.SetRenewedCookie(v)
	v.W.Header().Set("Vary", "Cookie")
	info := map[string]any{
		"id": v.Session.UserID, identity.FieldUsername: v.Session.Username,
		"auth_time": v.Session.Issued.UTC(), "expires_at": v.Session.End(e.Sessions.Lifetime).UTC(),
	}
	if until := e.Cookies.IdleUntil(&v.Session); !until.IsZero() {
		info["idle_until"] = until.UTC() // of the renewed cookie, if this answer has one
	}
	for _, f := range v.Session.Fields {
		if slices.Contains(e.Fields, f.Name) {
			info[f.Name] = f.Value
		}
	}
	if granted := instagram.Permissions(v.Session.Permissions); granted != 0 {
		info[identity.FieldPermissions] = granted.Names()
	}
	return answer.JSON(info)
}

// requireOwnVisitor refuses a request unless its visitor is signed in and it comes from a page of
// this site. [P4]
func (e *Endpoints) requireOwnVisitor(v *request.State) error {
	e.Sessions.Recognize(v)
	switch v.Standing {
	case request.NotAllowed:
		return e.Sessions.RefuseAccess(v)
	case request.MissingPermission:
		e.Sessions.SetRenewedCookie(v)
		reply := e.Answers.Missing(v.Missing, v.ReturnFor(e.Paths))
		reply.Wants = refusal.JSON
		return answer.Refuse(reply)
	case request.RevocationUnknown:
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, Wants: refusal.JSON, RetryAfter: e.Sessions.SyncInterval})
	}
	site := v.R.Header.Get("Sec-Fetch-Site")
	foreign := site != "" && site != "same-origin" && site != "none"
	if v.Standing != request.SignedIn || foreign {
		return e.requireLogin(v)
	}
	return nil
}

// requireLogin refuses a request without a session, as JSON with the address of the login.
func (e *Endpoints) requireLogin(v *request.State) error {
	reply := refusal.Reply{Code: refusal.LoginRequired, Wants: refusal.JSON, LoginURL: e.Paths.LoginURL(v.ReturnFor(e.Paths))}
	reply.Reason = e.Sessions.ReasonSignedOut(v)
	if !e.Paths.SignsIn(v.R.Host) {
		to := e.Paths.CanonicalFor(v.R.Host)
		reply.Code, reply.Reason, reply.LoginURL = refusal.BadHost, "", to.Origin+e.Paths.Of(address.Login)
	}
	return answer.Refuse(reply)
}
