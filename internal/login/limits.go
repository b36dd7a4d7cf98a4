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

// How many sign-ins may fail. A login that succeeds costs nobody anything. [D2, N9, N15]

const (
	defaultFailures = 20          // of one client, in defaultPer
	defaultPer      = time.Minute // also the rate of what has a limit of its own
)

// Rate is how many sign-ins of one client may fail within Per; all of them if it is Off.
type Rate struct {
	Failures int
	Per      time.Duration
	Off      bool
}

// DefaultRate is the one without an option.
func DefaultRate() Rate { return Rate{Failures: defaultFailures, Per: defaultPer} }

// rates are those of the handlers that share the limits of an instance. The newest counts,
// also where it was newest before a configuration that did not load.
type rates struct {
	mu  sync.Mutex
	all []*Rate
}

// Join gives the limits of an instance a rate, until leave is called.
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
	ErrClientLimit = telemetry.NewCause("too many failed sign-ins from this client",
		"nothing to change if it passes; raise rate_limit if many people share this address; if client_ip is the same for everybody, set trusted_proxies and trusted_proxies_strict for the proxy in front")
	errNetworkLimit = telemetry.NewCause("too many failed sign-ins from the network of this client",
		"nothing to change: somebody uses many addresses of one network; block the network if it does not stop")
	ErrOverallLimit = telemetry.NewCause("too many failed sign-ins from all clients together",
		"somebody tries made-up codes from many addresses: nothing to change if it passes, and visitors who have signed in recently still can; otherwise block the addresses in front of Caddy; if log lines have no client_ip, set trusted_proxies_unix, or with trusted_proxies and trusted_proxies_strict")
	errCancelLimit = telemetry.NewCause("too many cancelled sign-ins from this client",
		"nothing to change if it passes; raise rate_limit if many people share this address")
)

// refuseLimited returns the refusal of a login that a limit has stopped. The login stays usable.
func (f *Flow) refuseLimited(refused *limit.Refused) *answer.Refusal {
	cause := map[limit.Limit]error{limit.OfClient: ErrClientLimit, limit.OfNetwork: errNetworkLimit, limit.OfAll: ErrOverallLimit}[refused.By]
	f.Telemetry.CountLimited(refused.By.String())
	return answer.RefuseAfter(refusal.TooMany, refused.Wait, cause)
}

// attemptOutcome says what became of an attempt.
type attemptOutcome int

const (
	notCounted attemptOutcome = iota // or it says nothing about who made it
	failed                           // and Instagram was asked
	succeeded
)

// settle settles an attempt.
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

// tooManyCancels reports whether a client has cancelled too many logins, and for how long. It
// asks nothing of Instagram, and so stops no login of others behind the same address.
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

// warnNoAddress says once in a day that visitors come without an address.
func (f *Flow) warnNoAddress(from telemetry.Requester) {
	if limit.ClientOf(from.ClientIP).HasAddress() {
		return
	}
	if f.Provider.FirstToday("addresses") {
		f.Telemetry.Notify(telemetry.NoticeNoClientIP, nil, f.Telemetry.RequesterFields(from)...)
	}
}
