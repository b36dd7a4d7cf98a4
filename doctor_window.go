package instagramauth

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

// The checks of the authorization window: by a person's login, and by its page.

// checkLogin takes a person through a login, if the flag asks for it.
func (e *examination) checkLogin(p *patient) []finding.Finding {
	if !e.browser {
		return nil
	}
	login := e.browse(p)
	p.signedIn = login.Status == finding.Fine
	return []finding.Finding{login}
}

// checkWindow opens the authorization window for each redirect URI.
func (e *examination) checkWindow(p *patient) (found []finding.Finding) {
	if p.out[instagram.WindowEndpoint] || p.closedWindow || e.ctx.Err() != nil {
		return nil // another check says why
	}
	for i, r := range p.settings.paths.Redirects {
		if i == 0 && p.signedIn {
			found = append(found, finding.OK("accepts app_id, scope and %s: the login proves it", r.URI))
			continue
		}
		found = append(found, e.windowFor(p, r.URI, i == 0))
	}
	return found
}

// windowFor opens the window for one redirect URI. Only the first one can be tested with --browser.
func (e *examination) windowFor(p *patient, uri string, first bool) finding.Finding {
	about, state := "window for "+uri, newState()
	answer, err := p.settings.client.OpenWindow(e.ctx, instagram.Authorization{RedirectURI: uri, State: state})
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
		return e.undecided(verdict, uri, first)
	case failure.RateLimited():
		return finding.Doubt("Instagram did not say whether it accepts "+uri, failure.Remedy())
	default:
		return explain(about, failure)
	}
}

// undecided is the finding of an answer that proves nothing.
func (e *examination) undecided(verdict windowpage.Verdict, uri string, first bool) finding.Finding {
	message := fmt.Sprintf("Instagram %s, so it is unknown whether it accepts %s", verdict.Shows, uri)
	remedy := "compare it with Meta's dashboard byte for byte, and sign in once at " + uri
	switch {
	case first && e.browser:
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
	for _, r := range windowRemedies {
		if failure.Endpoint == instagram.WindowEndpoint && strings.Contains(said, r.says) {
			return cmp.Or(failure.Remedy(), r.remedy)
		}
	}
	return failure.Remedy()
}
