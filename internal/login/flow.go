// Package login is the sign-in: it sends visitors to Instagram's authorization window, answers the
// callback, and creates the session or hands the identity to the site.
//
// The package does not know what becomes of a session later, which paths need one, or how a page
// looks: a refusal leaves it as an *answer.Refusal.
package login

import (
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/flight"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/protect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	maxNonces = 100_000

	// abandonAfter is the time until a login is cancelled that no request waits for, and
	// keepResult is the time that its result is kept. A browser that reloads the callback
	// cancels the first request, and an answer that was sent may not have arrived.
	abandonAfter = 3 * time.Second
	keepResult   = 5 * time.Second
)

// Flow runs the logins of a block. All fields are required. It is safe for concurrent use.
type Flow struct {
	lifecycle.Shared
	Sessions *lifecycle.Sessions
	Client   *instagram.Client
	Memory   *Memory
	Rules    *protect.Rules
	StepUp   []string // permissions that a link may ask for, beside those of every login
	SeesMore bool     // the site gets more than the username and the account ID
	Rate     Rate     // limit of failed sign-ins
}

// Memory holds the rate limits and the used logins. It outlives a reload of the configuration,
// which must not make a used login valid again. Another node can finish a login without it.
type Memory struct {
	rates    rates
	failures *limit.Failures                 // failed sign-ins that called Instagram [N9]
	cancels  *limit.Rate                     // cancelled sign-ins, which did not
	Nonces   *limit.Once                     // of used logins
	logins   *flight.Group[[32]byte, result] // running logins, by nonce
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
