package refusal

import (
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

// builtInPages are the pages of a site about which nothing is known.
var builtInPages = newPages(Site{})

// contentSecurityPolicy allows the one style sheet, by its hash, and forms and links
// to this site. There is no script and nothing to load. [E3]
var contentSecurityPolicy = builtInPages.policy

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
	// Pages are those of the site; nil for the built-in ones.
	Pages *Pages
	// Host is one of the site. It is the name of a site that has no other.
	Host string
	// HomeOpen says that the site's home needs no session, so that a link can lead there.
	HomeOpen bool
	// Framed says that the page is shown in a frame of a page of this site. Links lead
	// out of the frame then, and only this site can frame it.
	Framed bool
	// Images are hosts from which this page shows images, as sources of a Content-Security-Policy.
	Images []string
}

func (l Look) language() *Language { return cmp.Or(l.Language, english) }

func (l Look) pages() *Pages { return cmp.Or(l.Pages, builtInPages) }

// site returns what the page shows of the site.
func (l Look) site() ViewSite {
	site := &l.pages().site
	return ViewSite{
		Name: site.nameFor(l.Host, l.language()),
		Logo: site.Logo, Privacy: site.Privacy, Terms: site.Terms, Help: site.Help,
	}
}

// View is what a template is given. Every text in it is of the page's language.
type View struct {
	// Page is the file's name without its ending.
	Page string
	// Language is the tag of the page's language, such as `en`, and Direction that of its
	// script, `ltr` or `rtl`.
	Language, Direction string
	// Site is the site that the page belongs to.
	Site ViewSite
	// Title is the heading, Text the sentence below it, Hint a further line that may be empty.
	Title, Text, Hint string
	// PageTitle is for the title element: the heading and the name of the site.
	PageTitle string
	// Link is the label of the way on, and LinkURL where it leads, a path of this site;
	// both are empty where there is none.
	Link, LinkURL string
	// Other is the label of a second way on, and OtherURL where it leads, a path of this site; both
	// are empty where there is none.
	Other, OtherURL string
	// Home is where the way back leads, a path of this site; empty where there is none.
	Home string
	// Elsewhere offers to open the page in another browser; nil where that does not help.
	Elsewhere *Elsewhere
	// Target is `_top` where the page is shown in a frame of this site, for links that
	// lead out of it; otherwise empty.
	Target string
	// Code and Status are those of a refusal, on the page error.
	Code   Code
	Status int
	// Missing are permissions in words, on the page error.
	Missing []string
	// Asks are permissions in words that Instagram asks for at the sign-in, and Later those that
	// the site may ask for later, on the page sign_in. Both are empty where the sign-in learns no
	// more than Text says.
	Asks, Later *Permissions
	// SignOut is what the form of the page sign_out needs.
	SignOut *SignOutForm
	// Account is what the page account shows.
	Account *AccountView
	// Confirmation is the code on the page data_deletion; empty where it is not known.
	Confirmation string
	// RequestID stands in the log, too. Reference is its beginning, which is enough to find it.
	RequestID, Reference string
	// Labels are short texts.
	Labels Labels
	// Style is the built-in style sheet, with the accent of the site.
	Style template.CSS
}

// WithoutHint returns the view for a template that shows the hint in another place than the layout.
func (v View) WithoutHint() View {
	v.Hint = ""
	return v
}

// Permissions is a list of permissions.
type Permissions struct {
	// Intro is the sentence in front of the list.
	Intro string
	// Names are the permissions in words.
	Names []string
}

// ViewSite is what a page shows of the site. Only Name is never empty.
type ViewSite struct {
	Name, Logo           string
	Privacy, Terms, Help string
}

// Elsewhere is the offer to open a page of the site in another browser, for visitors in the browser
// of an app. What fills it in sets Address and OpenURL, and the page its texts.
type Elsewhere struct {
	// Label is the label of the link, and OpenURL where it leads: an order to the app or the phone,
	// which begins with another scheme than https. Without one it is empty, and so is Label.
	Label   string
	OpenURL template.URL
	// Address is the address to copy, and Copy the text in front of it.
	Address, Copy string
	// Note says why, on a page whose Hint does not.
	Note string
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

// referenceLength is how much of a request's ID is shown: enough to find it among a day's requests,
// and short enough to be read out.
const referenceLength = 8

// HomePath is the path of the site's home. A page without a way on has a link there in any case.
const HomePath = "/"

// elsewhere returns an offer in the language of the page.
func (l Look) elsewhere(offer *Elsewhere) *Elsewhere {
	if offer == nil {
		return nil
	}
	labels := l.language().Labels
	worded := Elsewhere{Address: offer.Address, OpenURL: offer.OpenURL, Copy: labels.CopyAddress}
	if offer.OpenURL != "" {
		worded.Label, worded.Copy = labels.OpenElsewhere, labels.OrCopyAddress
	}
	return &worded
}

// fill replaces the placeholders in the texts of a view, and sets what all pages have.
func (l Look) fill(view *View, f facts) {
	language := l.language()
	view.Language, view.Direction, view.Labels = language.tag, language.Direction, language.Labels
	view.Site = l.site()
	f.site = view.Site.Name
	filler := language.filler(f)
	labels := &view.Labels
	for _, text := range []*string{&view.Title, &view.Text, &view.Hint, &view.Link, &view.Other, &labels.Home, &labels.ReferenceUse} {
		*text = filler.Replace(*text)
	}
	for _, list := range []*Permissions{view.Asks, view.Later} {
		if list != nil {
			list.Intro = filler.Replace(list.Intro)
		}
	}
	if view.PageTitle = view.Title; !strings.Contains(view.Title, view.Site.Name) {
		view.PageTitle += " · " + view.Site.Name
	}
	view.Reference = view.RequestID[:min(len(view.RequestID), referenceLength)]
	if view.Home == "" && (l.HomeOpen || view.Link == "" && view.SignOut == nil) {
		view.Home = HomePath
	}
	if l.Framed {
		view.Target = outOfFrame
	}
}

// show answers with a page, whose headers but for those of its kind are set already.
func (l Look) show(w http.ResponseWriter, file string, status int, page draft, head bool) {
	view := page.View
	view.Page = strings.TrimSuffix(file, ".html")
	l.fill(&view, page.facts)
	body, csp := l.pages().render(file, view, l.Framed)
	if l.Framed {
		csp = strings.TrimSuffix(csp, unframed) + "; frame-ancestors 'self'"
	}
	w.Header().Set("Content-Security-Policy", allowImages(csp, l.Images))
	if l.Negotiated {
		w.Header().Add("Vary", "Accept-Language")
	}
	write(w, "text/html; charset=utf-8", status, body, head)
}

// draft is a view whose texts still have placeholders, and their values.
type draft struct {
	View
	facts
}
