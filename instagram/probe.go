package instagram

import (
	"context"
	"errors"
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

// WindowAnswer is what the authorization window answers to a browser that is not signed in.
type WindowAnswer struct {
	// Asked is the address that was opened. Its query contains the state.
	Asked    *url.URL
	Status   int
	Location string // where a redirect leads, as it came
	Body     string // without what comes after the first megabyte
	// RetryAfter is when Instagram wants to be asked again; 0 if it does not say.
	RetryAfter time.Duration
}

// maxPage is in bytes. Pages of www.instagram.com have several hundred KB.
const maxPage = 1 << 20

// OpenWindow opens the authorization window like a browser that is not signed in. It follows no
// redirect. [T2] An answer with any status is returned. If there is no answer, the error is an
// *Error with the reason.
func (c *Client) OpenWindow(ctx context.Context, a Authorization) (WindowAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.AuthorizationURL(a), nil)
	if err != nil {
		return WindowAnswer{}, transportError(WindowEndpoint, err)
	}
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Accept-Language", "en") // in other languages the sentences differ
	answer, err := c.config.Transport.RoundTrip(request)
	if err != nil {
		return WindowAnswer{}, transportError(WindowEndpoint, err)
	}
	defer answer.Body.Close()
	w := WindowAnswer{Asked: request.URL, Status: answer.StatusCode, Location: answer.Header.Get("Location"), RetryAfter: retryAfter(answer.Header)}
	if w.Status < 200 || w.Status >= 300 && w.Status < 400 {
		// The body of a protocol switch is the bare connection, and nobody sees that of a redirect.
		return w, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		return WindowAnswer{}, brokenOff(WindowEndpoint, w.Status, err)
	}
	w.Body = string(body)
	return w, nil
}

// Refused returns a refusal in the window's own words, with the state blanked out.
func (w WindowAnswer) Refused(words string) *Error {
	failure := w.failure(Refused)
	failure.Message = cut(without(words, w.secrets()))
	return failure
}

// Failure returns the error that the answer is without anybody reading it: an error in JSON, which
// is how the window of BasicDisplay refuses, or a status of 500 or more. It returns nil for any
// other answer.
func (w WindowAnswer) Failure() *Error {
	if strings.HasPrefix(strings.TrimSpace(w.Body), "{") {
		failure := w.failure(BadAnswer)
		_ = failure.read([]byte(w.Body), w.secrets()...)
		if failure.Kind == Refused || w.Status >= 500 {
			return failure
		}
	}
	if w.Status >= 500 {
		return w.failure(BadAnswer)
	}
	return nil
}

func (w WindowAnswer) failure(kind Kind) *Error {
	return &Error{Kind: kind, Endpoint: WindowEndpoint, Status: w.Status, RetryAfter: w.RetryAfter}
}

// secrets are what the answer may repeat: the state of the login.
func (w WindowAnswer) secrets() []string {
	if w.Asked == nil {
		return nil
	}
	return []string{w.Asked.Query().Get("state")}
}
