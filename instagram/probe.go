package instagram

import (
	"context"
	"errors"
	"net/http"
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

// ProbeWindow asks for the authorization window as a browser does where nobody is signed
// in. The window says itself what is wrong with the app, the redirect URI or the scope,
// and that is the error; a page, or a redirect to one, tells of no fault.
func (c *Client) ProbeWindow(ctx context.Context, redirectURI, state string) error {
	_, err := c.get(ctx, WindowEndpoint, c.AuthorizationURL(Authorization{RedirectURI: redirectURI, State: state}), "", state)
	failure, ok := errors.AsType[*Error](err)
	if ok && failure.Status < 500 && (errors.Is(err, errNotJSON) || errors.Is(err, errRedirect) || errors.Is(err, errTooLarge)) {
		return nil
	}
	return err
}
