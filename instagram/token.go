package instagram

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxToken = 4096 // characters [T5]

// Token is an access token and what came with it.
type Token struct {
	AccessToken string
	// UserID is the ID that the token answer names, empty if none.
	UserID string
	// Permissions are those that the visitor granted, empty if the answer is silent.
	Permissions Permissions
	// Lifetime is how long the token is good for, to the second, 90 days at most.
	Lifetime time.Duration
}

// String leaves the token out, wherever a Token is printed.
func (t Token) String() string { return fmt.Sprintf("token of user %q", t.UserID) }

// GoString leaves the token out for the verb %#v.
func (t Token) GoString() string { return t.String() }

// MarshalText leaves the token out of JSON, which some loggers make of whatever they get.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue leaves the token out of structured logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Exchange exchanges an authorization code for an access token. redirectURI must be
// the one that the window was opened with. The code is sent once, whatever happens.
//
// The request is multipart/form-data for BasicDisplay, as Meta's tutorial sends it,
// and application/x-www-form-urlencoded for InstagramLogin, as RFC 6749 has it.
func (c *Client) Exchange(ctx context.Context, redirectURI, code string) (Token, error) {
	secret, hidden := c.appSecret(), c.hidden(code)
	body, contentType := c.tokenForm([]Param{
		{"client_id", c.config.AppID}, {"client_secret", secret}, {"grant_type", "authorization_code"},
		{"redirect_uri", redirectURI}, {"code", code},
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoints.Token, body)
	if err != nil {
		return Token{}, transportError(TokenEndpoint, err)
	}
	// Without GetBody net/http cannot send the code a second time on its own. [C4]
	request.GetBody = nil
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	answer, err := c.call(request, TokenEndpoint, hidden...)
	if err != nil {
		return Token{}, err
	}
	token, err := parseToken(answer, TokenEndpoint, hidden...)
	if token.Lifetime == 0 {
		token.Lifetime = ShortLifetime
	}
	return token, err
}

// tokenForm encodes the fields in their order.
func (c *Client) tokenForm(fields []Param) (body io.Reader, contentType string) {
	if !c.family.multipart {
		var form []string
		for _, f := range fields {
			form = append(form, f.Name+"="+url.QueryEscape(f.Value))
		}
		return strings.NewReader(strings.Join(form, "&")), "application/x-www-form-urlencoded"
	}
	var buffer bytes.Buffer
	form := multipart.NewWriter(&buffer)
	for _, f := range fields {
		_ = form.WriteField(f.Name, f.Value) // writing to memory does not fail
	}
	_ = form.Close()
	return &buffer, form.FormDataContentType()
}

// parseToken reads a token answer, that of the exchange or that of a long-lived token.
// secrets are what the answer may repeat.
func parseToken(body []byte, endpoint Endpoint, secrets ...string) (Token, error) {
	unusable := func(err error) (Token, error) {
		return Token{}, &Error{Kind: BadAnswer, Endpoint: endpoint, Status: http.StatusOK, Message: excerpt(http.StatusOK, body, secrets), Err: err}
	}
	var (
		m       members
		token   string
		user    id
		granted permissions
		expires seconds
	)
	if err := unmarshalNode(body, &m); err != nil {
		return unusable(err)
	}
	if err := m.read(map[string]any{
		"access_token": &token, "user_id": &user, "permissions": &granted, "expires_in": &expires,
	}); err != nil {
		return unusable(err)
	}
	notVisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, notVisible) {
		return unusable(errNoToken)
	}
	return Token{token, string(user), PermissionsOf(granted...), time.Duration(expires)}, nil
}
