package instagram

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
)

// Calls of the graph with an access token, and where the token stands in them.

// bearer remembers for each endpoint whether Instagram reads a token from the Authorization
// header. Meta's publishing samples document the header for the graph and its login pages the
// query parameter, so a client tries the header first: an address ends in logs.
type bearer struct{ places sync.Map } // of Endpoint, to place

type place int

const (
	placeUnknown place = iota
	inHeader
	inQuery
)

func (b *bearer) place(endpoint Endpoint) place {
	known, _ := b.places.Load(endpoint)
	p, _ := known.(place)
	return p
}

// graph asks for an address of the graph with a token. Where Instagram refuses the header,
// it asks once more with the query parameter, and goes on with that for the life of the
// client. BasicDisplay always uses the query, as Meta's tutorial does.
func (c *Client) graph(ctx context.Context, endpoint Endpoint, address, token string) ([]byte, error) {
	place := c.bearer.place(endpoint)
	if c.config.API == BasicDisplay || place == inQuery {
		return c.ask(ctx, endpoint, address, token, inQuery)
	}
	body, err := c.ask(ctx, endpoint, address, token, inHeader)
	failure, ok := errors.AsType[*Error](err)
	switch {
	case err == nil:
		c.bearer.places.Store(endpoint, inHeader)
		return body, nil
	case !ok || !failure.headerUnread() && (place == inHeader || !failure.headerInDoubt()):
		return body, err
	}
	again, err := c.ask(ctx, endpoint, address, token, inQuery)
	second, failed := errors.AsType[*Error](err)
	// A refusal of another kind shows as well that the token was read this time.
	if !failed || failure.headerUnread() && second.Kind == Refused && !second.headerUnread() {
		c.bearer.places.Store(endpoint, inQuery)
	}
	return again, err
}

// ask makes one call with the token in one place. No error has the address in it. [T6]
func (c *Client) ask(ctx context.Context, endpoint Endpoint, address, token string, place place) ([]byte, error) {
	if place == inQuery {
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		address += separator + "access_token=" + url.QueryEscape(token)
	}
	authorization := ""
	if place == inHeader {
		authorization = "Bearer " + token
	}
	return c.get(ctx, endpoint, address, authorization, c.hidden(token)...)
}

// headerUnread reports whether Instagram says that it got no token at all.
func (e *Error) headerUnread() bool {
	if e.Kind != Refused || e.AppState() != AppFine {
		return false
	}
	says := strings.Contains(strings.ToLower(e.Message), "access token")
	return e.Code == codeAnonymous || e.Code == codePath && says
}

// headerInDoubt reports whether a refusal may come from a token that was not read. Words
// about an expired token, or about a field, show that it was.
func (e *Error) headerInDoubt() bool {
	if e.Kind != Refused || e.Temporary() || e.AppState() != AppFine {
		return false
	}
	switch e.Code {
	case codeNotAccepted, codeSessionKey:
		return e.Subcode == 0 && !strings.Contains(strings.ToLower(e.Message), "expired")
	case codeParameter:
		return e.UnknownField() == "" && !e.noObject() && !strings.Contains(strings.ToLower(e.Message), "client secret")
	}
	return false
}
