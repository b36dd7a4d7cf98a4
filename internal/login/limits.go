package login

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The limits of failed sign-ins. A login that succeeds does not count. [D2, N9, N15]

const (
	defaultFailures = 20          // of one client within defaultPer
	defaultPer      = time.Minute // also the rate of what has a limit of its own
)

// Rate is the number of sign-ins of one client that may fail within Per. Off removes the limit.
type Rate struct {
	Failures int
	Per      time.Duration
	Off      bool
}

// DefaultRate returns the rate that applies without the option rate_limit: 20 failures a minute.
func DefaultRate() Rate { return Rate{Failures: defaultFailures, Per: defaultPer} }

// rates are those of the blocks that share a Memory. The newest one applies. After a configuration
// that did not load, that is the one before.
type rates struct {
	mu  sync.Mutex
	all []*Rate
}

// Join applies a rate until leave is called.
func (m *Memory) Join(r *Rate) (leave func()) {
	m.rates.mu.Lock()
	defer m.rates.mu.Unlock()
	m.rates.all = append(m.rates.all, r)
	m.setRate(r)
	return func() {
		m.rates.mu.Lock()
		defer m.rates.mu.Unlock()
		all := slices.DeleteFunc(m.rates.all, func(other *Rate) bool { return other == r })
		if m.rates.all = all; len(all) > 0 {
			m.setRate(all[len(all)-1])
		}
	}
}

func (m *Memory) setRate(r *Rate) {
	m.failures.Set(r.Failures, r.Per, r.Off)
	m.cancels.Set(r.Failures, r.Per)
}

var (
	// ErrClientLimit is the cause of a refusal after too many failed sign-ins of one client.
	ErrClientLimit = telemetry.NewCause("too many failed sign-ins from this client",
		"nothing to change if it passes; raise rate_limit if many people share this address; if client_ip is the same for everybody, set trusted_proxies and trusted_proxies_strict for the proxy in front")
	errNetworkLimit = telemetry.NewCause("too many failed sign-ins from the network of this client",
		"nothing to change: somebody uses many addresses of one network; block the network if it does not stop")
	// ErrOverallLimit is the cause of a refusal after too many failed sign-ins of all clients.
	ErrOverallLimit = telemetry.NewCause("too many failed sign-ins from all clients together",
		"somebody tries made-up codes from many addresses: nothing to change if it passes, and visitors who have signed in recently still can; otherwise block the addresses in front of Caddy; if log lines have no client_ip, set trusted_proxies_unix, or with trusted_proxies and trusted_proxies_strict")
	errCancelLimit = telemetry.NewCause("too many cancelled sign-ins from this client",
		"nothing to change if it passes; raise rate_limit if many people share this address")
)

// refuseLimited returns the refusal of a login that exceeds a limit. The login stays valid.
func (f *Flow) refuseLimited(refused *limit.Refused) *answer.Refusal {
	causes := map[limit.Limit]error{
		limit.OfClient: ErrClientLimit, limit.OfNetwork: errNetworkLimit, limit.OfAll: ErrOverallLimit,
	}
	f.Telemetry.CountLimited(refused.By.String())
	return answer.RefuseAfter(refusal.TooMany, refused.Wait, causes[refused.By])
}

// attemptOutcome says how an attempt counts.
type attemptOutcome int

const (
	notCounted attemptOutcome = iota // not made, or its failure says nothing about the client
	failed                           // after a call to Instagram
	succeeded
)

// settle reports the outcome of an attempt to its limits.
func (f *Flow) settle(attempt *limit.Attempt, outcome attemptOutcome) {
	switch outcome {
	case succeeded:
		attempt.Succeeded()
	case failed:
		attempt.Failed()
		f.Telemetry.CountFailed(attempt.Share().String())
	default:
		attempt.Withdraw()
	}
}

// tooManyCancels reports whether a client has cancelled too many logins, and the wait until the
// next. These do not call Instagram, so they must not block other logins from the same address.
func (f *Flow) tooManyCancels(r *http.Request) (wait time.Duration, tooMany bool) {
	client := limit.ClientOf(telemetry.ClientIP(r))
	if f.Rate.Off || !client.HasAddress() {
		return 0, false
	}
	ok, wait := f.Memory.cancels.Allow(client.Key())
	if !ok {
		f.Telemetry.CountLimited(telemetry.LimitCancelled)
	}
	return wait, !ok
}

// warnNoAddress logs once a day that requests have no client address.
func (f *Flow) warnNoAddress(from telemetry.Requester) {
	if !limit.ClientOf(from.ClientIP).HasAddress() && f.Provider.FirstToday("addresses") {
		f.Telemetry.Notify(telemetry.NoticeNoClientIP, nil, f.Telemetry.RequesterFields(from)...)
	}
}
