// Package identity tells the site who is signed in: by request headers and placeholders. It
// deletes what a client sends under the same names, and completes the site's response headers.
//
// It knows nothing of how a session comes about: callers pass the identity.
package identity

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	// The fields of an identity, as headers and placeholders name them.
	fieldUserID      = "user_id"
	FieldUsername    = "username"
	fieldAppScopedID = "app_scoped_id"
	FieldPermissions = "permissions"
	fieldSignedInAt  = "signed_in_at" // a placeholder alone
	fieldToken       = "access_token"

	// HeaderOff, in place of a header's name, sends no header for a field.
	HeaderOff = "off"

	headerUserID   = "X-Instagram-User-Id"
	headerUsername = "X-Instagram-Username"

	placeholderUser = "http.auth.user."

	// setVar is the request variable with the sharedState of all blocks on the request's way.
	// A later block must not take the headers of an earlier one for forged.
	setVar = option.Directive + ".identity"

	// passedVar is the request variable that is true once a block has verified a callback from
	// Meta and passes it to the site.
	passedVar = option.Directive + ".callback"
)

// Headers of a callback that is passed to the site. Like the identity headers, they never come
// from a client.
const (
	headerEvent     = "X-Instagram-Event"
	headerEventUser = "X-Instagram-Event-User-Id"
	// headerEventIssued is when Meta signed the callback, in Unix seconds.
	headerEventIssued = "X-Instagram-Event-Issued-At"
)

var eventHeaders = []string{headerEvent, headerEventUser, headerEventIssued}

// sharedState is the identity of a request, shared by all blocks on its way. The last block
// decides, and no field of an earlier identity remains. It lives as long as the request:
// Caddy's access log reads placeholders at the very end.
type sharedState struct {
	headers  []string // the names of the headers that are set
	user     session.Identity
	token    string
	signedIn int64 // when the login was finished, in Unix seconds

	// first and last are the blocks that have set an identity; from the first one on, Caddy calls
	// placeholder. values has the header values of first, which saves an allocation.
	first, last *Injector
	values      [inlineValues]string
}

// inlineValues is how many header values a sharedState has room for.
const inlineValues = 4

// String returns "". An operator can print the request's variables, and this one may hold an
// access token. [P1]
func (*sharedState) String() string { return "" }

// An Injector writes the identity of visitors into requests, and deletes forged ones. It is
// safe for concurrent use.
type Injector struct {
	guard       *headerguard.Guard
	headers     []identityHeader
	headerNames []string // those of headers, and forwardAs
	fields      []string // of the user node, beside the usual ones
	forwardAs   string   // the header for the access token; "" sends none
}

// identityHeader is a request header for the site, and the field that is its value.
type identityHeader struct{ name, field string }

// New returns an injector. headers maps fields to names of request headers. By default the
// site gets X-Instagram-User-Id and X-Instagram-Username; HeaderOff removes one. fields are the
// further fields of the user node. forwardAs is the canonical name of the header for the access
// token, "" for none. Errors are *option.Error.
func New(headers map[string]string, fields []string, forwardAs string) (*Injector, error) {
	in := &Injector{fields: fields, forwardAs: forwardAs}
	names := map[string]string{fieldUserID: headerUserID, FieldUsername: headerUsername}
	for field, name := range headers {
		known := []string{fieldUserID, FieldUsername, fieldAppScopedID, FieldPermissions}
		if !slices.Contains(known, field) && !slices.Contains(fields, field) {
			return nil, option.Errorf("headers", "%q is not one of %s; list it in fields first",
				field, strings.Join(known, ", "))
		}
		names[field] = name
	}
	for _, field := range slices.Sorted(maps.Keys(names)) {
		if names[field] != HeaderOff {
			name := http.CanonicalHeaderKey(names[field])
			in.headers = append(in.headers, identityHeader{name, field})
			in.headerNames = append(in.headerNames, name)
		}
	}
	stripped := append(slices.Clone(in.headerNames), eventHeaders...)
	for _, name := range []string{headerUserID, headerUsername} {
		// The default names are stripped even if headers replaces them: the site may still
		// read them, and a client must never fill them in. [H1]
		sameHeader := func(other string) bool { return headerguard.Fold(other) == headerguard.Fold(name) }
		if !slices.ContainsFunc(stripped, sameHeader) {
			stripped = append(stripped, name)
		}
	}
	var err error
	if in.guard, err = headerguard.New(stripped...); err != nil {
		return nil, option.Errorf("headers", "%v", err)
	}
	if forwardAs == "" {
		return in, nil
	}
	in.headerNames = append(in.headerNames, forwardAs)
	if in.guard, err = headerguard.New(append(stripped, forwardAs)...); err != nil {
		return nil, option.Errorf("token forward_as", "%v", err)
	}
	return in, nil
}

// Guard returns the guard of all headers that only this handler may set.
func (in *Injector) Guard() *headerguard.Guard { return in.guard }

// Strip deletes identity headers in every spelling, their names in Connection, and identity
// trailers. It keeps what an earlier block has set. [H1, H2, H3]
func (in *Injector) Strip(v *request.State) {
	var keep func(string) bool
	if earlier, ok := v.Vars[setVar].(*sharedState); ok {
		keep = func(name string) bool { return slices.Contains(earlier.headers, name) }
	}
	in.guard.Strip(v.R.Header, keep)
	in.guard.CleanConnection(v.R.Header)
	in.guard.StripTrailers(v.R)
}

// Inject sets the identity headers and placeholders of a request. signedIn is when the login was
// finished, and token the result of Forwarded. Placeholders within values are not
// expanded. [H4, H6, P4]
func (in *Injector) Inject(v *request.State, user *session.Identity, signedIn time.Time, token string) {
	p := in.shared(v)
	p.user, p.signedIn, p.token = *user, signedIn.Unix(), token
	values := p.values[:]
	if p.first != in || len(in.headers) > len(values) {
		values = make([]string, len(in.headers))
	}
	for i, header := range in.headers {
		value, ok := valueOf(user, header.field)
		if !ok {
			continue
		}
		if encoded, fits := headerguard.EncodeValue(value); fits {
			values[i] = encoded
			v.R.Header[header.name] = values[i : i+1 : i+1]
		}
	}
	if token != "" {
		v.R.Header[in.forwardAs] = []string{token}
	}
}

// shared returns the request's state for this block to fill in. If the two blocks have a header
// in common, all headers of the earlier one go: no field of one user may remain beside the ID
// of another. [H7]
func (in *Injector) shared(v *request.State) *sharedState {
	p, ok := v.Vars[setVar].(*sharedState)
	mapped := ok && p.last != nil
	switch {
	case !ok:
		p = &sharedState{headers: in.headerNames, first: in}
		caddyhttp.SetVar(v.R.Context(), setVar, p)
	case p.last != in:
		if slices.ContainsFunc(in.headerNames, func(name string) bool { return slices.Contains(p.headers, name) }) {
			for _, name := range p.headers {
				delete(v.R.Header, name)
			}
		}
		p.headers = slices.Concat(p.headers, in.headerNames)
	}
	p.last = in
	repl := v.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	// Another authentication module may have set placeholders of another user.
	repl.DeleteByPrefix(placeholderUser)
	if !mapped {
		repl.Map(p.placeholder)
	}
	return p
}

// placeholder returns the value of a placeholder when Caddy asks for it. That is cheaper than
// setting each of them in advance.
func (p *sharedState) placeholder(key string) (any, bool) {
	field, ok := strings.CutPrefix(key, placeholderUser)
	if !ok {
		return nil, false
	}
	switch field {
	case "id":
		return p.user.UserID, true
	case fieldAppScopedID:
		return p.user.AppScopedID, true
	case fieldSignedInAt:
		return time.Unix(p.signedIn, 0).UTC().Format(time.RFC3339), true
	case fieldToken:
		return p.token, p.token != ""
	case fieldUserID:
		return nil, false // a header's field; the placeholder is named id
	}
	if field != FieldUsername && field != FieldPermissions && !slices.Contains(p.last.fields, field) {
		return nil, false // a session may have it from an earlier configuration
	}
	value, ok := valueOf(&p.user, field)
	return value, ok
}

// TooLong returns the fields whose value is too long for its header, and is not sent. [H4]
func (in *Injector) TooLong(user *session.Identity) (fields []string) {
	for _, header := range in.headers {
		if value, ok := valueOf(user, header.field); ok {
			if _, fits := headerguard.EncodeValue(value); !fits {
				fields = append(fields, header.field)
			}
		}
	}
	return fields
}

// valueOf returns the value of a field. ok is false if Instagram left the field out.
func valueOf(user *session.Identity, field string) (string, bool) {
	switch field {
	case fieldUserID:
		return user.UserID, true
	case FieldUsername:
		return user.Username, true
	case fieldAppScopedID:
		return user.AppScopedID, user.AppScopedID != ""
	case FieldPermissions:
		return instagram.Permissions(user.Permissions).String(), user.Permissions != 0
	}
	for _, f := range user.Fields {
		if f.Name == field {
			return f.Value, true
		}
	}
	return "", false
}

// Forwarded returns the access token that the site gets. It is "" if the operator does not want
// that, and for a token that has expired. [P4]
func (in *Injector) Forwarded(t *session.Token, now time.Time) string {
	if in.forwardAs == "" || t.Access == "" || !now.Before(t.Expires) {
		return ""
	}
	return t.Access
}

// Pass sets the headers of a verified callback from Meta. Later blocks let the request through
// and keep the headers.
func Pass(v *request.State, event, userID string, issuedAt time.Time) {
	v.R.Header[headerEvent] = []string{event}
	v.R.Header[headerEventUser] = []string{userID}
	v.R.Header[headerEventIssued] = []string{strconv.FormatInt(issuedAt.Unix(), 10)}
	caddyhttp.SetVar(v.R.Context(), passedVar, true)
	caddyhttp.SetVar(v.R.Context(), setVar, &sharedState{headers: eventHeaders})
}

// IsPassed reports whether an earlier block has verified a callback from Meta and passes it to
// the site.
func IsPassed(v *request.State) bool {
	return v.R.Method == http.MethodPost && v.Vars[passedVar] == true
}
