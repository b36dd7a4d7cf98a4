package instagramauth

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// How many sign-ins may fail. A login that succeeds costs nobody anything. [D2, N9, N15]

const (
	defaultFailures = 20          // of one client, in defaultPer
	defaultPer      = time.Minute // also the rate of what has a limit of its own
	rememberClients = 10_000      // [D5]
)

// RateLimitOptions say how many sign-ins of one client may fail.
type RateLimitOptions struct {
	// How many sign-ins of one client (an IPv4 address or an IPv6 /64) may fail within `per`.
	// An IPv6 /56 may have twice as many, a /48 four times. Sign-ins that succeed do not
	// count. All clients together may have 18 times as many. Default: 20.
	Failures int `json:"failures,omitempty"`

	// The time. Default: `1m`.
	Per caddy.Duration `json:"per,omitempty"`

	// Sets no limit for each client. The one over all clients stays. Default: false.
	Off bool `json:"off,omitempty"`
}

// rateLimit is what RateLimitOptions come to.
type rateLimit struct {
	failures int
	per      time.Duration
	off      bool
}

func (h *Handler) resolveRateLimit(s *settings, _ option.Resolver) error {
	o := h.RateLimit
	s.rate = rateLimit{o.Failures, time.Duration(o.Per), o.Off}
	switch {
	case o.Off && (o.Failures != 0 || o.Per != 0):
		return option.Errorf("rate_limit", "off takes no numbers; write off alone, or a number and a duration such as 20 1m")
	case o.Failures == 0 && o.Per == 0:
		s.rate.failures, s.rate.per = defaultFailures, defaultPer
	case o.Failures < 1 || o.Failures > 10_000:
		return option.Errorf("rate_limit", "write a number between 1 and 10000 and a duration, such as 20 1m")
	case s.rate.per < time.Second || s.rate.per > 24*time.Hour:
		return option.Errorf("rate_limit", "write a duration between 1s and 24h behind the number, such as %d 1m", o.Failures)
	}
	return nil
}

// rateLimit reads the option in a Caddyfile.
func (p *parser) rateLimit(name string) error {
	const takes = "%s: takes off, or how many sign-ins of one client may fail and in which time, such as: rate_limit 20 1m"
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "off" {
		p.h.RateLimit.Off = true
		return nil
	}
	if len(args) < 2 {
		return p.fail(takes, name)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return p.fail(takes, name)
	}
	p.h.RateLimit.Failures = n
	return p.parseDuration(name, args[1:], &p.h.RateLimit.Per)
}

// rates are those of the handlers that share the limits of an instance. The newest counts,
// also where it was newest before a configuration that did not load.
type rates struct {
	mu  sync.Mutex
	all []*rateLimit
}

// joinRate gives the limits of an instance a rate, until leave is called.
func (l *limits) joinRate(r *rateLimit) (leave func()) {
	l.rates.mu.Lock()
	defer l.rates.mu.Unlock()
	l.rates.all = append(l.rates.all, r)
	l.setRate(r)
	return func() {
		l.rates.mu.Lock()
		defer l.rates.mu.Unlock()
		all := slices.DeleteFunc(l.rates.all, func(other *rateLimit) bool { return other == r })
		if l.rates.all = all; len(all) > 0 {
			l.setRate(all[len(all)-1])
		}
	}
}

func (l *limits) setRate(r *rateLimit) {
	l.failures.Set(r.failures, r.per, r.off)
	l.cancels.Set(r.failures, r.per)
}

var (
	errClientLimit = telemetry.NewCause("too many sign-ins of this client have failed",
		"nothing to change if it passes; raise rate_limit if many people share this address; if client_ip is the same for everybody, set trusted_proxies and trusted_proxies_strict for the proxy in front")
	errNetworkLimit = telemetry.NewCause("too many sign-ins from the network of this client have failed",
		"nothing to change: somebody has many addresses of one network; shut the network out if it does not end")
	errOverallLimit = telemetry.NewCause("too many sign-ins of all clients together have failed",
		"somebody tries made-up codes from many addresses: nothing to change if it passes, and visitors who have signed in lately still can; otherwise shut the addresses out in front of Caddy; if visitors have no client_ip, let Caddy know it with trusted_proxies_unix, or with trusted_proxies and trusted_proxies_strict")
	errCancelLimit = telemetry.NewCause("too many sign-ins of this client were cancelled",
		"nothing to change if it passes; raise rate_limit if many people share this address")
)

// limited returns the refusal of a login that a limit has stopped. The login stays usable.
func (h *Handler) limited(by *limit.Refused) *answer.Refusal {
	cause := map[limit.Limit]error{limit.OfClient: errClientLimit, limit.OfNetwork: errNetworkLimit, limit.OfAll: errOverallLimit}[by.By]
	h.telemetry.CountLimited(by.By.String())
	return answer.RefuseAfter(refusal.TooMany, by.Wait, cause)
}

// settling says what became of an attempt.
type settling int

const (
	notMade settling = iota // or it says nothing about who made it
	failed                  // and Instagram was asked
	succeeded
)

// settle settles an attempt.
func (h *Handler) settle(attempt *limit.Attempt, how settling) {
	switch how {
	case succeeded:
		attempt.Succeeded()
	case failed:
		attempt.Failed()
		h.telemetry.CountFailed(attempt.Share().String())
	default:
		attempt.Withdraw()
	}
}

// tooManyCancels reports whether a client has cancelled too many logins, and for how long. It
// asks nothing of Instagram, and so stops no login of others behind the same address.
func (h *Handler) tooManyCancels(r *http.Request) (wait time.Duration, tooMany bool) {
	client := limit.ClientOf(telemetry.ClientIP(r))
	if h.settings.rate.off || !client.HasAddress() {
		return 0, false
	}
	ok, wait := h.limits.cancels.Allow(client.Key())
	if !ok {
		h.telemetry.CountLimited(telemetry.LimitCancelled)
	}
	return wait, !ok
}

// warnOfAddresses says once in a day that visitors come without an address.
func (h *Handler) warnOfAddresses(from telemetry.Requester) {
	if limit.ClientOf(from.ClientIP).HasAddress() {
		return
	}
	if h.provider.FirstToday("addresses") {
		h.telemetry.Notify(telemetry.NoticeVisitorsNoAddress, nil, h.telemetry.AboutRequester(from)...)
	}
}
