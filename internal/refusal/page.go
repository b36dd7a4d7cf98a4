package refusal

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Parse(pageSource))

// contentSecurityPolicy allows the one style sheet, by its hash, and forms and links
// to this site. There is no script and nothing to load. [E3]
var contentSecurityPolicy = func() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// view is what the template shows.
type view struct {
	Title, Text, Hint string
	Link, LinkURL     string
	RequestID         string

	// Action is where a form with one button leads to, Button its label. Everywhere
	// puts a box to tick before the button.
	Action, Button string
	Everywhere     bool
	// Code is a confirmation code.
	Code string
}

func (v view) render() []byte {
	var body bytes.Buffer
	data := struct {
		view
		Style template.CSS
	}{v, template.CSS(style)}
	if err := page.Execute(&body, data); err != nil {
		panic(err) // the template and its data are ours alone
	}
	return body.Bytes()
}

// SignInPage is the page that stands before Instagram's window where the operator
// wants one: a single button, and who can use it.
type SignInPage struct {
	// LoginURL is where the button leads: a path of this site.
	LoginURL string
	// ProfessionalOnly says that personal accounts cannot sign in.
	ProfessionalOnly bool
}

// Write answers with the page, as the 401 that it is.
func (p SignInPage) Write(w http.ResponseWriter, head bool) {
	row := table[LoginRequired]
	view := view{Title: row.title, Text: "This page is for signed-in visitors.", Link: row.link, LinkURL: p.LoginURL}
	if p.ProfessionalOnly {
		view.Hint = "You need a professional Instagram account, business or creator. Personal accounts cannot sign in here."
	}
	Reply{Code: LoginRequired}.SetHeaders(w.Header())
	write(w, "text/html; charset=utf-8", row.status, view.render(), head)
}
