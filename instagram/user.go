package instagram

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// User is a user node.
type User struct {
	// ID is the person's stable ID: user_id in InstagramLogin, which is the ID of the
	// professional account, and id in BasicDisplay.
	ID string
	// AppScopedID is the ID by which Instagram names the person to this app. It is empty
	// where neither the node nor the token answer has it.
	AppScopedID string
	// Username is the account's name. It can change, and change owner.
	Username string
	// Permissions are those of the token answer, or else those that the node proves.
	Permissions Permissions
	// Fields are those of Config.Fields that Instagram returned, in that order. One that
	// the permissions do not cover is absent. account_type is BUSINESS, MEDIA_CREATOR or
	// PERSONAL, however Instagram spells it.
	Fields []Field
	// FieldError says why Instagram returned none of Config.Fields, nil if it did not refuse them.
	FieldError *Error
}

// Field is a field of the user node; numbers and truth values as their JSON text.
type Field struct{ Name, Value string }

var (
	errNoToken     = errors.New("answer has no usable access token")
	errNoID        = errors.New("profile has no usable ID")
	errNoUserID    = errors.New("profile has no user_id")
	errNoUsername  = errors.New("profile has no usable username")
	errPrivate     = errors.New("profile belongs to a private account: it has only an ID")
	errOtherPerson = errors.New("token answer and profile name different accounts")

	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)
)

// User reads the user node that a token belongs to. It tries a second time if the
// connection failed before anything came back. [T4] Where a further field spoils the call,
// it asks once more without them: who somebody is is all that a login needs.
func (c *Client) User(ctx context.Context, t Token) (User, error) {
	body, spoiled, err := c.readNode(ctx, t)
	if err != nil {
		return User{}, err
	}
	user, err := c.parseUser(body, t)
	user.FieldError = spoiled
	return user, err
}

// Recheck is User for a known person: the node must be theirs, and their IDs stay the same. It
// checks a permission that a field proves again, because it may have been withdrawn.
func (c *Client) Recheck(ctx context.Context, t Token, known User) (User, error) {
	silent := t
	if silent.Permissions = 0; len(c.proofs(silent)) > 0 {
		t = silent
	}
	t.UserID = known.ID
	body, spoiled, err := c.readNode(ctx, t)
	if err != nil {
		return User{}, err
	}
	node, err := c.parseNode(body, t)
	if err != nil {
		return User{}, err
	}
	if !node.isOf(known) {
		return User{}, badProfile(errOtherPerson)
	}
	user := c.userOf(node, t)
	user.ID, user.AppScopedID, user.FieldError = known.ID, known.AppScopedID, spoiled
	return user, nil
}

// readNode reads the user node, and returns the failure for which it left further fields out.
func (c *Client) readNode(ctx context.Context, t Token) (body []byte, spoiled *Error, err error) {
	fields := c.fieldsFor(t)
	body, err = c.node(ctx, t, fields)
	failure, ok := errors.AsType[*Error](err)
	if !ok || len(fields) == len(c.family.nodeFields) {
		return body, nil, err
	}
	// A permission that was declined mostly leaves its fields out of the answer, and at
	// times spoils it. A field that Instagram does not know, or will not show for this
	// account, always does.
	if failure.LacksPermission() || failure.Kind == Refused && failure.Code == codeParameter && !failure.noObject() {
		body, err = c.node(ctx, t, c.family.nodeFields)
		return body, failure, err
	}
	return body, nil, err
}

// node asks for the user node of a token's owner.
func (c *Client) node(ctx context.Context, t Token, fields []string) ([]byte, error) {
	node := "me"
	if c.config.Node == NodeID {
		if node = t.UserID; node == "" {
			return nil, badProfile(errNoID)
		}
	}
	address := c.config.Endpoints.Graph + "/" + node + "?fields=" + strings.Join(fields, ",")
	body, err := c.graph(ctx, UserEndpoint, address, t.AccessToken)
	if failure, ok := errors.AsType[*Error](err); ok && failure.Kind == Unreachable && ctx.Err() == nil {
		body, err = c.graph(ctx, UserEndpoint, address, t.AccessToken)
	}
	return body, err
}

func badProfile(err error) error {
	return &Error{Kind: BadProfile, Endpoint: UserEndpoint, Status: http.StatusOK, Err: err}
}

// unusable is a badProfile that lists what the node has. Its values are about a person. [P2]
func (c *Client) unusable(err error, body []byte, t Token) error {
	return badProfile(fmt.Errorf("%w; it is %s", err, membersOf(body, c.hidden(t.AccessToken))))
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

// proven returns the permissions that a node proves. A family's first one is the node's own.
func (c *Client) proven(members map[string]json.RawMessage) Permissions {
	names := []string{c.family.scopes[0]}
	for permission, field := range c.family.proofs {
		if _, ok := scalar(members[field]); ok {
			names = append(names, permission)
		}
	}
	return PermissionsOf(names...)
}

// userNode is what every answer of a user node is read into.
type userNode struct {
	ID, UserID id
	Username   string

	members members
}

// parseNode reads a user node, with whatever IDs it has.
func (c *Client) parseNode(body []byte, t Token) (n userNode, err error) {
	if err := unmarshalNode(body, &n.members); err != nil {
		return n, badProfile(err)
	}
	err = n.members.read(map[string]any{"id": &n.ID, "user_id": &n.UserID, "username": &n.Username})
	if c.config.API == BasicDisplay {
		n.UserID = "" // it has one ID alone
	}
	switch {
	case err != nil:
		return n, c.unusable(err, body, t)
	case n.ID == "" && n.UserID == "":
		return n, c.unusable(errNoID, body, t)
	case c.config.API == InstagramLogin && len(n.members) == 1 && n.ID != "":
		return n, badProfile(errPrivate)
	case !usernamePattern.MatchString(n.Username):
		return n, c.unusable(errNoUsername, body, t)
	}
	return n, nil
}

// isOf reports whether a node is that of somebody who is known. user_id decides where the
// node has it. Sessions of older versions may have the app-scoped ID in its place.
func (n *userNode) isOf(known User) bool {
	if n.UserID != "" {
		return string(n.UserID) == known.ID || known.ID == known.AppScopedID && string(n.ID) == known.ID
	}
	return string(n.ID) == known.AppScopedID
}

// parseUser reads the user node of a login. Where the token answer has an ID, it must name
// the same person, by either of the two IDs.
func (c *Client) parseUser(body []byte, t Token) (User, error) {
	node, err := c.parseNode(body, t)
	if err != nil {
		return User{}, err
	}
	if c.config.API == InstagramLogin && node.UserID == "" {
		// The app-scoped ID would make another person of somebody who has been here before.
		return User{}, c.unusable(errNoUserID, body, t)
	}
	user := c.userOf(node, t)
	switch {
	case t.UserID == "" || t.UserID == user.ID || t.UserID == user.AppScopedID:
	case c.config.API == InstagramLogin && user.AppScopedID == "":
		// As in Meta's own sample: of the two IDs the token answer has the app-scoped one.
		user.AppScopedID = t.UserID
	default:
		return User{}, badProfile(errOtherPerson)
	}
	return user, nil
}

// userOf makes a user of a node.
func (c *Client) userOf(n userNode, t Token) User {
	user := User{ID: string(cmp.Or(n.UserID, n.ID)), AppScopedID: string(n.ID), Username: n.Username, Permissions: t.Permissions}
	if user.Permissions == 0 {
		user.Permissions = c.proven(n.members)
	}
	for _, name := range c.config.Fields {
		value, ok := scalar(n.members[name])
		if !ok {
			continue
		}
		if name == fieldAccountType {
			value = strings.ToUpper(value) // Meta's pages and its answers differ
		}
		user.Fields = append(user.Fields, Field{name, value})
	}
	return user
}
