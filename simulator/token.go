package simulator

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what a code stands for. A used one is kept: Instagram says that it was used.
type grant struct {
	user        *User
	redirectURI string
	permissions []string
	expires     time.Time
	used        bool
	revoked     bool // the person removed the app
}

// access is what an access token stands for.
type access struct {
	user            *User
	permissions     []string
	issued, expires time.Time
	longLived       bool
	revoked         bool // the person removed the app
}

// issueCode makes an authorization code, bound to all that the window showed.
func (s *Simulator) issueCode(user *User, redirectURI string, permissions []string) string {
	code := secret("AQ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants.put(code, &grant{
		user: user, redirectURI: redirectURI, permissions: permissions, expires: s.config.Now().Add(s.config.CodeLifetime),
	})
	return code
}

// issueToken makes an access token. The caller holds the lock.
func (s *Simulator) issueToken(a access) string {
	// The prefixes of real tokens, so that logs and filters can be tried on them.
	prefix := "IGAA"
	if s.config.App.API == basicDisplay {
		prefix = "IGQVJ"
	}
	token := secret(prefix)
	s.tokens.put(token, &a)
	return token
}

// serveToken exchanges an authorization code for an access token. Errors are the
// documented ones; they are checked in the order of the fields.
func (s *Simulator) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		// Inferred: only POST is documented.
		w.Header().Set("Allow", http.MethodPost)
		writeOAuthError(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	form := tokenForm(r)
	// What is missing is told before anything is compared, so that an operator reads
	// about the field that was left out and not about the next one.
	for _, name := range []string{"client_id", "client_secret", "grant_type", "redirect_uri", "code"} {
		if only(form, name) == "" {
			refuse(w, "Missing required field "+name)
			return
		}
	}
	clientID := form.Get("client_id")
	switch {
	case !isDecimal(clientID):
		refuse(w, "Invalid client_id")
		return
	case clientID != s.config.App.ID:
		refuse(w, "Invalid platform app")
		return
	case !s.isSecret(form.Get("client_secret")):
		refuse(w, "Error validating client secret.")
		return
	case form.Get("grant_type") != "authorization_code":
		// Inferred: the field's only value is documented, not what another one meets.
		refuse(w, "Invalid grant_type")
		return
	}
	user, permissions, token, problem := s.redeem(form.Get("code"), form.Get("redirect_uri"))
	if problem != "" {
		refuse(w, problem)
		return
	}
	writeJSON(w, http.StatusOK, s.tokenAnswer(user, permissions, token))
}

// tokenForm reads the fields of a token request. Only the body counts: what stands in
// the query would end in logs. [T1] A body of another type has no fields.
func tokenForm(r *http.Request) url.Values {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		if r.ParseForm() == nil {
			return r.PostForm
		}
	case "multipart/form-data":
		if r.ParseMultipartForm(maxBody) == nil {
			return r.MultipartForm.Value
		}
	}
	return nil
}

// isSecret compares a client secret in constant time. [Z1]
func (s *Simulator) isSecret(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(s.config.App.Secret)) == 1
}

// problem says in the older words why a code is unusable, or "". g is nil for an unknown code.
func (g *grant) problem(now time.Time) string {
	switch {
	case g == nil || g.revoked:
		return "Matching code was not found or was already used"
	case g.used:
		return "This authorization code has been used"
	case !now.Before(g.expires):
		return "This authorization code has expired"
	}
	return ""
}

// redeem uses a code up, or says in Instagram's words why it cannot be used. A
// request that is refused leaves the code as it was (inferred).
func (s *Simulator) redeem(code, redirectURI string) (user *User, permissions []string, token, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants.entries[code]
	now := s.config.Now()
	if problem = g.problem(now); problem != "" {
		if s.config.App.API == instagramLogin && !s.config.OldCodeErrors {
			problem = "Invalid authorization code"
		}
		return nil, nil, "", problem
	}
	if redirectURI != g.redirectURI {
		// Another registered one is wrong, too: the code belongs to one window.
		return nil, nil, "", "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"
	}
	// Used up under the lock: of twenty equal requests at once, one gets a token.
	g.used = true
	token = s.issueToken(access{
		user: g.user, permissions: g.permissions, issued: now, expires: now.Add(s.config.TokenLifetime),
	})
	return g.user, slices.Clone(g.permissions), token, ""
}

// tokenAnswer is the answer in the shape that the configuration asks for.
func (s *Simulator) tokenAnswer(user *User, permissions []string, token string) object {
	id := user.AppScopedID
	if s.config.TokenUserID == Account {
		id = user.ID
	}
	if s.config.TokenShape == Wrapped {
		return wrap(object{{"access_token", token}, {"user_id", id}, {"permissions", strings.Join(permissions, ",")}})
	}
	// A number in JSON, so that a client which reads floats goes wrong. [T5]
	answer := object{{"access_token", token}, {"user_id", json.Number(id)}}
	if s.config.TokenShape == Flat {
		return answer
	}
	answer = append(answer, member{"permissions", permissions})
	if s.config.TokenShape == WrappedList {
		return wrap(answer)
	}
	return answer
}
