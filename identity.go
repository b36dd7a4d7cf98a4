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

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// What the site learns about a visitor: headers, placeholders, and which of them
// a block further up has set.

const (
	fieldUserID      = "user_id"
	fieldUsername    = "username"
	fieldAppScopedID = "app_scoped_id"

	placeholderUser  = "http.auth.user."
	placeholderError = "http.auth." + directive + ".error"

	// setVar is the request variable in which blocks of ours leave the names of
	// the headers they set, so that the next one does not take them for forged.
	setVar = directive + ".headers"
)

func mapKeys(m map[string]string) iter.Seq[string] { return maps.Keys(m) }

// resolveHeaders decides on the request headers for the site.
func (h *Handler) resolveHeaders(s *settings, _ resolver) error {
	names := map[string]string{fieldUserID: "X-Instagram-User-Id", fieldUsername: "X-Instagram-Username"}
	for field, name := range h.Headers {
		known := []string{fieldUserID, fieldUsername, fieldAppScopedID}
		if !slices.Contains(known, field) && !slices.Contains(h.Fields, field) {
			return &optionError{"headers", fmt.Sprintf("%q is none of %s; list it in fields first", field, strings.Join(known, ", "))}
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
	var err error
	if s.guard, err = headerguard.New(append(s.headerNames, headerEvent, headerEventUser)...); err != nil {
		return &optionError{"headers", err.Error()}
	}
	return nil
}

// strip deletes from a request what only this handler may say: identity headers in
// every spelling, their names in Connection, identity trailers. [H1, H2, H3]
func (h *Handler) strip(r *http.Request) {
	var keep func(string) bool
	if set, ok := caddyhttp.GetVar(r.Context(), setVar).(*[]string); ok {
		keep = func(name string) bool { return slices.Contains(*set, name) }
	}
	h.settings.guard.Strip(r.Header, keep)
	h.settings.guard.CleanConnection(r.Header)
	h.settings.guard.StripTrailers(r)
}

// inject tells the site who the visitor is. Values go into the replacer as they
// are and are never expanded themselves. [H4, H6]
func (h *Handler) inject(r *http.Request, who *session.Identity) {
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
	h.leaveMark(r)
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(placeholderUser+"id", who.UserID)
	repl.Set(placeholderUser+fieldUsername, who.Username)
	repl.Set(placeholderUser+fieldAppScopedID, who.AppScopedID)
	for _, field := range who.Fields {
		repl.Set(placeholderUser+field.Name, field.Value)
	}
}

// leaveMark notes for further blocks of ours on this request's way which headers
// have been set.
func (h *Handler) leaveMark(r *http.Request) {
	names := &h.settings.headerNames
	if set, ok := caddyhttp.GetVar(r.Context(), setVar).(*[]string); ok {
		if set == names {
			return // the same block, a second time on one request's way
		}
		both := slices.Concat(*set, *names)
		names = &both
	}
	caddyhttp.SetVar(r.Context(), setVar, names)
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
	}
	for _, f := range who.Fields {
		if f.Name == field {
			return f.Value, true
		}
	}
	return "", false
}
