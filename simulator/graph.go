package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// graphCall is a request to a node of the graph by somebody with a valid token, for a
// node that is their own.
type graphCall struct {
	*access
	token string
	r     *http.Request
}

// graphHandler checks what all requests to a node have in common, token first.
func (s *Simulator) graphHandler(node string, serve func(http.ResponseWriter, graphCall)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			// Inferred: nodes are only read here.
			writeGraphError(w, graphError{Code: 100, Subcode: 33, Message: "Unsupported " + strings.ToLower(r.Method) + " request"})
			return
		}
		// The query is the documented place. Inferred: the Authorization header is not
		// looked at, because no page of Instagram's says that it is.
		token := only(r.URL.Query(), "access_token")
		a, problem := s.authenticate(token)
		if problem != nil {
			writeGraphError(w, *problem)
			return
		}
		// The account's ID and the app-scoped one are two names of the same node. Others
		// are refused in the same words whether they exist or not.
		if node != "me" && node != a.user.ID && node != a.user.AppScopedID {
			writeGraphError(w, graphError{Code: 100, Subcode: 33, Message: fmt.Sprintf(
				"Unsupported get request. Object with ID '%s' does not exist, cannot be loaded due to missing permissions, or does not support this operation", node)})
			return
		}
		if !slices.Contains(a.permissions, basicPermission(s.config.App.API)) {
			writeGraphError(w, missingPermission())
			return
		}
		serve(w, graphCall{a, token, r})
	}
}

// missingPermission is the error where a whole node or edge needs a permission that
// the person did not give.
func missingPermission() graphError {
	return graphError{Code: 10, Message: "(#10) Application does not have permission for this action"}
}

// authenticate finds what a token stands for, or the error that it meets. The entry
// is a copy: it does not change while a request is answered.
func (s *Simulator) authenticate(token string) (*access, *graphError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.tokens.entries[token]
	// Removed before expired: a person who removed the app is told so for ever.
	switch {
	case a == nil:
		return nil, &graphError{Code: 190, Message: "Invalid OAuth access token - Cannot parse access token"}
	case a.revoked:
		return nil, &graphError{Code: 190, Subcode: 458, Message: "Invalid OAuth access token: The user has not authorized the application"}
	case !s.now().Before(a.expires):
		return nil, &graphError{Code: 190, Subcode: 463, Message: "Invalid OAuth access token: Session has expired on " + a.expires.UTC().Format("Monday, 02-Jan-06 15:04:05 MST")}
	}
	found := *a
	return &found, nil
}

// askedFields reads the fields parameter. Inferred: without it the node is its ID.
func askedFields(r *http.Request) []string {
	query := r.URL.Query()
	if !query.Has("fields") {
		return []string{"id"}
	}
	return strings.Split(only(query, "fields"), ",")
}

// unknownField is the error about a field that a node does not have.
func unknownField(field, node string) graphError {
	return graphError{Code: 100, Message: fmt.Sprintf("(#100) Tried accessing nonexisting field (%s) on node type (%s)", field, node)}
}

// serveUser answers the user node.
func (s *Simulator) serveUser(w http.ResponseWriter, c graphCall) {
	node := s.userNode(c.user)
	var answer object
	// `id` comes along whether it was asked for or not, last if it was not.
	for _, field := range append(askedFields(c.r), "id") {
		i := slices.IndexFunc(node, func(m member) bool { return m.name == field })
		if i < 0 {
			writeGraphError(w, unknownField(field, "User"))
			return
		}
		// What is empty is left out, not null: clients must cope with absent fields.
		asked := slices.ContainsFunc(answer, func(m member) bool { return m.name == field })
		if !asked && node[i].value != "" && s.mayRead(field, c.permissions) {
			answer = append(answer, node[i])
		}
	}
	// Basic Display documents the flat form alone.
	if s.config.TokenShape == Wrapped && s.config.App.API == instagramLogin {
		writeJSON(w, http.StatusOK, object{{"data", []object{answer}}})
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// userNode is the whole node, every field that the family has.
func (s *Simulator) userNode(u *User) object {
	if s.config.App.API == basicDisplay {
		// One ID, and the spellings of its own documentation.
		kinds := map[string]string{business: "BUSINESS", creator: "MEDIA_CREATOR", personal: "PERSONAL"}
		return object{
			{"id", u.ID}, {"username", u.Username}, {"account_type", kinds[u.AccountType]}, {"media_count", u.MediaCount},
		}
	}
	// No word for a personal account: it cannot get a token in this family.
	kinds := map[string]string{business: "Business", creator: "Media_Creator"}
	return object{
		{"id", u.AppScopedID}, {"user_id", u.ID}, {"username", u.Username}, {"name", u.Name},
		{"account_type", kinds[u.AccountType]}, {"profile_picture_url", u.PictureURL},
		{"followers_count", u.Followers}, {"follows_count", u.Follows}, {"media_count", u.MediaCount},
	}
}

// mayRead tells whether a field is visible with these permissions. A field that is
// not is left out, without an error.
func (s *Simulator) mayRead(field string, granted []string) bool {
	for _, p := range permissionsOf(s.config.App.API) {
		if slices.Contains(p.fields, field) && !slices.Contains(granted, p.Name) {
			return false
		}
	}
	return true
}
