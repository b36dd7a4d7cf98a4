package instagram

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxBody    = 64 << 10 // bytes, after decompression [T4]
	maxHeaders = 16 << 10 // bytes [T4]
	dialTime   = 5 * time.Second
)

// Client makes the calls of a login and of the life of a token after it. It is safe for concurrent
// use.
type Client struct {
	config Config // but for the app secret, which can change
	secret atomic.Pointer[secretPair]
	family family
	window string // the authorization URL up to the scope of every login
	bearer bearer
}

// New checks a configuration and returns a client for it. Its errors are of the type *ConfigError.
func New(c Config) (*Client, error) {
	f, err := c.check()
	if err != nil {
		return nil, err
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	client := &Client{config: c, family: f, window: windowURL(c)}
	client.SetAppSecret(c.AppSecret)
	return client, nil
}

// SetAppSecret changes the app secret that later calls send.
func (c *Client) SetAppSecret(secret string) {
	next := secretPair{now: secret}
	if last := c.secret.Load(); last != nil {
		if subtle.ConstantTimeCompare([]byte(last.now), []byte(secret)) == 1 {
			return
		}
		next.before = last.now
	}
	c.secret.Store(&next)
}

// secretPair is the app secret and the one before it, which calls under way have sent.
type secretPair struct{ now, before string }

func (c *Client) appSecret() string { return c.secret.Load().now }

// hidden returns what no error may repeat of an answer: the secrets, and what a call sends.
func (c *Client) hidden(sent ...string) []string {
	secret := c.secret.Load()
	if secret.before != "" {
		sent = append(sent, secret.before)
	}
	return append(sent, secret.now)
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
func (c *Client) CloseIdleConnections() {
	if t, ok := c.config.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// windowURL returns the part of the authorization URL that never changes.
func windowURL(c Config) string {
	return c.Endpoints.Authorize + "?client_id=" + c.AppID + "&response_type=code&scope=" + url.QueryEscape(strings.Join(c.Scopes, ","))
}

// Authorization is what one login asks the authorization window for.
type Authorization struct {
	RedirectURI string
	State       string
	// More are permissions beside those of every login. The caller takes them from Config.StepUp.
	More []string
	// Reauthenticate asks Instagram to let the person sign in again, so that they can
	// choose another account. BasicDisplay has no such parameter.
	Reauthenticate bool
}

// AuthorizationURL returns the address of the authorization window for a login: client_id,
// redirect_uri, response_type, scope, state and the configured parameters, each once. [A2]
func (c *Client) AuthorizationURL(a Authorization) string {
	var b strings.Builder
	b.WriteString(c.window)
	for _, permission := range a.More {
		b.WriteString(url.QueryEscape("," + permission))
	}
	reauthenticate := a.Reauthenticate && c.CanReauthenticate()
	for _, p := range c.config.Authorize {
		if p.Name != paramReauthenticate || !reauthenticate {
			b.WriteString("&" + p.Name + "=" + p.Value)
		}
	}
	if reauthenticate {
		b.WriteString("&" + paramReauthenticate + "=true")
	}
	return b.String() + "&redirect_uri=" + url.QueryEscape(a.RedirectURI) + "&state=" + url.QueryEscape(a.State)
}

// CanReauthenticate reports whether the API has a way to ask for a new sign-in of a person who is
// signed in at Instagram. BasicDisplay has none.
func (c *Client) CanReauthenticate() bool {
	return slices.Contains(c.family.params, paramReauthenticate)
}

// Reauthenticates reports whether AuthorizationURL asks Instagram to let the person sign in again,
// because the login or the configuration wants that.
func (c *Client) Reauthenticates(a Authorization) bool {
	return c.CanReauthenticate() && (a.Reauthenticate || slices.Contains(c.config.Authorize, Param{paramReauthenticate, "true"}))
}

// Asks reports whether every login asks for a permission.
func (c *Client) Asks(permission string) bool { return slices.Contains(c.config.Scopes, permission) }

// get asks for an address. secrets are what the answer may repeat.
func (c *Client) get(ctx context.Context, endpoint Endpoint, address, authorization string, secrets ...string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, transportError(endpoint, err)
	}
	request.Header.Set("Accept", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	return c.call(request, endpoint, secrets...)
}

// call makes one call and returns the JSON object of its answer. An object that
// has an error in it is returned as an error, whatever the status is. [T4, T5]
//
// An answer may repeat what it was asked with: none of the secrets gets into an error. [T6]
func (c *Client) call(request *http.Request, endpoint Endpoint, secrets ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(request.Context(), c.config.Timeout)
	defer cancel()
	// Without http.Client, which knows redirects: a code or a secret must not travel
	// to wherever an answer points. It also quotes a Location that it does not
	// understand, and that may be our own address with the token in it. [T2, T3, T6]
	answer, err := c.config.Transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, transportError(endpoint, err)
	}
	defer answer.Body.Close()
	failure := &Error{Kind: BadAnswer, Endpoint: endpoint, Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header)}
	switch status := answer.StatusCode; {
	case status < 200: // a protocol switch, whose body is the bare connection
		failure.Err = errSwitch
		return nil, failure
	case status >= 300 && status < 400:
		failure.Err = errRedirect
		return nil, failure
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if err != nil {
		return nil, brokenOff(endpoint, answer.StatusCode, err)
	}
	switch kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); {
	case len(body) > maxBody:
		failure.Err = errTooLarge
	case !isJSON(kind):
		failure.Err, failure.Message = errNotJSON, excerpt(answer.StatusCode, body, secrets)
	default:
		body = bytes.TrimPrefix(body, []byte("\ufeff")) // which RFC 8259 lets a reader ignore
		return body, failure.read(body, secrets...)
	}
	return nil, failure
}

var (
	errTooLarge = errors.New("answer is larger than 64 KB")
	errRedirect = errors.New("answer is a redirect, which is not followed")
	errSwitch   = errors.New("answer switches protocols, which was not asked for")
	errNotJSON  = errors.New("answer is not JSON")
)

// isJSON reports whether JSON comes in a media type: the graph also sends text/javascript.
func isJSON(kind string) bool {
	return kind == "application/json" || kind == "text/javascript" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// transportError tells why there is no answer.
func transportError(endpoint Endpoint, err error) *Error {
	failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: cause(err)}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		failure.Kind = TimedOut
	}
	return failure
}

// brokenOff tells why an answer with a status did not come to its end.
func brokenOff(endpoint Endpoint, status int, err error) *Error {
	failure := transportError(endpoint, err)
	if failure.Status = status; failure.Kind == Unreachable {
		failure.Kind = BadAnswer // it was reached
	}
	return failure
}

var (
	errTimeout     = errors.New("no answer in time")
	errAuthority   = errors.New("certificate is of an unknown authority; check the CA certificates of this machine and the proxy in between")
	errCertificate = errors.New("certificate cannot be verified: it is expired, of another host or broken")
	errNoAnswer    = errors.New("no connection, or no answer that is HTTP")
)

// cause returns the cause of an error of net/http if it is known to hold only local addresses and
// fixed words. For any other error it returns a fixed text: net/http quotes what it does not
// understand, and an answer may repeat the query, which has the token in it. [T6]
func cause(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errTimeout
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errAuthority
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errCertificate
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok { // the connection's, such as a dial
		return operation
	}
	return errNoAnswer
}
