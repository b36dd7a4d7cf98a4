package instagram

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What an operator's check asks. None of it is part of a login.

// WindowEndpoint names the authorization window, which only a check asks itself.
const WindowEndpoint Endpoint = "authorization"

// notACode is what a check sends in place of an authorization code.
const notACode = "this-is-not-a-code"

// Reach asks an endpoint for nothing but its headers, and returns its address and what its
// clock says, the zero time if it does not say. Whatever status it answers, it is there.
func (c *Client) Reach(ctx context.Context, endpoint Endpoint) (address string, clock time.Time, err error) {
	e := c.config.Endpoints
	address = map[Endpoint]string{WindowEndpoint: e.Authorize, TokenEndpoint: e.Token, UserEndpoint: e.Graph + "/"}[endpoint]
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return address, clock, transportError(endpoint, err)
	}
	answer, err := c.config.Transport.RoundTrip(request)
	if err != nil {
		return address, clock, transportError(endpoint, err)
	}
	_ = answer.Body.Close()
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		clock = date
	}
	return address, clock, nil
}

// ProbeApp sends a code that cannot be one to the token endpoint. accepted reports whether
// the answer says that nothing but the code is wrong, that is, whether Instagram knows the
// app ID and its secret; err is what it answered otherwise. No answer but an error is
// right: neither a token nor anything else is accepted.
func (c *Client) ProbeApp(ctx context.Context, redirectURI string) (accepted bool, err error) {
	_, err = c.Exchange(ctx, redirectURI, notACode)
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Kind != Refused {
		return false, err
	}
	message := strings.ToLower(failure.Message)
	return slices.ContainsFunc(aboutTheCode, func(says string) bool { return strings.Contains(message, says) }), err
}

// aboutTheCode are Instagram's words for a code that it does not accept.
var aboutTheCode = []string{"code was not found", "code has been used", "code has expired", "invalid authorization code", "invalid verification code", "code format"}

// Window is what the authorization window shows to a browser that is not signed in.
type Window struct {
	// Accepted: the window asks for consent to this very request, or redirects with a code.
	Accepted bool
	// Shows describes an answer that proves nothing, as the end of a sentence that begins with
	// "Instagram". It is empty if Accepted is set.
	Shows string
	// Perhaps is a refusal that stands only in a script of the page, where translations stand,
	// too. It is nil if there is none.
	Perhaps *Error
}

// ProbeWindow opens the authorization window as a browser does that is not signed in. A refusal
// is returned as an error of the kind Refused. state must be random and not empty.
//
// Instagram asks for a login before it checks redirect_uri and scope (seen live in September
// 2026), so only a consent page or a code proves that a request is right.
func (c *Client) ProbeWindow(ctx context.Context, redirectURI, state string) (Window, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.AuthorizationURL(Authorization{RedirectURI: redirectURI, State: state}), nil)
	if err != nil {
		return Window{}, transportError(WindowEndpoint, err)
	}
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Accept-Language", "en") // in other languages the sentences differ
	answer, err := c.config.Transport.RoundTrip(request)
	if err != nil {
		return Window{}, transportError(WindowEndpoint, err)
	}
	defer answer.Body.Close()
	p := windowProbe{asked: request.URL, redirectURI: redirectURI, state: state}
	p.failure = Error{Kind: BadAnswer, Endpoint: WindowEndpoint, Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header)}
	switch {
	case answer.StatusCode < 200: // a protocol switch, whose body is the bare connection
		return p.unclear("answers with status %d", answer.StatusCode)
	case answer.StatusCode < 400 && answer.StatusCode >= 300:
		return p.redirect(answer.Header.Get("Location"))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		failure := transportError(WindowEndpoint, err)
		if failure.Kind == Unreachable {
			failure.Kind = BadAnswer // it was reached, and broke off
		}
		failure.Status = answer.StatusCode
		return Window{}, failure
	}
	return p.page(string(body))
}

// windowProbe is a request for the window whose answer is judged.
type windowProbe struct {
	asked              *url.URL
	redirectURI, state string
	failure            Error // what every refusal has: the endpoint and the status
}

func (p *windowProbe) unclear(format string, args ...any) (Window, error) {
	return Window{Shows: fmt.Sprintf(format, args...)}, nil
}

// refused returns a refusal in the window's own words.
func (p *windowProbe) refused(words string) *Error {
	failure := p.failure
	failure.Kind, failure.Message = Refused, cut(without(words, []string{p.state}))
	return &failure
}

// redirect judges a redirect by its address. It is not followed. [T2]
func (p *windowProbe) redirect(location string) (Window, error) {
	to, err := p.asked.Parse(location)
	if location == "" || err != nil {
		return p.unclear("redirects to no address")
	}
	if to.Scheme+"://"+to.Host+to.EscapedPath() == p.redirectURI {
		return p.callback(to.Query())
	}
	if !p.sameSite(to) {
		return p.unclear("redirects to another site, %+q", cut(to.Scheme+"://"+to.Host))
	}
	if words := errorPage(to); words != "" {
		return Window{}, p.refused(words)
	}
	if strings.HasPrefix(to.Path, "/accounts/login") {
		// Its address repeats the parameters without having checked them.
		return p.unclear("asks for a login first")
	}
	return p.unclear("redirects to %+q", cut(to.Path))
}

// callback judges a redirect to the redirect URI.
func (p *windowProbe) callback(query url.Values) (Window, error) {
	if denied := Denial(query); denied != nil {
		failure := p.refused(denied.Message)
		failure.Code = denied.Code
		return Window{}, failure
	}
	if query.Get("code") == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(p.state)) != 1 {
		return p.unclear("redirects to the redirect URI without a code for this login")
	}
	return Window{Accepted: true}, nil
}

// sameSite reports whether an address belongs to the host of the window or, like the window
// itself, to instagram.com.
func (p *windowProbe) sameSite(to *url.URL) bool {
	instagrams := func(u *url.URL) bool {
		return u.Scheme == "https" && strings.HasSuffix("."+asciiLower(u.Host), ".instagram.com")
	}
	return to.Scheme == p.asked.Scheme && strings.EqualFold(to.Host, p.asked.Host) || instagrams(to) && instagrams(p.asked)
}

// page judges a page by what a person sees of it.
func (p *windowProbe) page(body string) (Window, error) {
	if answer := readRefusal(p.failure, body, p.state); answer != nil {
		return Window{}, answer
	}
	if p.failure.Status >= 500 {
		return Window{}, &p.failure
	}
	seen := readPage(body)
	if _, words := refusalIn(seen.shown); words != "" {
		return Window{}, p.refused(words)
	}
	if p.failure.Status == http.StatusOK && p.asksForConsent(seen) {
		return Window{Accepted: true}, nil
	}
	w := Window{Shows: fmt.Sprintf("shows a page with status %d", p.failure.Status)}
	if seen.login {
		w.Shows = "asks for a login first"
	}
	if sentence, _ := refusalIn(seen.hidden); sentence != "" {
		w.Perhaps = p.refused(sentence)
	}
	return w, nil
}

// asksForConsent reports whether a page asks for consent to this request. It must name the host
// of the redirect URI, and it must have a form with a button "allow" that is sent to the requested
// address or carries the state. The state is random, so no other page has it.
func (p *windowProbe) asksForConsent(seen page) bool {
	back, err := url.Parse(p.redirectURI)
	if err != nil || seen.login || !strings.Contains(asciiLower(seen.shown), asciiLower(back.Host)) {
		return false
	}
	return slices.ContainsFunc(seen.forms, func(f form) bool {
		to, err := p.asked.Parse(f.action)
		if err != nil || !f.allow || f.method != "post" || to.Host != p.asked.Host {
			return false
		}
		own := f.action == "" || to.Query().Get("state") == p.state
		return own || f.hidden["state"] == p.state
	})
}
