package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorization is a checked request of the authorization window: there is an app to
// go back to, and something that it may ask for.
type authorization struct {
	redirectURI string
	state       string
	asked       []permission
}

// serveWindow is the authorization window: GET shows it, POST is one of its buttons.
func (s *Simulator) serveWindow(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD, POST")
		writeOAuthError(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	// The form posts to the address of the page, so both have the same query, and
	// what the page showed is checked again.
	asked, problem := s.checkAuthorization(r.URL.Query())
	if problem != "" {
		s.refuseParameters(w, r, problem)
		return
	}
	switch {
	case r.Method == http.MethodPost:
		s.serveDecision(w, r, asked)
	case s.config.AutoAllow != "":
		s.allow(w, r, asked, s.config.user(s.config.AutoAllow), names(asked.asked))
	default:
		s.showWindow(w, r, asked)
	}
}

// checkAuthorization checks client_id, redirect_uri, response_type and scope, in Instagram's order.
// No error is redirected, because whom to redirect to is in doubt.
func (s *Simulator) checkAuthorization(query url.Values) (a authorization, problem string) {
	app := s.config.App
	if only(query, "client_id") != app.ID {
		return a, "Invalid platform app"
	}
	a.redirectURI = only(query, "redirect_uri")
	if u, err := url.Parse(a.redirectURI); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return a, "Invalid redirect_uri"
	}
	// Byte for byte: a missing slash at the end is the most frequent mistake.
	if !slices.Contains(app.RedirectURIs, a.redirectURI) {
		if app.API == instagramLogin {
			return a, "Invalid redirect_uri"
		}
		return a, "Redirect URI does not match registered redirect URI"
	}
	if only(query, "response_type") != "code" {
		// Inferred: the message for this parameter is not documented.
		return a, "Invalid response_type"
	}
	var unknown []string
	a.asked, unknown = parseScope(app.API, only(query, "scope"))
	switch {
	case len(unknown) > 0:
		// One name that does not exist spoils the others.
		return a, "Invalid scope: ['" + strings.Join(unknown, "', '") + "']"
	case len(a.asked) == 0:
		return a, "No valid scopes requested"
	}
	// Instagram does not look at the state: it only gives it back.
	a.state = only(query, "state")
	return a, ""
}

// refuseParameters tells in the window that the app's request is wrong.
func (s *Simulator) refuseParameters(w http.ResponseWriter, r *http.Request, problem string) {
	s.refuseInWindow(w, r, "Invalid Request: Request parameters are invalid: ", problem)
}

// refuseInWindow shows an error in the window: on a page today, as JSON without the
// page's opening words in basic_display.
func (s *Simulator) refuseInWindow(w http.ResponseWriter, r *http.Request, opening, problem string) {
	if s.config.App.API == basicDisplay {
		refuse(w, problem)
		return
	}
	s.showProblem(w, r, s.config.WindowErrorStatus, opening+problem)
}

func (s *Simulator) serveDecision(w http.ResponseWriter, r *http.Request, a authorization) {
	if err := r.ParseForm(); err != nil {
		s.refuseInWindow(w, r, "", "Invalid form")
		return
	}
	// The button that was pressed. Cancel comes first: it needs nothing else of the form.
	action := only(r.PostForm, "action")
	if action == "cancel" {
		redirectDenied(w, a, "user_denied", "The user denied your request")
		return
	}
	if action == "not_professional" {
		// Inferred: nothing documents how a person without a professional account gets
		// back to the app. The shape is that of a denial with a reason of its own.
		redirectDenied(w, a, "not_professional", "A professional account is required")
		return
	}
	user := s.config.user(only(r.PostForm, "user"))
	granted := r.PostForm["permission"]
	if user == nil || slices.ContainsFunc(granted, func(p string) bool { return !slices.Contains(names(a.asked), p) }) {
		s.refuseInWindow(w, r, "", "Invalid form")
		return
	}
	switch action {
	case "allow":
		// The basic permission cannot be un-ticked: its box is disabled and not sent.
		if basic := basicPermission(s.config.App.API); a.asked[0].Name == basic && !slices.Contains(granted, basic) {
			granted = append([]string{basic}, granted...)
		}
		s.allow(w, r, a, user, granted)
	case "remove":
		s.showRemoval(w, r, s.removeApp(r.Context(), user))
	default:
		s.refuseInWindow(w, r, "", "Invalid form")
	}
}

// allow ends the window for a person who allowed the app: with a code for the app,
// or in the window itself where this account cannot sign in.
func (s *Simulator) allow(w http.ResponseWriter, r *http.Request, a authorization, user *User, granted []string) {
	s.signInPerson(w, r, user)
	switch {
	// The app's own limits come before the account's kind (inferred).
	case !s.maySignIn(user):
		s.refuseInWindow(w, r, "Insufficient Developer Role: ", "Insufficient developer role")
	case s.config.App.API == instagramLogin && user.AccountType == personal:
		s.showPersonal(w, r, user)
	default:
		code := s.issueCode(user, a.redirectURI, granted)
		// `#_` is no part of the code; browsers keep it in the address.
		redirect(w, a, "code="+url.QueryEscape(code), "#_")
	}
}

func redirectDenied(w http.ResponseWriter, a authorization, reason, description string) {
	redirect(w, a, "error=access_denied&error_reason="+reason+"&error_description="+url.QueryEscape(description), "")
}

// redirect sends the person back to the app. The redirect URI stays byte for byte
// what was registered: net/http's Redirect would clean its path.
func redirect(w http.ResponseWriter, a authorization, query, fragment string) {
	separator := "?"
	if strings.Contains(a.redirectURI, "?") {
		separator = "&"
	}
	// An app that sent no state gets none back, not an empty one.
	if a.state != "" {
		query = strings.TrimPrefix(query+"&state="+url.QueryEscape(a.state), "&")
	}
	w.Header().Set("Location", a.redirectURI+separator+query+fragment)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusFound)
}

func names(permissions []permission) (list []string) {
	for _, p := range permissions {
		list = append(list, p.Name)
	}
	return list
}
