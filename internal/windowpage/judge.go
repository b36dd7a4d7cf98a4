package windowpage

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// Verdict is what an answer of the window proves.
type Verdict struct {
	// Accepted: the page asks for consent to this very request.
	Accepted bool
	// Err is a refusal, or a server that fails. It is nil if there is neither.
	Err *instagram.Error
	// Shows describes an answer that proves nothing, as the end of a sentence that begins with
	// "Instagram". It is empty with Accepted and with Err.
	Shows string
	// Perhaps is a refusal that stands only in a script of the page, where translations stand,
	// too. It is nil if there is none.
	Perhaps *instagram.Error
}

func unclear(format string, args ...any) Verdict { return Verdict{Shows: fmt.Sprintf(format, args...)} }

// SentBack returns the query of a redirect to the redirect URI. ok is false for any other answer.
func SentBack(answer instagram.WindowAnswer, redirectURI string) (query string, ok bool) {
	if !redirects(answer) || answer.Location == "" {
		return "", false
	}
	to, err := answer.Asked.Parse(answer.Location)
	if err != nil || to.Scheme+"://"+to.Host+to.EscapedPath() != redirectURI {
		return "", false
	}
	return to.RawQuery, true
}

func redirects(answer instagram.WindowAnswer) bool {
	return answer.Status >= 300 && answer.Status < 400
}

// Judge judges an answer for which SentBack returns false.
//
// Instagram asks for a login before it checks redirect_uri and scope (seen live in September
// 2026), so only a consent page proves that a request is right. The state of the request must be
// random and not empty.
func Judge(answer instagram.WindowAnswer, redirectURI string) Verdict {
	if answer.Status < 200 {
		return unclear("answers with status %d", answer.Status)
	}
	if redirects(answer) {
		return judgeRedirect(answer)
	}
	if failure := answer.Failure(); failure != nil {
		return Verdict{Err: failure}
	}
	seen := readPage(answer.Body)
	if _, words := refusalIn(seen.shown); words != "" {
		return Verdict{Err: answer.Refused(words)}
	}
	if answer.Status == http.StatusOK && asksForConsent(seen, answer.Asked, redirectURI) {
		return Verdict{Accepted: true}
	}
	v := unclear("shows a page with status %d", answer.Status)
	if seen.login {
		v.Shows = "asks for a login first"
	}
	if sentence, _ := refusalIn(seen.hidden); sentence != "" {
		v.Perhaps = answer.Refused(sentence)
	}
	return v
}

// judgeRedirect judges a redirect by its address.
func judgeRedirect(answer instagram.WindowAnswer) Verdict {
	to, err := answer.Asked.Parse(answer.Location)
	if answer.Location == "" || err != nil {
		return unclear("redirects to no address")
	}
	if !sameSite(to, answer.Asked) {
		return unclear("redirects to another site, %+q", cut(to.Scheme+"://"+to.Host))
	}
	if words := errorPage(to); words != "" {
		return Verdict{Err: answer.Refused(words)}
	}
	if strings.HasPrefix(to.Path, "/accounts/login") {
		// Its address repeats the parameters without having checked them.
		return unclear("asks for a login first")
	}
	return unclear("redirects to %+q", cut(to.Path))
}

// cut keeps as much of an address as a line has room for.
func cut(address string) string { return address[:min(len(address), 200)] }

// sameSite reports whether an address is on the window's host or, like it, on instagram.com.
func sameSite(to, asked *url.URL) bool {
	instagrams := func(u *url.URL) bool {
		return u.Scheme == "https" && strings.HasSuffix("."+asciiLower(u.Host), ".instagram.com")
	}
	return to.Scheme == asked.Scheme && strings.EqualFold(to.Host, asked.Host) || instagrams(to) && instagrams(asked)
}

// asksForConsent reports whether a page asks for consent to this request. It must name the host
// of the redirect URI, and it must have a form with a button "allow" that is sent to the requested
// address or carries the state. The state is random, so no other page has it.
func asksForConsent(seen page, asked *url.URL, redirectURI string) bool {
	back, err := url.Parse(redirectURI)
	if err != nil || seen.login || !strings.Contains(asciiLower(seen.shown), asciiLower(back.Host)) {
		return false
	}
	state := asked.Query().Get("state")
	return slices.ContainsFunc(seen.forms, func(f form) bool {
		to, err := asked.Parse(f.action)
		if err != nil || !f.allow || f.method != "post" || to.Host != asked.Host {
			return false
		}
		return f.action == "" || to.Query().Get("state") == state || f.hidden["state"] == state
	})
}
