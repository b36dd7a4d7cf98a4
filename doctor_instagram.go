package instagramauth

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// The checks that ask Instagram.

// checkNetwork connects to each endpoint. What Instagram's clock says is kept for later.
func (e *examination) checkNetwork(p *patient) []doctor.Finding {
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
			finding := doctor.Clock(e.now(), clock)
			p.clock = &finding
		}
	}
	if len(faults) > 0 {
		return []doctor.Finding{doctor.Fault(strings.Join(faults, "; "), remedy)}
	}
	return []doctor.Finding{doctor.OK("%s answer", strings.Join(addresses, ", "))}
}

// checkApp learns from how Instagram refuses a made-up code whether it knows the app.
func (e *examination) checkApp(p *patient) []doctor.Finding {
	if p.out[instagram.TokenEndpoint] {
		return nil // has been said
	}
	accepted, err := p.settings.client.ProbeApp(e.ctx, p.settings.paths.Redirects[0].URI)
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case accepted:
		return []doctor.Finding{doctor.OK("Instagram accepts the app ID and the app secret")}
	case err == nil:
		return []doctor.Finding{doctor.Fault("the token endpoint gave a token for a made-up code", "what answers is not Instagram: check endpoints")}
	case ok && failure.RateLimited():
		return []doctor.Finding{doctor.Doubt("Instagram did not say whether it accepts the app", failure.Remedy())}
	}
	return []doctor.Finding{explain("token endpoint", err)}
}

func (e *examination) checkClock(p *patient) []doctor.Finding {
	if len(p.out) > 0 && p.clock == nil {
		return nil // has been said
	}
	if p.clock == nil {
		return []doctor.Finding{doctor.Doubt("Instagram did not say what time it is", "check the clock of this machine")}
	}
	return []doctor.Finding{*p.clock}
}

// newState returns a state that no login of the running site has.
func newState() string {
	return (rand.Text() + rand.Text())[:session.StateLength]
}

// explain says in one sentence what failed, in another what to change.
func explain(who string, err error) doctor.Finding {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return doctor.Fault(who+": "+oneLine(err), "ask again")
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
	return doctor.Fault(what, cmp.Or(windowRemedy(failure), "ask again later, and compare the app's settings in Meta's dashboard"))
}
