package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// graphCall is a request with a valid token for a node of the token's owner.
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
		token, a, problem := s.authenticate(r)
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

// missingPermission is the error for a node or edge whose permission the person did not give.
func missingPermission() graphError {
	return graphError{Code: 10, Message: "(#10) Application does not have permission for this action"}
}

// tokenOf takes the access token from a request: from the query, as the tutorial does,
// or in instagram_login from the Authorization header. Inferred: the query counts where
// both have one, and an empty parameter is none.
func (s *Simulator) tokenOf(r *http.Request) (token string, given bool) {
	if values := r.URL.Query()["access_token"]; strings.Join(values, "") != "" {
		return only(r.URL.Query(), "access_token"), true
	}
	if s.config.NoBearer || s.config.App.API == basicDisplay {
		return "", false
	}
	scheme, token, _ := strings.Cut(only(r.Header, "Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer")
}

// authenticate finds the token of a request and what it stands for, or the error that it meets.
func (s *Simulator) authenticate(r *http.Request) (token string, a *access, problem *graphError) {
	token, given := s.tokenOf(r)
	if !given {
		// Inferred: the graph's words; no call of graph.instagram.com without a token is recorded.
		return "", nil, &graphError{Code: 104, Message: "An access token is required to request this resource."}
	}
	a, problem = s.access(token)
	return token, a, problem
}

// access finds what a token stands for, or the error that it meets. The entry is a
// copy: it does not change while a request is answered.
func (s *Simulator) access(token string) (*access, *graphError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.tokens.entries[token]
	// Removed before expired: a person who removed the app is told so for ever. Inferred:
	// every known token of a restricted app meets the block, and of a pending one only a
	// good token meets "Unsupported request".
	switch {
	case a == nil:
		return nil, &graphError{Code: 190, Message: "Invalid OAuth access token - Cannot parse access token"}
	case s.state == Restricted:
		return nil, &graphError{Code: 200, Message: "API access blocked."}
	case a.revoked:
		return nil, s.deadToken(458, "The user has not authorized application "+s.config.App.ID+".")
	case !s.config.Now().Before(a.expires):
		return nil, s.deadToken(463, "Session has expired on "+a.expires.In(pacific).Format(dateForm)+". The current time is "+s.config.Now().In(pacific).Format(dateForm)+".")
	case s.state == InvitationPending && !s.isTester(a.user):
		// The text looks like a mistake in the request and is none.
		return nil, &graphError{Code: 100, Message: "Unsupported request - method type: get"}
	}
	found := *a
	return &found, nil
}

// Dates in messages are in Meta's time zone: winter time, so that no zone database is needed.
const dateForm = "Monday, 02-Jan-06 15:04:05 MST"

var pacific = time.FixedZone("PST", -8*60*60)

// deadToken is the error for a token that ended. graph.instagram.com sends no subcode today.
func (s *Simulator) deadToken(subcode int, reason string) *graphError {
	if s.config.App.API == instagramLogin && !s.config.Subcodes {
		subcode = 0
	}
	return &graphError{Code: 190, Subcode: subcode, Message: "Error validating access token: " + reason}
}

// choose picks the fields of a node that were asked for and are visible. Inferred: without
// the fields parameter the node is its ID.
func choose(r *http.Request, node object, kind string, visible func(string) bool) (chosen object, problem *graphError) {
	var fields []string
	if query := r.URL.Query(); query.Has("fields") {
		fields = strings.Split(only(query, "fields"), ",")
	}
	// `id` comes along whether it was asked for or not, last if it was not.
	for _, field := range append(fields, "id") {
		i := slices.IndexFunc(node, func(m member) bool { return m.name == field })
		if i < 0 {
			// One field that does not exist spoils the others.
			message := fmt.Sprintf("(#100) Tried accessing nonexisting field (%s) on node type (%s)", field, kind)
			return nil, &graphError{Code: 100, Message: message}
		}
		// What is empty is left out, not null: clients must cope with absent fields.
		asked := slices.ContainsFunc(chosen, func(m member) bool { return m.name == field })
		if !asked && node[i].value != "" && visible(field) {
			chosen = append(chosen, node[i])
		}
	}
	return chosen, nil
}

func (s *Simulator) serveUser(w http.ResponseWriter, c graphCall) {
	answer, problem := s.chooseUser(c)
	if problem != nil {
		writeGraphError(w, *problem)
		return
	}
	// Basic Display documents the flat form alone.
	wrapped := s.config.TokenShape == Wrapped || s.config.TokenShape == WrappedList
	if wrapped && s.config.App.API == instagramLogin {
		answer = wrap(answer)
	}
	writeJSON(w, http.StatusOK, answer)
}

// chooseUser returns the answer of the user node before it is wrapped.
func (s *Simulator) chooseUser(c graphCall) (chosen object, problem *graphError) {
	node, kind := s.userNode(c.user)
	if c.user.Private && s.config.App.API == instagramLogin {
		return object{{"id", c.user.AppScopedID}}, nil
	}
	return choose(c.r, node, kind, func(field string) bool {
		hidden := field == "id" && s.config.NodeWithoutID || field == "user_id" && s.config.NodeWithoutUserID
		return !hidden && s.mayRead(field, c.permissions)
	})
}

// accountTypes are the words of the graph. A personal account gets no token in instagram_login.
var accountTypes = map[string]string{business: "BUSINESS", creator: "MEDIA_CREATOR", personal: "PERSONAL"}

// userNode is the whole node of the family, and the name of its type in error messages.
func (s *Simulator) userNode(u *User) (node object, kind string) {
	accountType := accountTypes[u.AccountType]
	if s.config.App.API == basicDisplay {
		return object{
			{"id", u.ID}, {"username", u.Username}, {"account_type", accountType}, {"media_count", u.MediaCount},
		}, "User"
	}
	return object{
		{"id", u.AppScopedID}, {"user_id", u.ID}, {"username", u.Username}, {"name", u.Name},
		{"account_type", accountType}, {"profile_picture_url", u.PictureURL}, {"biography", u.Biography}, {"website", u.Website},
		{"followers_count", u.Followers}, {"follows_count", u.Follows}, {"media_count", u.MediaCount},
	}, "IGUser"
}

// mayRead tells whether these permissions show a field. Others are left out without an error.
func (s *Simulator) mayRead(field string, granted []string) bool {
	for _, p := range permissionsOf(s.config.App.API) {
		if slices.Contains(p.fields, field) && !slices.Contains(granted, p.Name) {
			return false
		}
	}
	return true
}
