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
	forgeriesPerMinute = 10 // callbacks of one client that Meta has not signed [K5]
	forgeryBurst       = 20
)

// Config is what the own paths of a block are answered with.
type Config struct {
	App       string
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
	LogoutTarget string
	PictureMode  PictureMode
	// PassDeauthorize and PassDataDeletion let the site answer callbacks from Meta, too.
	PassDeauthorize, PassDataDeletion bool
	// Required reports whether a request needs a session.
	Required func(*request.State) bool
}

// Endpoints answer on the own paths that are no login.
type Endpoints struct{ Config }

// New returns the endpoints of a block.
func New(c Config) *Endpoints { return &Endpoints{c} }

// Memory is what all configurations of an instance remember for the endpoints.
type Memory struct {
	// forgeries are kept apart: another site can send them with a visitor's browser, and they
	// must cost that visitor no sign-in. [N15]
	forgeries *limit.Rate
	pictures  *pictures
}

// NewMemory returns an empty memory.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{limit.NewRate(forgeriesPerMinute, forgeryBurst, limit.RememberClients, now), newPictures(now)}
}

// Forget drops what is remembered of sessions that match. [P5]
func (m *Memory) Forget(match func(key uint64, s session.Session) bool) {
	m.pictures.forget(match)
}
