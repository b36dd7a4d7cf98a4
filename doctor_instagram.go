package instagramauth

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The checks that ask Instagram.

// checkNetwork connects to each endpoint. What Instagram's clock says is kept for later.
func (e *examination) checkNetwork(p *patient) []finding.Finding {
	var addresses, faults []string
	remedy := ""
	p.out = make(map[instagram.Endpoint]bool)
	for _, endpoint := range []instagram.Endpoint{instagram.WindowEndpoint, instagram.UserEndpoint, instagram.TokenEndpoint} {
		address, clock, err := p.settings.client.Reach(e.ctx, endpoint)
		if err != nil {
			fault := explain(address, err)
			faults, remedy, p.out[endpoint] = append(faults, fault.Message), fault.Remedy, true
			continue
		}
		addresses = append(addresses, address)
		if !clock.IsZero() {
			f := finding.Clock(e.now(), clock)
			p.clock = &f
		}
	}
	if len(faults) > 0 {
		return []finding.Finding{finding.Fault(strings.Join(faults, "; "), remedy)}
	}
	return []finding.Finding{finding.OK("%s answer", strings.Join(addresses, ", "))}
}

// checkApp learns from how Instagram refuses a made-up code whether it knows the app.
func (e *examination) checkApp(p *patient) []finding.Finding {
	if p.out[instagram.TokenEndpoint] {
		return nil // has been said
	}
	accepted, err := p.settings.client.ProbeApp(e.ctx, p.settings.paths.Redirects[0].URI)
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case accepted:
		return []finding.Finding{finding.OK("Instagram accepts the app ID and the app secret")}
	case err == nil:
		return []finding.Finding{finding.Fault("the token endpoint gave a token for a made-up code", "what answers is not Instagram: check endpoints")}
	case ok && failure.RateLimited():
		return []finding.Finding{finding.Doubt("Instagram did not say whether it accepts the app", failure.Remedy())}
	}
	return []finding.Finding{explain("token endpoint", err)}
}

func (e *examination) checkClock(p *patient) []finding.Finding {
	if len(p.out) > 0 && p.clock == nil {
		return nil // has been said
	}
	if p.clock == nil {
		return []finding.Finding{finding.Doubt("Instagram did not say what time it is", "check the clock of this machine")}
	}
	return []finding.Finding{*p.clock}
}

// newState returns a state that no login of the running site has.
func newState() string {
	return (rand.Text() + rand.Text())[:session.StateLength]
}

// explain says in one sentence what failed, in another what to change.
func explain(who string, err error) finding.Finding {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return finding.Fault(who+": "+option.OneLine(err), "ask again")
	}
	what := fmt.Sprintf("%s answers with status %d", who, failure.Status)
	switch {
	case failure.Message != "" && failure.Err != nil:
		what = fmt.Sprintf("%s: %v, and says %+q", who, failure.Err, failure.Message)
	case failure.Message != "":
		what = fmt.Sprintf("%s says %+q", who, failure.Message)
	case failure.Err != nil:
		what = who + ": " + failure.Err.Error()
	}
	return finding.Fault(what, cmp.Or(windowRemedy(failure), "ask again later, and compare the app's settings in Meta's dashboard"))
}
