package instagramauth

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

// endpointsConfig is what the own paths of a block are answered with.
type endpointsConfig struct {
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
	Memory    *endpointMemory
	Now       func() time.Time

	Fields       []string // further fields of the user node
	LogoutTarget string
	Picture      PictureMode
	// PassDeauthorize and PassDataDeletion let the site answer callbacks of Meta's, too.
	PassDeauthorize, PassDataDeletion bool
	// Required reports whether a request needs a session.
	Required func(*request.State) bool
}

// endpoints answer on the own paths that are no login.
type endpoints struct{ endpointsConfig }

// newEndpoints returns the endpoints of a block.
func newEndpoints(c endpointsConfig) *endpoints { return &endpoints{c} }

// endpointMemory is what all configurations of an instance remember for the endpoints.
type endpointMemory struct {
	// forgeries are kept apart: another site can send them with a visitor's browser, and they
	// must cost that visitor no sign-in. [N15]
	forgeries *limit.Rate
	pictures  *pictures
}

// newEndpointMemory returns an empty memory.
func newEndpointMemory(now func() time.Time) *endpointMemory {
	return &endpointMemory{limit.NewRate(forgeriesPerMinute, forgeryBurst, limit.RememberClients, now), newPictures(now)}
}

// Forget drops what is remembered of sessions that match. [P5]
func (m *endpointMemory) Forget(match func(key uint64, s session.Session) bool) {
	m.pictures.forget(match)
}
