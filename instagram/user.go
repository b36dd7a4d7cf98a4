package instagram

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// User is a user node.
type User struct {
	// ID is the person's stable ID: the account's ID in InstagramLogin, or the
	// app-scoped one where Instagram gives no other.
	ID string
	// AppScopedID is the ID by which Instagram names the person to this app.
	AppScopedID string
	// Username is the account's name. It can change, and change owner.
	Username string
	// Permissions are those that the token answer named. Where it named none, they are
	// what the node itself proves.
	Permissions Permissions
	// Fields are those of Config.Fields that Instagram returned, in that order. One that
	// the permissions do not cover is absent.
	Fields []Field
}

// Field is a field of the user node; numbers and truth values as their JSON text.
type Field struct{ Name, Value string }

var (
	errNoToken     = errors.New("answer has no usable access token")
	errNoUserID    = errors.New("profile has no usable ID")
	errNoUsername  = errors.New("profile has no usable username")
	errOtherPerson = errors.New("token answer and profile name different people")

	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)
)

// User reads the user node that a token belongs to. It tries a second time if the
// connection failed before anything came back. [T4]
func (c *Client) User(ctx context.Context, t Token) (User, error) {
	node := "me"
	if c.config.Node == NodeID {
		if node = t.UserID; node == "" {
			return User{}, badProfile(errNoUserID)
		}
	}
	body, err := c.node(ctx, node, t, c.fieldsFor(t))
	if failure, ok := errors.AsType[*Error](err); ok && failure.lacksPermission() && len(c.config.Fields)+len(c.proofs(t)) > 0 {
		// A permission that was declined mostly leaves its fields out of the answer, and at
		// times spoils it. Who they are is all that a login needs.
		body, err = c.node(ctx, node, t, c.family.nodeFields)
	}
	if err != nil {
		return User{}, err
	}
	return c.parseUser(body, t)
}

// Recheck is User for somebody who is known. A permission that a field proves is looked at
// again, because it may have been withdrawn.
func (c *Client) Recheck(ctx context.Context, t Token) (User, error) {
	silent := t
	if silent.Permissions = 0; len(c.proofs(silent)) > 0 {
		t = silent
	}
	return c.User(ctx, t)
}

// node asks for a user node.
func (c *Client) node(ctx context.Context, node string, t Token, fields []string) ([]byte, error) {
	// As documented the token goes into the query, so that no error may have the
	// URL in it. [T6]
	address := c.config.Endpoints.Graph + "/" + node + "?fields=" + strings.Join(fields, ",") + "&access_token=" + url.QueryEscape(t.AccessToken)
	body, err := c.get(ctx, UserEndpoint, address, t.AccessToken)
	if failure, ok := errors.AsType[*Error](err); ok && failure.Kind == Unreachable && ctx.Err() == nil {
		body, err = c.get(ctx, UserEndpoint, address, t.AccessToken)
	}
	return body, err
}

func badProfile(err error) error {
	return &Error{Kind: BadProfile, Endpoint: UserEndpoint, Status: http.StatusOK, Err: err}
}

// proofs are further fields to ask for where a permission is required and the token
// answer does not name those that were granted.
func (c *Client) proofs(t Token) (fields []string) {
	if t.Permissions != 0 {
		return nil
	}
	for _, permission := range c.config.Required {
		if field := c.family.proofs[permission]; field != "" {
			fields = append(fields, field)
		}
	}
	return fields
}

// fieldsFor lists all fields to ask for, each once.
func (c *Client) fieldsFor(t Token) []string {
	fields := slices.Concat(c.family.nodeFields, c.config.Fields)
	for _, field := range c.proofs(t) {
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// proven returns the permissions that a user node proves. The first one of a family is
// that of the node itself.
func (c *Client) proven(members map[string]json.RawMessage) Permissions {
	names := []string{c.family.scopes[0]}
	for permission, field := range c.family.proofs {
		if _, ok := scalar(members[field]); ok {
			names = append(names, permission)
		}
	}
	return PermissionsOf(names...)
}

// parseUser reads a user node. Where the token answer has an ID, it must name the same
// person, by either of the two IDs.
func (c *Client) parseUser(body []byte, t Token) (User, error) {
	var members map[string]json.RawMessage
	if err := unmarshalNode(body, &members); err != nil {
		return User{}, badProfile(err)
	}
	var node struct {
		ID       id     `json:"id"`
		UserID   id     `json:"user_id"`
		Username string `json:"username"`
	}
	if err := unmarshalNode(body, &node); err != nil {
		return User{}, badProfile(err)
	}
	user := User{ID: string(node.ID), AppScopedID: string(node.ID), Username: node.Username}
	if c.config.API == InstagramLogin && node.UserID != "" {
		user.ID = string(node.UserID)
	}
	switch {
	case user.ID == "":
		return User{}, badProfile(errNoUserID)
	case !usernamePattern.MatchString(user.Username):
		return User{}, badProfile(errNoUsername)
	case t.UserID != "" && t.UserID != user.ID && t.UserID != user.AppScopedID:
		return User{}, badProfile(errOtherPerson)
	}
	if user.Permissions = t.Permissions; user.Permissions == 0 {
		user.Permissions = c.proven(members)
	}
	for _, name := range c.config.Fields {
		if value, ok := scalar(members[name]); ok {
			user.Fields = append(user.Fields, Field{name, value})
		}
	}
	return user, nil
}
