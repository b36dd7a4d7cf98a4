package instagramauth

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// What the site learns about a visitor: headers, placeholders, and which of them
// a block further up has set.

const (
	fieldUserID      = "user_id"
	fieldUsername    = "username"
	fieldAppScopedID = "app_scoped_id"

	headerUserID   = "X-Instagram-User-Id"
	headerUsername = "X-Instagram-Username"

	placeholderUser  = "http.auth.user."
	placeholderError = "http.auth." + directive + ".error"

	// setVar is the request variable in which blocks of ours leave what they set, so
	// that the next one does not take it for forged.
	setVar = directive + ".identity"

	// passedVar is the request variable that says that a block of ours has verified a
	// callback of Meta's, which is on its way to the site.
	passedVar = directive + ".callback"
)

// imprint is what a block of ours sets on a request for a signed-in visitor.
type imprint struct {
	headers      []string
	placeholders []string
}

func mapKeys(m map[string]string) iter.Seq[string] { return maps.Keys(m) }

// resolveHeaders decides on the request headers for the site.
func (h *Handler) resolveHeaders(s *settings, _ resolver) error {
	names := map[string]string{fieldUserID: headerUserID, fieldUsername: headerUsername}
	for field, name := range h.Headers {
		known := []string{fieldUserID, fieldUsername, fieldAppScopedID, fieldPermissions}
		if !slices.Contains(known, field) && !slices.Contains(h.Fields, field) {
			return &optionError{"headers", fmt.Sprintf("%q is none of %s; list it in fields first", field, strings.Join(known, ", "))}
		}
		names[field] = name
	}
	for _, field := range slices.Sorted(mapKeys(names)) {
		if names[field] != headerOff {
			name := http.CanonicalHeaderKey(names[field])
			s.headers = append(s.headers, identityHeader{name, field})
			s.imprint.headers = append(s.imprint.headers, name)
		}
	}
	if s.forwardAs != "" {
		s.imprint.headers = append(s.imprint.headers, s.forwardAs)
	}
	for _, field := range append([]string{"id", fieldUsername, fieldAppScopedID, fieldPermissions, fieldToken}, h.Fields...) {
		s.imprint.placeholders = append(s.imprint.placeholders, placeholderUser+field)
	}
	stripped := append(slices.Clone(s.imprint.headers), headerEvent, headerEventUser)
	for _, name := range []string{headerUserID, headerUsername} {
		// Under another name or none, too: the site may be one that still reads the
		// names of the documentation, and nobody else may fill them in. [H1]
		if !slices.ContainsFunc(stripped, func(other string) bool { return headerguard.Fold(other) == headerguard.Fold(name) }) {
			stripped = append(stripped, name)
		}
	}
	var err error
	if s.guard, err = headerguard.New(stripped...); err != nil {
		option := "headers"
		if slices.ContainsFunc(s.headers, func(other identityHeader) bool { return headerguard.Fold(other.name) == headerguard.Fold(s.forwardAs) }) {
			option = "token forward_as"
		}
		return &optionError{option, err.Error()}
	}
	return nil
}

// strip deletes from a request what only this handler may say: identity headers in
// every spelling, their names in Connection, identity trailers. [H1, H2, H3]
func (h *Handler) strip(r *http.Request) {
	var keep func(string) bool
	if earlier, ok := caddyhttp.GetVar(r.Context(), setVar).(*imprint); ok {
		keep = func(name string) bool { return slices.Contains(earlier.headers, name) }
	}
	h.settings.guard.Strip(r.Header, keep)
	h.settings.guard.CleanConnection(r.Header)
	h.settings.guard.StripTrailers(r)
}

// inject tells the site who the visitor is. Values go into the replacer as they
// are and are never expanded themselves. [H4, H6] The site gets a token only where the
// operator wants that. [P4]
func (h *Handler) inject(r *http.Request, who *session.Identity, token string) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	h.leaveMark(r, repl)
	// One array holds the values of all headers; each gets its own piece of it.
	values := make([]string, len(h.settings.headers))
	for i, header := range h.settings.headers {
		value, ok := valueOf(who, header.field)
		if !ok {
			continue
		}
		if encoded, fits := headerguard.EncodeValue(value); fits {
			values[i] = encoded
			r.Header[header.name] = values[i : i+1 : i+1]
		}
	}
	repl.Set(placeholderUser+"id", who.UserID)
	repl.Set(placeholderUser+fieldUsername, who.Username)
	repl.Set(placeholderUser+fieldAppScopedID, who.AppScopedID)
	if who.Permissions != 0 {
		repl.Set(placeholderUser+fieldPermissions, instagram.Permissions(who.Permissions).String())
	}
	for _, field := range who.Fields {
		repl.Set(placeholderUser+field.Name, field.Value)
	}
	if token != "" {
		r.Header[h.settings.forwardAs] = []string{token}
		repl.Set(placeholderUser+fieldToken, token)
	}
}

// leaveMark notes for further blocks of ours on this request's way what is about to be
// set. What an earlier block has set stays only where it keeps apart: an identity is
// whole, and no field of one person may stand beside the ID of another. [H7]
func (h *Handler) leaveMark(r *http.Request, repl *caddy.Replacer) {
	mine := &h.settings.imprint
	earlier, ok := caddyhttp.GetVar(r.Context(), setVar).(*imprint)
	if ok && earlier != mine {
		for _, placeholder := range earlier.placeholders {
			repl.Delete(placeholder)
		}
		if slices.ContainsFunc(mine.headers, func(name string) bool { return slices.Contains(earlier.headers, name) }) {
			for _, name := range earlier.headers {
				delete(r.Header, name)
			}
		}
		mine = &imprint{slices.Concat(earlier.headers, mine.headers), slices.Concat(earlier.placeholders, mine.placeholders)}
	}
	caddyhttp.SetVar(r.Context(), setVar, mine)
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
