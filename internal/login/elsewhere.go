package login

import (
	"cmp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// Instagram's app opens links in a browser of its own, and takes links to Instagram from other
// browsers. So a login can begin in one browser and come back in another, which has no cookie of
// it.

// beganElsewhere reports whether a callback without a login belongs to one that another browser
// began, and which app's browser took part. It sets where another attempt leads.
//
// It is a guess that changes a page and nothing else. The browser stays signed out, because anybody
// can begin a login and send its callback to somebody else. [C1]
func (f *Flow) beganElsewhere(v *request.State, cb *CallbackState) (app audience.App, ok bool) {
	if cb.Failed || v.Found.LoginUnderWay() {
		return audience.NoApp, false // this browser knows logins, but not this one
	}
	login, ok := f.Cookies.Origin(cb.State, cb.redirect.URI)
	if !ok || f.Memory.Nonces.Used(login.Nonce) {
		return audience.NoApp, false
	}
	// Without any app it is most likely one browser that has lost its cookie.
	app = cmp.Or(audience.AppOf(v.R), audience.App(login.App))
	if app == audience.NoApp {
		return audience.NoApp, false
	}
	cb.login.ReturnTo = f.Paths.Safe(login.ReturnTo) // it has been in an address since the start [R2]
	return app, true
}
