// Package endpoint answers the handler's own paths other than login and callback: logout, userinfo,
// the profile picture, and Meta's two callbacks (deauthorize and data deletion).
//
// The package does not know how a login runs, or how a page looks: a refusal leaves it as an
// *answer.Refusal.
package endpoint

import (
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	forgeriesPerMinute = 10 // unsigned callbacks of one client [K5]
	forgeryBurst       = 20
)

// Config holds the settings and collaborators of a block's endpoints. All pointers are required.
type Config struct {
	App       string // the app ID at Meta
	Paths     *address.Paths
	Cookies   *session.Cookies
	Codes     *session.Codes
	Marks     *session.Marks // of Meta's callbacks
	Rotation  *rotation.Rotation
	Sessions  *lifecycle.Sessions
	Telemetry *telemetry.Recorder
	Provider  *provider.Provider
	Answers   *answer.Writer
	Memory    *Memory
	Now       func() time.Time

	Fields       []string // further fields of the user node
	LogoutTarget string   // path of the site to redirect to after a logout
	PictureMode  PictureMode
	// PassDeauthorize and PassDataDeletion pass Meta's verified callbacks on to the site.
	PassDeauthorize, PassDataDeletion bool
	// Required reports whether a request needs a session.
	Required func(*request.State) bool
}

// Endpoints answers the own paths of a block. Use New. It is safe for concurrent use.
type Endpoints struct{ Config }

// New returns the endpoints of a block. It keeps c as it is.
func New(c Config) *Endpoints { return &Endpoints{c} }

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
	m.pictures.forget(match)
}
