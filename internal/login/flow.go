package login

import (
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/flight"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

const (
	maxNonces = 100_000

	// abandonLogin is how long a login goes on whose visitor went away, and keepLogin how
	// long its result is kept: a browser that loads the callback again breaks the first
	// request off, and an answer that was sent may not have arrived.
	abandonAfter = 3 * time.Second
	keepResult   = 5 * time.Second
)

// Config is what the logins of a block are made of.
type Config struct {
	Paths     *address.Paths
	Cookies   *session.Cookies
	Client    *instagram.Client
	Sessions  *lifecycle.Sessions
	Telemetry *telemetry.Recorder
	Provider  *provider.Provider
	Answers   *answer.Writer
	Identity  *identity.Injector
	Memory    *Memory
	Now       func() time.Time

	Handoff bool     // the site answers the callback, and keeps the sessions
	StepUp  []string // permissions that a link may ask for
	Rate    Rate
}

// Flow takes visitors to Instagram and back.
type Flow struct{ Config }

// New returns the logins of a block.
func New(c Config) *Flow { return &Flow{c} }

// Memory is what all configurations of an instance remember of logins. None of it is needed to
// finish a login elsewhere; it keeps floods away from Instagram and lets a login be finished once.
type Memory struct {
	rates    rates
	failures *limit.Failures // sign-ins that asked Instagram [N9]
	cancels  *limit.Rate     // sign-ins that did not
	Nonces   *limit.Once
	logins   *flight.Group[[32]byte, result] // that are being finished, by nonce
}

// NewMemory returns an empty memory.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{
		failures: limit.NewFailures(defaultFailures, defaultPer, limit.RememberClients, now),
		cancels:  limit.NewRate(defaultFailures, defaultFailures, limit.RememberClients, now),
		Nonces:   limit.NewOnce(maxNonces, session.LoginLifetime, now),
		logins:   flight.New[[32]byte, result](abandonAfter, keepResult),
	}
}
