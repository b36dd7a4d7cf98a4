package instagramauth

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/flight"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	forgeriesPerMinute = 10 // callbacks of one client that Meta has not signed [K5]
	forgeryBurst       = 20
	rememberNonces     = 100_000

	// abandonLogin is how long a login goes on whose visitor went away, and keepLogin how
	// long its result is kept: a browser that loads the callback again breaks the first
	// request off, and an answer that was sent may not have arrived.
	abandonLogin = 3 * time.Second
	keepLogin    = 5 * time.Second

	renewalsAtATime  = 8 // of each kind, of callsAtATime, so that logins always find a place
	rememberRenewals = 10_000
	keepRenewed      = 48 * time.Hour // after the last request whose cookie does not know it
)

// limits is what an instance remembers beyond one request. None of it is needed to
// finish a login elsewhere; it keeps floods away from Instagram and lets a login
// be finished once.
type limits struct {
	app      string
	rates    rates
	failures *limit.Failures // sign-ins that asked Instagram [N9]
	cancels  *limit.Rate     // sign-ins that did not
	// forgeries are kept apart: another site can send them with a visitor's browser, and they
	// must cost that visitor no sign-in. [N15]
	forgeries *limit.Rate
	provider  *provider.Memory
	nonces    *limit.Once
	logins    *flight.Group[[32]byte, loginEnd] // that are being finished, by nonce
	// tokens and profiles are what Instagram is asked again about sessions. They are kept
	// apart, so that trouble with one of them does not hold up the other.
	tokens, profiles *renewal.Group[session.Session]
	pictures         *pictures
}

// Destruct implements caddy.Destructor. There is nothing to end.
func (*limits) Destruct() error { return nil }

// pool keeps the limits of an app while one configuration replaces another: a
// reload must not make used logins usable again.
var pool = caddy.NewUsagePool()

func newRenewals(now func() time.Time) *renewal.Group[session.Session] {
	return renewal.New[session.Session](rememberRenewals, renewalsAtATime, keepRenewed, now)
}

func (h *Handler) borrowLimits() error {
	key := h.settings.instance
	shared, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &limits{
			app:       h.settings.appID,
			failures:  limit.NewFailures(defaultFailures, defaultPer, rememberClients, h.now),
			cancels:   limit.NewRate(defaultFailures, defaultFailures, rememberClients, h.now),
			forgeries: limit.NewRate(forgeriesPerMinute, forgeryBurst, rememberClients, h.now),
			provider:  provider.NewMemory(h.now),
			nonces:    limit.NewOnce(rememberNonces, session.LoginLifetime, h.now),
			logins:    flight.New[[32]byte, loginEnd](abandonLogin, keepLogin),

			tokens: newRenewals(h.now), profiles: newRenewals(h.now), pictures: newPictures(h.now),
		}, nil
	})
	if err != nil {
		return err
	}
	h.limits, h.limitsKey = shared.(*limits), key
	h.leaveRate = h.limits.joinRate(&h.settings.rate)
	return nil
}

// returnLimits gives the limits back. The handler keeps its pointer to them: requests
// that began before a reload may still be on their way.
func (h *Handler) returnLimits() error {
	if h.limitsKey == "" {
		return nil
	}
	h.leaveRate()
	_, err := pool.Delete(h.limitsKey)
	h.limitsKey = ""
	return err
}
