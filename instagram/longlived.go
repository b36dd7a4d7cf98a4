package instagram

import (
	"context"
	"net/url"
	"regexp"
	"time"
)

const (
	// ShortLifetime and LongLifetime are how long tokens of the two kinds are good for
	// where an answer does not say, as Meta documents it.
	ShortLifetime = time.Hour
	LongLifetime  = 60 * 24 * time.Hour

	// RefreshAge is how old a long-lived token must be before it can be refreshed.
	RefreshAge = 24 * time.Hour

	maxLifetime = 90 * 24 * time.Hour // [T5]
)

// LongLived exchanges a short-lived token for a long-lived one. Its errors are of the
// type *Error, as those of the other calls.
//
// Meta documents it as a GET with the app secret in the query, so no error has the
// address in it. [T6] The token goes into a header where Instagram takes it there.
func (c *Client) LongLived(ctx context.Context, short Token) (Token, error) {
	return c.lengthen(ctx, LongLivedEndpoint, short, "/access_token?grant_type=ig_exchange_token&client_secret="+url.QueryEscape(c.appSecret()))
}

// Refresh returns a long-lived token that replaces one which is at least RefreshAge old
// and has not expired. The old one stays good.
func (c *Client) Refresh(ctx context.Context, long Token) (Token, error) {
	return c.lengthen(ctx, RefreshEndpoint, long, "/refresh_access_token?grant_type=ig_refresh_token")
}

// lengthen makes either call. User and permissions stay as they were if the answer omits them.
func (c *Client) lengthen(ctx context.Context, endpoint Endpoint, old Token, call string) (Token, error) {
	body, err := c.graph(ctx, endpoint, unversioned(c.config.Endpoints.Graph)+call, old.AccessToken)
	if err != nil {
		return Token{}, err
	}
	token, err := parseToken(body, endpoint, c.hidden(old.AccessToken)...)
	if err != nil {
		return Token{}, err
	}
	token.UserID = old.UserID
	if token.Permissions == 0 {
		token.Permissions = old.Permissions
	}
	if token.Lifetime == 0 {
		token.Lifetime = LongLifetime
	}
	return token, nil
}

var version = regexp.MustCompile(`/v[0-9]+(\.[0-9]+)?$`)

// unversioned drops the version segment of a base URL: Meta documents these two calls without.
func unversioned(base string) string { return version.ReplaceAllString(base, "") }
