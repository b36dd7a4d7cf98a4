// Package gate asks for a session where `protect` wants one.
package gate

import (
	"net/http"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/protect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// Gate decides which requests go on to the site.
type Gate struct {
	Rules    *protect.Rules
	Sessions *lifecycle.Sessions
	Logins   *login.Flow
	Answers  *answer.Writer

	LoginPage      bool // a page with one button comes before Instagram's window
	AllowPreflight bool // CORS preflights need no session
}

// Pass returns nil for a request that may go on to the site, and otherwise the answer to it. It
// expects the standing that lifecycle.Sessions.Recognize has found.
func (g *Gate) Pass(v *request.State) error {
	if limit, covered := g.Rules.MaxAge(v); covered {
		v.MaxAge = limit
		if v.Standing == request.SignedIn && !g.Sessions.IsFresh(&v.Session, limit) {
			v.LimitBody()
			return g.ask(v, true) // [A9]
		}
		return g.pass(v, true)
	}
	if v.Standing != request.SignedIn && v.Standing != request.NotAllowed && !g.Rules.Required(v) {
		return nil
	}
	return g.pass(v, false)
}

// PassSignedIn is Pass for a page that needs a session whatever `protect` says.
func (g *Gate) PassSignedIn(v *request.State) error { return g.pass(v, false) }

// pass lets a visitor through who is signed in. fresh says that others must sign in at Instagram
// even if they are signed in there.
func (g *Gate) pass(v *request.State, fresh bool) error {
	switch v.Standing {
	case request.SignedIn:
		return nil
	case request.NotAllowed:
		v.LimitBody()
		return g.Sessions.RefuseAccess(v)
	}
	v.LimitBody()
	return g.ask(v, fresh)
}

// ask sends a navigation to Instagram. Scripts, forms and frames cannot sign in, and each gets an
// answer that it understands. [A8]
func (g *Gate) ask(v *request.State, fresh bool) error {
	asker, returnTo := v.Audience(), v.ReturnFor(g.Sessions.Paths) // both need the body, which Drain reads
	v.Drain()
	loginURL := g.Sessions.Paths.LoginURL(returnTo)
	if fresh {
		loginURL = g.Sessions.Paths.FreshURL(returnTo)
	}
	switch {
	case v.Malformed:
		return answer.Refuse(refusal.Reply{Code: refusal.BadRequest})
	case v.Standing == request.RevocationUnknown:
		// The cookie stays, because the session may still be valid. [F1]
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: g.Sessions.SyncInterval})
	case v.Standing == request.MissingPermission:
		g.Sessions.SetRenewedCookie(v)
		return answer.Refuse(g.Answers.Missing(v.Missing, returnTo))
	case asker == audience.Preflight && g.passesPreflight(v):
		v.Standing = request.Anonymous // also with a sign-in that is too old [A9]
		return nil
	case asker.SendsForm():
		return g.refuseForm(v)
	case !g.Sessions.Paths.SignsIn(v.R.Host):
		return g.Logins.RedirectToCanonical(v)
	case asker != audience.Navigation:
		reason := g.Sessions.ReasonSignedOut(v)
		return answer.Refuse(refusal.Reply{Code: refusal.LoginRequired, Reason: reason, LoginURL: loginURL})
	case g.LoginPage:
		return g.Logins.ShowSignInPage(v, returnTo, loginURL)
	}
	return g.Logins.Start(v, login.StartOptions{ReturnTo: returnTo, Fresh: fresh})
}

// refuseForm tells the visitor that their form was not saved. A redirect to Instagram would lose
// it silently, and many sites' Content-Security-Policy blocks such a redirect.
func (g *Gate) refuseForm(v *request.State) error {
	code := refusal.SessionEnded
	if v.Standing == request.SignedIn {
		code = refusal.TooOld
	} else if audience.IsFromAnotherSite(v.R) {
		// The session may be valid: browsers send no Lax cookie with another site's form.
		code = refusal.CrossSitePost
	}
	page := v.ReturnFor(g.Sessions.Paths)
	switch {
	case g.asksToRead(v):
	case code == refusal.TooOld:
		page = g.Sessions.Paths.FreshURL(page) // that page takes this session
	default:
		page = g.Sessions.Paths.LoginURL(page) // that page is public and would not start a sign-in
	}
	return answer.Refuse(refusal.Reply{Code: code, PageURL: page})
}

// asksToRead reports whether a GET of the same address would start a sign-in, too.
func (g *Gate) asksToRead(v *request.State) bool {
	method := v.R.Method
	v.R.Method = http.MethodGet
	defer func() { v.R.Method = method }()
	if v.Standing == request.SignedIn {
		limit, covered := g.Rules.MaxAge(v)
		return covered && !g.Sessions.IsFresh(&v.Session, limit)
	}
	return g.Rules.Required(v)
}

// passesPreflight reports whether a preflight goes on to the site without a session. The method is
// checked again, because another handler may have changed it.
func (g *Gate) passesPreflight(v *request.State) bool {
	return g.AllowPreflight && v.R.Method == http.MethodOptions
}
