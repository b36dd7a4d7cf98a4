package doctor

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

// checkNetwork connects to each endpoint. What Instagram's clock says is kept for later.
func (r *run) checkNetwork(b *block) []finding.Finding {
	var addresses, faults []string
	remedy := ""
	b.out = make(map[instagram.Endpoint]bool)
	for _, endpoint := range []instagram.Endpoint{instagram.WindowEndpoint, instagram.UserEndpoint, instagram.TokenEndpoint} {
		address, clock, err := b.Client.Reach(r.ctx, endpoint)
		if err != nil {
			fault := explain(address, err)
			faults, remedy, b.out[endpoint] = append(faults, fault.Message), fault.Remedy, true
			continue
		}
		addresses = append(addresses, address)
		if !clock.IsZero() {
			f := finding.Clock(r.now(), clock)
			b.clock = &f
		}
	}
	if len(faults) > 0 {
		return []finding.Finding{finding.Fault(strings.Join(faults, "; "), remedy)}
	}
	return []finding.Finding{finding.OK("%s answer", strings.Join(addresses, ", "))}
}

// checkApp learns from how Instagram refuses a made-up code whether it knows the app.
func (r *run) checkApp(b *block) []finding.Finding {
	if b.out[instagram.TokenEndpoint] {
		return nil // has been said
	}
	accepted, err := b.Client.ProbeApp(r.ctx, b.Paths().Redirects[0].URI)
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

func (r *run) checkClock(b *block) []finding.Finding {
	switch {
	case b.clock != nil:
		return []finding.Finding{*b.clock}
	case len(b.out) > 0:
		return nil // has been said
	}
	return []finding.Finding{finding.Doubt("Instagram did not say what time it is", "check the clock of this machine")}
}

// newState returns a state that no login of the running site has.
func newState() string {
	state := rand.Text()
	for len(state) < session.StateLength {
		state += rand.Text()
	}
	return state[:session.StateLength]
}

// explain says in one sentence what failed, in another what to change.
func explain(who string, err error) finding.Finding {
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		return finding.Fault(who+": "+option.OneLine(err), "run the doctor again")
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
	return finding.Fault(what, cmp.Or(windowRemedy(failure), "run the doctor again later, and compare the app's settings in Meta's dashboard"))
}

// checkLogin takes a person through a login, if the flag asks for it.
func (r *run) checkLogin(b *block) []finding.Finding {
	if !r.browser {
		return nil
	}
	login := r.browse(b)
	b.signedIn = login.Status == finding.Fine
	return []finding.Finding{login}
}

// checkWindow opens the authorization window for each redirect URI.
func (r *run) checkWindow(b *block) (found []finding.Finding) {
	if b.out[instagram.WindowEndpoint] || b.WindowClosed || r.ctx.Err() != nil {
		return nil // another check says why
	}
	for i, redirect := range b.Paths().Redirects {
		if i == 0 && b.signedIn {
			found = append(found, finding.OK("accepts app_id, scope and %s: the login proves it", redirect.URI))
			continue
		}
		found = append(found, r.windowFor(b, redirect.URI, i == 0))
	}
	return found
}

// windowFor opens the window for one redirect URI. Only the first one can be tested with --browser.
func (r *run) windowFor(b *block, uri string, first bool) finding.Finding {
	about, state := "window for "+uri, newState()
	answer, err := b.Client.OpenWindow(r.ctx, instagram.Authorization{RedirectURI: uri, State: state})
	if err != nil {
		return explain(about, err)
	}
	verdict := windowpage.Judge(answer, uri)
	if raw, back := windowpage.SentBack(answer, uri); back {
		q, ok := instagram.ParseCallback(raw, session.StateLength)
		switch {
		case ok && q.Failed && q.AsError().RateLimited():
			verdict = windowpage.Verdict{Err: q.AsError()}
		case ok && q.Failed:
			return explainSentBack(about, q, state)
		case ok && subtle.ConstantTimeCompare([]byte(q.State), []byte(state)) == 1:
			verdict = windowpage.Verdict{Accepted: true}
		default:
			verdict = windowpage.Verdict{Shows: "redirects to the redirect URI without a code for this login"}
		}
	}
	switch failure := verdict.Err; {
	case verdict.Accepted:
		return finding.OK("accepts app_id, scope and %s", uri)
	case failure == nil:
		return r.undecided(verdict, uri, first)
	case failure.RateLimited():
		return finding.Doubt("Instagram did not say whether it accepts "+uri, failure.Remedy())
	default:
		return explain(about, failure)
	}
}

// undecided is the finding of an answer that proves nothing.
func (r *run) undecided(verdict windowpage.Verdict, uri string, first bool) finding.Finding {
	message := fmt.Sprintf("Instagram %s, so it is unknown whether it accepts %s", verdict.Shows, uri)
	remedy := "compare it with Meta's dashboard byte for byte, and sign in once at " + uri
	switch {
	case first && r.browser:
		remedy = "see the result of the login"
	case first:
		remedy = "test a login with --browser"
	}
	if verdict.Perhaps != nil {
		message += fmt.Sprintf("; a script of the page contains %+q", verdict.Perhaps.Message)
		remedy += "; if a browser shows that sentence, " + windowRemedy(verdict.Perhaps)
	}
	return finding.Doubt(message, remedy)
}

// explainSentBack explains a callback with an error in Instagram's words, without the state of
// the login.
func explainSentBack(who string, q instagram.Callback, state string) finding.Finding {
	if q.Cancelled() {
		return finding.Fault("the login was cancelled in the window", "start again and press Allow")
	}
	what := fmt.Sprintf("%s says %+q", who, instagram.Masked(q.Words(), state))
	if q.Number != 0 {
		what += fmt.Sprintf(", number %d", q.Number)
	}
	remedy := (&instagram.WindowError{Callback: q}).Remedy()
	if !q.Temporary() {
		remedy = cmp.Or(windowRemedy(q.AsError()), remedy)
	}
	return finding.Fault(what, remedy)
}

// windowRemedies are for sentences that only the window shows.
var windowRemedies = []struct{ says, remedy string }{
	{"invalid client id", "app_id is wrong: use the Instagram app ID, not the Facebook app ID of the same app"},
	{"session invalid", "fill in all three URLs of the business login settings in Meta's dashboard (they are printed below), do not open the window in a pop-up, and accept the tester invitation"},
	{"this page isn't available", "Instagram does not know the address or the app: leave endpoints authorize out, and check that app_id is the Instagram app ID"},
	{"request parameters are invalid", "compare app_id, redirect_uri, scope and authorize with the app in Meta's dashboard"},
}

// windowRemedy is the remedy of an error, also of one that only the window shows. It is empty if
// none is known.
func windowRemedy(failure *instagram.Error) string {
	said := strings.ToLower(failure.Message)
	for _, known := range windowRemedies {
		if failure.Endpoint == instagram.WindowEndpoint && strings.Contains(said, known.says) {
			return cmp.Or(failure.Remedy(), known.remedy)
		}
	}
	return failure.Remedy()
}
