package refusal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

// The files of the pages. An operator can replace each of them.
const (
	signInFile    = "sign_in.html"
	errorFile     = "error.html"
	signOutFile   = "sign_out.html"
	signedOutFile = "signed_out.html"
	deletionFile  = "data_deletion.html"
	accountFile   = "account.html"
	layoutFile    = "layout.html" // what the others share
)

//go:embed templates/*.html
var sources embed.FS

//go:embed templates/style.css
var style string

var builtIn = template.Must(template.ParseFS(sources, "templates/*.html"))

// contentSecurityPolicy allows the one style sheet, by its hash, and forms and links
// to this site. There is no script and nothing to load. [E3]
var contentSecurityPolicy = policy("'"+hashOf(style)+"'", "")

// policy makes a Content-Security-Policy from the sources of styles and further directives.
func policy(styles, more string) string {
	return "default-src 'none'; style-src " + styles + more + "; form-action 'self'; base-uri 'none'" + unframed
}

const (
	unframed   = "; frame-ancestors 'none'"
	outOfFrame = "_top"
)

// hashOf returns a style sheet's source expression, without the quotes.
func hashOf(style string) string {
	hash := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
}

// Look says how pages are shown. The zero value is the built-in pages in English.
type Look struct {
	// Language of the page; nil for English.
	Language *Language
	// Negotiated says that another visitor may get another language at the same address.
	Negotiated bool
	// Templates of the operator; nil for the built-in ones.
	Templates *Templates
	// Framed says that the page is shown in a frame of a page of this site. Links lead
	// out of the frame then, and only this site can frame it.
	Framed bool
	// Images are hosts from which this page shows images, as sources of a Content-Security-Policy.
	Images []string
}

func (l Look) language() *Language { return cmp.Or(l.Language, english) }

// View is what a template is given. Every text in it is of the page's language.
type View struct {
	// Page is the file's name without its ending.
	Page string
	// Language is the tag of the page's language, such as `en`.
	Language string
	// Title is the heading, Text the sentence below it, Hint a further line that may be empty.
	Title, Text, Hint string
	// Link is the label of the way on, and LinkURL where it leads, a path of this site;
	// both are empty where there is none.
	Link, LinkURL string
	// Target is `_top` where the page is shown in a frame of this site, for links that
	// lead out of it; otherwise empty.
	Target string
	// Code and Status are those of a refusal, on the page error.
	Code   Code
	Status int
	// Missing are permissions in words, on the page error.
	Missing []string
	// SignOut is what the form of the page sign_out needs.
	SignOut *SignOutForm
	// Account is what the page account shows.
	Account *AccountView
	// Confirmation is the code on the page data_deletion; empty where it is not known.
	Confirmation string
	// RequestID stands in the log, too.
	RequestID string
	// Labels are short texts.
	Labels Labels
	// Style is the built-in style sheet.
	Style template.CSS
}

// SignOutForm is the form of the sign-out page.
type SignOutForm struct {
	// Action is where the form is sent, with POST: a path of this site.
	Action string
	// SignedIn is true, and Username says whose session it is. A field `everywhere` with the
	// value 1 ends all of that person's sessions.
	SignedIn bool
	Username string
}

// show answers with a page, whose headers but for those of its kind are set already.
func (l Look) show(w http.ResponseWriter, file string, status int, view View, head bool) {
	view.Language, view.Labels, view.Style = l.language().tag, l.language().Labels, template.CSS(style)
	view.Page = file[:len(file)-len(".html")]
	if l.Framed {
		view.Target = outOfFrame
	}
	body, csp := l.Templates.render(file, view)
	if l.Framed {
		if view.LinkURL != "" && !bytes.Contains(body, []byte(outOfFrame)) {
			// A template that does not know of frames has a link that leads nowhere.
			body, csp = render(file, view), contentSecurityPolicy
		}
		csp = strings.TrimSuffix(csp, unframed) + "; frame-ancestors 'self'"
	}
	w.Header().Set("Content-Security-Policy", allowImages(csp, l.Images))
	if l.Negotiated {
		w.Header().Add("Vary", "Accept-Language")
	}
	write(w, "text/html; charset=utf-8", status, body, head)
}

// render makes a built-in page.
func render(file string, view View) []byte {
	var body bytes.Buffer
	if err := builtIn.ExecuteTemplate(&body, file, view); err != nil {
		panic(err) // the template and its data are built in
	}
	return body.Bytes()
}
