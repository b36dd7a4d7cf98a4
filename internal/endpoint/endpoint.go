// Package endpoint answers the handler's own paths other than login and callback: logout, the
// account page, userinfo, the profile picture, and Meta's two callbacks (deauthorize and data
// deletion).
//
// The package does not know how a login runs, or how a page looks: a refusal leaves it as an
// *answer.Refusal.
package endpoint

import (
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	forgeriesPerMinute = 10 // unsigned callbacks of one client [K5]
	forgeryBurst       = 20
)

// Endpoints answers the own paths of a block. All pointers are required. It is safe for concurrent
// use.
type Endpoints struct {
	lifecycle.Shared
	Sessions *lifecycle.Sessions
	Codes    *session.Codes
	Marks    *session.Marks // of Meta's callbacks
	Memory   *Memory

	Fields       []string // further fields of the user node
	LogoutTarget string   // path of the site to redirect to after a logout
	PictureMode  PictureMode
	// PassDeauthorize and PassDataDeletion pass Meta's verified callbacks on to the site.
	PassDeauthorize, PassDataDeletion bool
	// Required reports whether a request needs a session.
	Required func(*request.State) bool
	// PassSignedIn returns nil for a visitor who is signed in, and otherwise the answer that asks
	// for a sign-in. It expects the standing that lifecycle.Sessions.Recognize has found.
	PassSignedIn func(*request.State) error
	// RedirectToCanonical redirects to the same page on a host where visitors can sign in.
	RedirectToCanonical func(*request.State) error
	// PictureSources are the hosts to which PictureRedirect leads, for a Content-Security-Policy.
	PictureSources []string
	// AppsURL is Instagram's page on which people remove apps.
	AppsURL string
}

// Memory holds the pictures and the limits of an instance. It outlives a reload of the
// configuration.
type Memory struct {
	// forgeries counts unsigned callbacks, apart from failed sign-ins: another site can make a
	// visitor's browser send them, and that must not block the visitor's sign-in. [N15]
	forgeries *limit.Rate
	pictures  *pictures
}

// NewMemory returns an empty memory.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{limit.NewRate(forgeriesPerMinute, forgeryBurst, limit.RememberClients, now), newPictures(now)}
}

// Forget drops the pictures of the matching sessions. [P5]
func (m *Memory) Forget(match func(key uint64, s session.Session) bool) {
	m.pictures.Drop(func(known pictureResult) bool { return match(known.owner.Keys.Session, known.owner) })
}
