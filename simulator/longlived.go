package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// longLifetime is how long a long-lived token is good for, from its issue or refresh.
	longLifetime = 60 * 24 * time.Hour

	// refreshAge is how old a long-lived token must be before it can be refreshed.
	refreshAge = 24 * time.Hour
)

// serveLongLived exchanges a short-lived token for a long-lived one. The errors are
// in the graph's form; which code a wrong parameter meets is inferred (100).
func (s *Simulator) serveLongLived(w http.ResponseWriter, r *http.Request) {
	a, ok := s.longLivedCall(w, r, "ig_exchange_token")
	if !ok {
		return
	}
	switch given := only(r.URL.Query(), "client_secret"); {
	case given == "":
		writeGraphError(w, graphError{Code: 100, Message: "Missing required field client_secret"})
	case !s.isSecret(given):
		writeGraphError(w, graphError{Code: 100, Message: "Error validating client secret."})
	case a.longLived:
		// Inferred: the documentation speaks of short-lived tokens only.
		writeGraphError(w, graphError{Code: 100, Message: "The access token is long-lived already"})
	default:
		s.answerLongLived(w, a)
	}
}

// serveRefresh renews a long-lived token that is at least 24 hours old and has not expired, for a
// person who granted the basic permission. The old one stays good until its own end (inferred).
func (s *Simulator) serveRefresh(w http.ResponseWriter, r *http.Request) {
	a, ok := s.longLivedCall(w, r, "ig_refresh_token")
	switch {
	case !ok:
	case !a.longLived:
		writeGraphError(w, graphError{Code: 100, Message: "The access token is not long-lived"})
	case !slices.Contains(a.permissions, basicPermission(s.config.App.API)):
		writeGraphError(w, missingPermission())
	case s.config.Now().Sub(a.issued) < refreshAge:
		writeGraphError(w, graphError{Code: 100, Message: "The access token is less than 24 hours old"})
	default:
		s.answerLongLived(w, a)
	}
}

// longLivedCall checks what both calls have in common. It answers where something is wrong.
func (s *Simulator) longLivedCall(w http.ResponseWriter, r *http.Request, grantType string) (*access, bool) {
	query := r.URL.Query()
	if r.Method != http.MethodGet {
		writeGraphError(w, graphError{Code: 100, Subcode: 33, Message: "Unsupported " + strings.ToLower(r.Method) + " request"})
		return nil, false
	}
	if only(query, "grant_type") != grantType {
		writeGraphError(w, graphError{Code: 100, Message: "Invalid grant_type"})
		return nil, false
	}
	_, a, problem := s.authenticate(r)
	if problem != nil {
		writeGraphError(w, *problem)
		return nil, false
	}
	return a, true
}

// answerLongLived issues a long-lived token. No live answer names the permissions.
func (s *Simulator) answerLongLived(w http.ResponseWriter, a *access) {
	now := s.config.Now()
	s.mu.Lock()
	token := s.issueToken(access{
		user: a.user, permissions: a.permissions, issued: now, expires: now.Add(longLifetime), longLived: true,
	})
	s.mu.Unlock()
	// Seconds, as a number.
	writeJSON(w, http.StatusOK, object{{"access_token", token}, {"token_type", "bearer"}, {"expires_in", int(longLifetime / time.Second)}})
}
