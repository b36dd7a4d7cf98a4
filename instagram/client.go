package instagram

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxBody    = 64 << 10 // bytes, after decompression [T4]
	maxHeaders = 16 << 10 // bytes [T4]
	dialTime   = 5 * time.Second
)

// Client makes the calls of a login. It is safe for concurrent use.
type Client struct {
	config Config
	family family
	http   *http.Client
	window string // the authorization URL up to the redirect URI
}

// New checks a configuration and returns a client for it. Its errors are of the
// type *ConfigError.
func New(c Config) (*Client, error) {
	f, err := c.check()
	if err != nil {
		return nil, err
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	return &Client{config: c, family: f, window: windowURL(c), http: &http.Client{
		Transport: c.Transport,
		Timeout:   c.Timeout,
		// An answer that sends us elsewhere is no answer: a code or a secret must
		// not travel to wherever it points. [T2, T3]
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSHandshakeTimeout:    dialTime,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12}, // [T1]
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
	}
}

// CloseIdleConnections closes the connections that no call uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// windowURL returns the part of the authorization URL that never changes.
func windowURL(c Config) string {
	q := "?client_id=" + c.AppID + "&response_type=code&scope=" + url.QueryEscape(strings.Join(c.Scopes, ","))
	for _, p := range c.Authorize {
		q += "&" + p.Name + "=" + p.Value
	}
	return c.Endpoints.Authorize + q
}

// AuthorizationURL returns the address of the authorization window for a login:
// client_id, redirect_uri, response_type, scope, state and the configured
// parameters, each once. [A2]
func (c *Client) AuthorizationURL(redirectURI, state string) string {
	return c.window + "&redirect_uri=" + url.QueryEscape(redirectURI) + "&state=" + url.QueryEscape(state)
}

// call makes one call and returns the JSON object of its answer. An object that
// tells of an error, with whatever status, is returned as one. [T4, T5]
func (c *Client) call(request *http.Request, endpoint Endpoint) ([]byte, error) {
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, transportError(endpoint, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if err != nil {
		failure := transportError(endpoint, err)
		if failure.Kind == Unreachable {
			failure.Kind = BadAnswer // it was reached, and broke off
		}
		failure.Status = answer.StatusCode
		return nil, failure
	}
	failure := &Error{Kind: BadAnswer, Endpoint: endpoint, Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header)}
	switch kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); {
	case len(body) > maxBody:
		failure.Err = errTooLarge
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		failure.Err = errRedirect
	case !isJSON(kind):
		failure.Err = errNotJSON
	default:
		return body, failure.read(body)
	}
	return nil, failure
}

var (
	errTooLarge = errors.New("answer is larger than 64 KB")
	errRedirect = errors.New("answer is a redirect, which is not followed")
	errNotJSON  = errors.New("answer is not JSON")
	errBroken   = errors.New("answer is broken JSON or has members of the wrong type")
)

// isJSON reports whether a media type is one that JSON comes in: the graph sends
// text/javascript at times.
func isJSON(kind string) bool {
	return kind == "application/json" || kind == "text/javascript" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// transportError tells why there is no answer. The cause is taken out of net/http's
// error, whose text has the URL in it, and so the token. [T6]
func transportError(endpoint Endpoint, err error) *Error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: err}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		failure.Kind = TimedOut
	}
	return failure
}
