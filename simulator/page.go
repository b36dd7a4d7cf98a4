package simulator

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the templates
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

var (
	//go:embed window.html
	pagesSource string

	//go:embed window.css
	style string

	pages = template.Must(template.New("").Parse(pagesSource))

	// pagePolicy lets the pages use their own style and nothing else: they contain no
	// script and load nothing. It says nothing about form-action, because browsers
	// apply that to the redirect back to the app as well.
	pagePolicy = func() string {
		sum := sha256.Sum256([]byte(style))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; frame-ancestors 'none'"
	}()
)

// page is what all pages show.
type page struct {
	Title   string
	Style   template.CSS
	Initial string
	App     App
}

func (s *Simulator) page(title string) page {
	return page{title + " – simulator", template.CSS(style), initial(s.config.App.Name), s.config.App}
}

// initial is the first letter of a name, in place of a picture.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(name)
	return strings.ToUpper(string(r))
}

// writePage answers with one of the pages. The template escapes its values.
func writePage(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	// Into memory first, so that an error does not leave half a page.
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "writing the page failed", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have left
	}
}

// account is a line of the window's list of accounts.
type account struct {
	Username, Initial, Text string
	First                   bool
}

// asking is a line of the window's list of permissions.
type asking struct {
	Name, Text string
	Needed     bool
}

func (s *Simulator) showWindow(w http.ResponseWriter, r *http.Request, a authorization) {
	data := struct {
		page
		Accounts    []account
		Permissions []asking
		Host        string
	}{page: s.page("Sign in to " + s.config.App.Name)}
	data.Accounts = s.accounts()
	basic := basicPermission(s.config.App.API)
	for _, p := range a.asked {
		data.Permissions = append(data.Permissions, asking{p.Name, p.Text, p.Name == basic})
	}
	if u, err := url.Parse(a.redirectURI); err == nil {
		data.Host = u.Host
	}
	writePage(w, r, http.StatusOK, "window", data)
}

// accounts is the list from which a person chooses the account to sign in with.
func (s *Simulator) accounts() (list []account) {
	for i := range s.config.Users {
		u := &s.config.Users[i]
		list = append(list, account{u.Username, initial(u.Username), s.describe(u), i == 0})
	}
	return list
}

// describe says in a few words what kind of account this is.
func (s *Simulator) describe(u *User) string {
	texts := map[string]string{business: "Business account", creator: "Creator account", personal: "Personal account"}
	text := texts[u.AccountType]
	if u.Name != "" {
		text = u.Name + " · " + text
	}
	// In a live app the role means nothing to whoever signs in.
	if !s.config.App.Live && s.isTester(u) {
		text += " · tester"
	}
	return text
}

// showPersonal tells a person that their account is of the wrong kind. Inferred: that
// such accounts cannot sign in is documented, what they see is not.
func (s *Simulator) showPersonal(w http.ResponseWriter, r *http.Request, u *User) {
	writePage(w, r, http.StatusBadRequest, "personal", struct {
		page
		Username string
	}{s.page("A professional account is needed"), u.Username})
}

func (s *Simulator) showProblem(w http.ResponseWriter, r *http.Request, status int, text string) {
	title, _, _ := strings.Cut(text, ":")
	writePage(w, r, status, "problem", struct {
		page
		Text string
	}{s.page(title), text})
}

// showRemoval tells what removing the app has done.
func (s *Simulator) showRemoval(w http.ResponseWriter, r *http.Request, removal Removal) {
	type field struct{ Name, Value string }
	data := struct {
		page
		Removal Removal
		Query   []field
	}{page: s.page("App removed"), Removal: removal}
	// The way back to the window is a form, because its address is the app's request.
	query := r.URL.Query()
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "enable_fb_login", "force_reauth"} {
		if query.Has(name) {
			data.Query = append(data.Query, field{name, query.Get(name)})
		}
	}
	writePage(w, r, http.StatusOK, "removed", data)
}
