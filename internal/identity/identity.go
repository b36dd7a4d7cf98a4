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

// What the site learns about a visitor: headers, placeholders, and which of them
// a block further up has set.

const (
	fieldUserID      = "user_id"
	FieldUsername    = "username"
	fieldAppScopedID = "app_scoped_id"
	FieldPermissions = "permissions"
	fieldToken       = "access_token"

	// HeaderOff in the place of a header's name sends none.
	HeaderOff = "off"

	headerUserID   = "X-Instagram-User-Id"
	headerUsername = "X-Instagram-Username"

	placeholderUser = "http.auth.user."

	// setVar is the request variable in which blocks of ours leave what they set, so
	// that the next one does not take it for forged.
	setVar = option.Directive + ".identity"

	// passedVar is the request variable that says that a block of ours has verified a
	// callback from Meta, which is on its way to the site.
	passedVar = option.Directive + ".callback"
)

// Headers that tell the site what a callback that is passed on says. Like the identity
// headers, they never come from a client.
const (
	headerEvent     = "X-Instagram-Event"
	headerEventUser = "X-Instagram-Event-User-Id"
	// headerEventIssued is when Meta signed the callback, in Unix seconds.
	headerEventIssued = "X-Instagram-Event-Issued-At"
)

var eventHeaders = []string{headerEvent, headerEventUser, headerEventIssued}

// presence is what blocks of ours have said about the visitor of a request: one for all of
// them, so that the last one's word counts and an identity is whole. It lives as long as
// the request, because Caddy asks for placeholders up to the end, for its access log.
type presence struct {
	headers []string // their names
	who     session.Identity
	token   string
	asked   bool // Caddy knows to ask here for placeholders

	// first and last are the blocks that have spoken. The header values of the first one
	// stand here, which saves an array of their own.
	first, last *Injector
	values      [maxValuesHere]string
}

const maxValuesHere = 4

// String says nothing: a presence stands among the request's variables, which an operator
// can print, and may hold a token. [P1]
func (*presence) String() string { return "" }

// An Injector writes the identity of visitors into requests, and deletes what claims to be one.
type Injector struct {
	guard       *headerguard.Guard
	headers     []identityHeader
	headerNames []string // and that of the token
	fields      []string
	forwardAs   string // "" to keep the token from the site
}

// identityHeader is a request header for the site and the field it carries.
type identityHeader struct{ name, field string }

// New checks which request headers the site gets: names by field, beside those that are the
// default. fields are the further fields of the user node.
func New(headers map[string]string, fields []string, forwardAs string) (*Injector, error) {
	in := &Injector{fields: fields, forwardAs: forwardAs}
	names := map[string]string{fieldUserID: headerUserID, FieldUsername: headerUsername}
	for field, name := range headers {
		known := []string{fieldUserID, FieldUsername, fieldAppScopedID, FieldPermissions}
		if !slices.Contains(known, field) && !slices.Contains(fields, field) {
			return nil, option.Errorf("headers", "%q is not one of %s; list it in fields first", field, strings.Join(known, ", "))
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
		// Under another name or none, too: the site may be one that still reads the
		// names of the documentation, and nobody else may fill them in. [H1]
		if !slices.ContainsFunc(stripped, func(other string) bool { return headerguard.Fold(other) == headerguard.Fold(name) }) {
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

// Guard returns what deletes the headers that only this handler may set.
func (in *Injector) Guard() *headerguard.Guard { return in.guard }

// Strip deletes from a request what only this handler may say: identity headers in
// every spelling, their names in Connection, identity trailers. [H1, H2, H3]
func (in *Injector) Strip(v *request.State) {
	var keep func(string) bool
	if earlier, ok := v.Vars[setVar].(*presence); ok {
		keep = func(name string) bool { return slices.Contains(earlier.headers, name) }
	}
	in.guard.Strip(v.R.Header, keep)
	in.guard.CleanConnection(v.R.Header)
	in.guard.StripTrailers(v.R)
}

// Inject tells the site who the visitor is. Values are handed out as they are and are
// never expanded themselves. [H4, H6] The site gets a token only where the operator wants
// that. [P4]
func (in *Injector) Inject(v *request.State, who *session.Identity, token string) {
	p := in.shared(v)
	p.who, p.token = *who, token
	values := p.values[:]
	if p.first != in || len(in.headers) > len(values) {
		values = make([]string, len(in.headers))
	}
	for i, header := range in.headers {
		value, ok := valueOf(who, header.field)
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

// shared returns the request's presence, for this block to fill in. What an earlier
// block has set stays only where it keeps apart: no field of one person may stand beside
// the ID of another. [H7]
func (in *Injector) shared(v *request.State) *presence {
	p, ok := v.Vars[setVar].(*presence)
	switch {
	case !ok:
		p = &presence{headers: in.headerNames, first: in}
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
	// What another module has said about a user is about somebody else.
	repl.DeleteByPrefix(placeholderUser)
	if !p.asked {
		p.asked = true
		repl.Map(p.placeholder)
	}
	return p
}

// placeholder gives Caddy the value of a placeholder when it is asked for, which saves
// setting each of them in advance.
func (p *presence) placeholder(key string) (any, bool) {
	field, ours := strings.CutPrefix(key, placeholderUser)
	if !ours {
		return nil, false
	}
	switch field {
	case "id":
		return p.who.UserID, true
	case fieldAppScopedID:
		return p.who.AppScopedID, true
	case fieldToken:
		return p.token, p.token != ""
	case fieldUserID:
		return nil, false // the name of a header's field alone
	}
	if field != FieldUsername && field != FieldPermissions && !slices.Contains(p.last.fields, field) {
		return nil, false // nobody asks for it any more
	}
	value, ok := valueOf(&p.who, field)
	return value, ok
}

// TooLong returns the fields whose value is too long for their header. [H4]
func (in *Injector) TooLong(who *session.Identity) (fields []string) {
	for _, header := range in.headers {
		if value, ok := valueOf(who, header.field); ok {
			if _, fits := headerguard.EncodeValue(value); !fits {
				fields = append(fields, header.field)
			}
		}
	}
	return fields
}

// valueOf returns the value of a field; none for one that Instagram left out.
func valueOf(who *session.Identity, field string) (string, bool) {
	switch field {
	case fieldUserID:
		return who.UserID, true
	case FieldUsername:
		return who.Username, true
	case fieldAppScopedID:
		return who.AppScopedID, who.AppScopedID != ""
	case FieldPermissions:
		return instagram.Permissions(who.Permissions).String(), who.Permissions != 0
	}
	for _, f := range who.Fields {
		if f.Name == field {
			return f.Value, true
		}
	}
	return "", false
}

// Forwarded returns the token that the site gets, "" for none.
func (in *Injector) Forwarded(t *session.Token, now time.Time) string {
	if in.forwardAs == "" || t.Access == "" || !now.Before(t.Expires) {
		return ""
	}
	return t.Access
}

// Pass says in a request what a verified callback from Meta says. Further blocks neither ask Meta to
// sign in nor delete it.
func Pass(v *request.State, event, userID string, issuedAt time.Time) {
	v.R.Header[headerEvent] = []string{event}
	v.R.Header[headerEventUser] = []string{userID}
	v.R.Header[headerEventIssued] = []string{strconv.FormatInt(issuedAt.Unix(), 10)}
	caddyhttp.SetVar(v.R.Context(), passedVar, true)
	caddyhttp.SetVar(v.R.Context(), setVar, &presence{headers: eventHeaders})
}

// IsPassed reports whether another block has verified a callback from Meta, which is on its way to the
// site.
func IsPassed(v *request.State) bool {
	return v.R.Method == http.MethodPost && v.Vars[passedVar] == true
}
