package simulator

import (
	"net/http"
	"net/url"
)

// connectedPath is the page on which a person sees which apps have access to their account, and
// removes one. Instagram has it at the same address of www.instagram.com.
const connectedPath = "/accounts/manage_access/"

// sameOrigin refuses forms that a page of another origin sends. Another port of localhost is
// another origin but the same site, so a SameSite cookie does not stop it.
var sameOrigin = http.NewCrossOriginProtection()

// personCookie is the name of the cookie that says who is signed in at this Instagram. Cookies
// ignore ports, so that two simulators on one host need two names.
func (s *Simulator) personCookie() string { return "simulator_" + s.config.App.ID }

// signInPerson remembers in a cookie who the person in front of the browser is. It goes to the
// page of connected apps alone: the app, on another port of the same host, never sees it.
func (s *Simulator) signInPerson(w http.ResponseWriter, r *http.Request, user *User) {
	if s.person(r) == user {
		return
	}
	id := secret("")
	s.mu.Lock()
	s.persons.put(id, user)
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: s.personCookie(), Value: id, Path: connectedPath, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// person returns who is signed in at this Instagram, nil if nobody is.
func (s *Simulator) person(r *http.Request) *User {
	cookie, err := r.Cookie(s.personCookie())
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.persons.entries[cookie.Value]
}

// signOutPerson makes the browser and the simulator forget who is signed in.
func (s *Simulator) signOutPerson(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(s.personCookie()); err == nil {
		s.mu.Lock()
		delete(s.persons.entries, cookie.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.personCookie(), Path: connectedPath, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// isConnected reports whether an account has allowed the app and not removed it since.
func (s *Simulator) isConnected(user *User) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants.entries {
		if g.user == user && !g.revoked {
			return true
		}
	}
	for _, a := range s.tokens.entries {
		if a.user == user && !a.revoked {
			return true
		}
	}
	return false
}

// serveConnected is the page of connected apps: GET shows it, POST is one of its buttons.
func (s *Simulator) serveConnected(w http.ResponseWriter, r *http.Request) {
	s.naming.RLock()
	defer s.naming.RUnlock()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.showConnected(w, r, http.StatusOK)
	case http.MethodPost:
		s.changeConnected(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		s.showProblem(w, r, http.StatusMethodNotAllowed, "Method not allowed")
	}
}

func (s *Simulator) changeConnected(w http.ResponseWriter, r *http.Request) {
	if err := sameOrigin.Check(r); err != nil {
		s.showProblem(w, r, http.StatusForbidden, "This form came from another site")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.showProblem(w, r, http.StatusBadRequest, "Invalid form")
		return
	}
	user, action := s.config.user(only(r.PostForm, "user")), only(r.PostForm, "action")
	switch {
	case action == "sign_in" && user != nil:
		s.signInPerson(w, r, user)
	case action == "sign_out":
		s.signOutPerson(w, r)
	case action == "remove" && user != nil:
		// The form names the account that its page showed. It decides nothing: only the person who
		// is signed in now removes an app, and only from their own account.
		if user != s.person(r) {
			s.showConnected(w, r, http.StatusForbidden)
			return
		}
		s.showDisconnected(w, r, s.removeApp(r.Context(), user))
		return
	default:
		s.showProblem(w, r, http.StatusBadRequest, "Invalid form")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, connectedPath, http.StatusSeeOther)
}

// showConnected shows a person their connected apps, and somebody who is not signed in the list
// of accounts.
func (s *Simulator) showConnected(w http.ResponseWriter, r *http.Request, status int) {
	user := s.person(r)
	if user == nil {
		writePage(w, r, status, "accounts", struct {
			page
			Accounts []account
		}{s.page("Sign in"), s.accounts()})
		return
	}
	writePage(w, r, status, "connected", struct {
		page
		Username  string
		Connected bool
		Site      string
	}{s.page("Apps and websites"), user.Username, s.isConnected(user), s.appOrigin()})
}

// showDisconnected says what removing the app has done, and leads back.
func (s *Simulator) showDisconnected(w http.ResponseWriter, r *http.Request, removal Removal) {
	writePage(w, r, http.StatusOK, "disconnected", struct {
		page
		Removal Removal
		Site    string
	}{s.page("App removed"), removal, s.appOrigin()})
}

// appOrigin is the front page of the app's site, made from its first redirect URI.
func (s *Simulator) appOrigin() string {
	u, err := url.Parse(s.config.App.RedirectURIs[0])
	if err != nil {
		return "" // a redirect URI was parsed when the simulator was made
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
}
