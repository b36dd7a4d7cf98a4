package instagramauth

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

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
	fieldUsername    = "username"
	fieldAppScopedID = "app_scoped_id"

	headerUserID   = "X-Instagram-User-Id"
	headerUsername = "X-Instagram-Username"

	placeholderUser = "http.auth.user."

	// setVar is the request variable in which blocks of ours leave what they set, so
	// that the next one does not take it for forged.
	setVar = directive + ".identity"

	// passedVar is the request variable that says that a block of ours has verified a
	// callback of Meta's, which is on its way to the site.
	passedVar = directive + ".callback"
)

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
	first, last *Handler
	values      [maxValuesHere]string
}

const maxValuesHere = 4

// String says nothing: a presence stands among the request's variables, which an operator
// can print, and may hold a token. [P1]
func (*presence) String() string { return "" }

func mapKeys(m map[string]string) iter.Seq[string] { return maps.Keys(m) }

// resolveHeaders decides on the request headers for the site.
func (h *Handler) resolveHeaders(s *settings, _ option.Resolver) error {
	names := map[string]string{fieldUserID: headerUserID, fieldUsername: headerUsername}
	for field, name := range h.Headers {
		known := []string{fieldUserID, fieldUsername, fieldAppScopedID, fieldPermissions}
		if !slices.Contains(known, field) && !slices.Contains(h.Fields, field) {
			return option.Errorf("headers", "%q is not one of %s; list it in fields first", field, strings.Join(known, ", "))
		}
		names[field] = name
	}
	for _, field := range slices.Sorted(mapKeys(names)) {
		if names[field] != headerOff {
			name := http.CanonicalHeaderKey(names[field])
			s.headers = append(s.headers, identityHeader{name, field})
			s.headerNames = append(s.headerNames, name)
		}
	}
	stripped := append(slices.Clone(s.headerNames), eventHeaders...)
	for _, name := range []string{headerUserID, headerUsername} {
		// Under another name or none, too: the site may be one that still reads the
		// names of the documentation, and nobody else may fill them in. [H1]
		if !slices.ContainsFunc(stripped, func(other string) bool { return headerguard.Fold(other) == headerguard.Fold(name) }) {
			stripped = append(stripped, name)
		}
	}
	var err error
	if s.guard, err = headerguard.New(stripped...); err != nil {
		return option.Errorf("headers", "%v", err)
	}
	if s.forwardAs == "" {
		return nil
	}
	s.headerNames = append(s.headerNames, s.forwardAs)
	if s.guard, err = headerguard.New(append(stripped, s.forwardAs)...); err != nil {
		return option.Errorf("token forward_as", "%v", err)
	}
	return nil
}

// strip deletes from a request what only this handler may say: identity headers in
// every spelling, their names in Connection, identity trailers. [H1, H2, H3]
func (h *Handler) strip(v *request.State) {
	var keep func(string) bool
	if earlier, ok := v.Vars[setVar].(*presence); ok {
		keep = func(name string) bool { return slices.Contains(earlier.headers, name) }
	}
	h.settings.guard.Strip(v.R.Header, keep)
	h.settings.guard.CleanConnection(v.R.Header)
	h.settings.guard.StripTrailers(v.R)
}

// inject tells the site who the visitor is. Values are handed out as they are and are
// never expanded themselves. [H4, H6] The site gets a token only where the operator wants
// that. [P4]
func (h *Handler) inject(v *request.State, who *session.Identity, token string) {
	p := h.presence(v)
	p.who, p.token = *who, token
	values := p.values[:]
	if p.first != h || len(h.settings.headers) > len(values) {
		values = make([]string, len(h.settings.headers))
	}
	for i, header := range h.settings.headers {
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
		v.R.Header[h.settings.forwardAs] = []string{token}
	}
}

// presence returns the request's presence, for this block to fill in. What an earlier
// block has set stays only where it keeps apart: no field of one person may stand beside
// the ID of another. [H7]
func (h *Handler) presence(v *request.State) *presence {
	p, ok := v.Vars[setVar].(*presence)
	switch {
	case !ok:
		p = &presence{headers: h.settings.headerNames, first: h}
		caddyhttp.SetVar(v.R.Context(), setVar, p)
	case p.last != h:
		if slices.ContainsFunc(h.settings.headerNames, func(name string) bool { return slices.Contains(p.headers, name) }) {
			for _, name := range p.headers {
				delete(v.R.Header, name)
			}
		}
		p.headers = slices.Concat(p.headers, h.settings.headerNames)
	}
	p.last = h
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
	if field != fieldUsername && field != fieldPermissions && !slices.Contains(p.last.Fields, field) {
		return nil, false // nobody asks for it any more
	}
	value, ok := valueOf(&p.who, field)
	return value, ok
}

// withoutRoom returns the fields whose value is too long for their header. [H4]
func (s *settings) withoutRoom(who *session.Identity) (fields []string) {
	for _, header := range s.headers {
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
	case fieldUsername:
		return who.Username, true
	case fieldAppScopedID:
		return who.AppScopedID, who.AppScopedID != ""
	case fieldPermissions:
		return instagram.Permissions(who.Permissions).String(), who.Permissions != 0
	}
	for _, f := range who.Fields {
		if f.Name == field {
			return f.Value, true
		}
	}
	return "", false
}
