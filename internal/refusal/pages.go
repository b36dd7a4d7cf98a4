package refusal

import (
	"net/http"
	"slices"
	"time"
)

// The pages that refuse nothing. They look like refusals and have the same headers. [E3]

// SignInPage is the page that stands before Instagram's window where the operator
// wants one: whose it is, what the sign-in shares, a single button, and who can use it.
type SignInPage struct {
	// LoginURL is where the button leads: a path of this site.
	LoginURL string
	// ProfessionalOnly says that personal accounts cannot sign in.
	ProfessionalOnly bool
	// Scopes are the permissions that each sign-in asks for, and StepUp those that the site may
	// ask for later.
	Scopes, StepUp []string
	// SeesMore says that the site learns more than the username and the account ID.
	SeesMore bool
	// Elsewhere is offered to a visitor in the browser of an app; nil for others.
	Elsewhere *Elsewhere
	Look      Look
}

// Write answers with the page, as the 401 that it is.
func (p SignInPage) Write(w http.ResponseWriter, head bool) {
	language := p.Look.language()
	words := language.SignIn
	view := View{Title: words.Title, Text: words.SeesOnly, Link: words.Link, LinkURL: p.LoginURL}
	if p.ProfessionalOnly {
		view.Hint = words.Accounts
	}
	if !only(reading, p.Scopes) || !only(reading, p.StepUp) {
		view.Text = words.Sees // the site can act for the visitor
	}
	if p.SeesMore || !only(basic, p.Scopes) {
		view.Asks = listOf(words.Asks, language.inWords(p.Scopes))
	}
	view.Later = listOf(words.Later, language.inWords(p.StepUp))
	if view.Elsewhere = p.Look.elsewhere(p.Elsewhere); view.Elsewhere != nil {
		view.Elsewhere.Note = language.InApp
	}
	Reply{Code: LoginRequired}.SetHeaders(w.Header())
	p.Look.show(w, signInFile, LoginRequired.Status(), draft{View: view}, head)
}

var (
	// basic are the permissions of which the sign-in itself makes no use beyond the username and
	// the account ID.
	basic = []string{"user_profile", "user_media", "instagram_business_basic"}
	// reading are those with which nobody can do anything in the visitor's name.
	reading = append(slices.Clone(basic), "instagram_business_manage_insights")
)

// only reports whether all permissions are among the known ones.
func only(known, permissions []string) bool {
	return !slices.ContainsFunc(permissions, func(name string) bool { return !slices.Contains(known, name) })
}

func listOf(intro string, names []string) *Permissions {
	if len(names) == 0 {
		return nil
	}
	return &Permissions{intro, names}
}

// SignOutPage asks before it signs out: a GET changes nothing, and the form works
// without a script. [L2]
type SignOutPage struct {
	// Action is where the form is sent: a path of this site.
	Action string
	// LoginURL is where a visitor without a session can sign in: a path of this site.
	LoginURL string
	// SignedIn says that there is a session, Username whose it is.
	SignedIn bool
	Username string
	Look     Look
}

// Write answers with the page. A visitor who is not signed in has nothing to press: the page
// signed_out tells them so, which has no form in anybody's template.
func (p SignOutPage) Write(w http.ResponseWriter, head bool) {
	language := p.Look.language()
	file, view := signOutFile, View{Title: language.SignOut}
	if p.SignedIn {
		view.SignOut = &SignOutForm{Action: p.Action, SignedIn: true, Username: p.Username}
		view.Text, view.Home = language.SignedIn, HomePath
	} else {
		file, view.Title = signedOutFile, language.SignedOut.Title
		view.Text, view.Link, view.LinkURL = language.NotSignedIn, language.SignIn.Link, p.LoginURL
	}
	SecurityHeaders(w.Header())
	// With no-referrer a browser calls the origin of the form "null", and one that does
	// not send Sec-Fetch-Site could not sign out. [L2]
	w.Header().Set("Referrer-Policy", "same-origin")
	p.Look.show(w, file, http.StatusOK, draft{view, facts{user: p.Username}}, head)
}

// SignedOutPage tells a visitor that they have signed out. The way back in is a link: browsers
// do not follow a form of a page with this policy to another site, through no redirect. [E3]
type SignedOutPage struct {
	// LoginURL is where the link leads: a path of this site.
	LoginURL string
	Look     Look
}

// Write answers with the page.
func (p SignedOutPage) Write(w http.ResponseWriter, head bool) {
	words := p.Look.language().SignedOut
	view := View{Title: words.Title, Text: words.Text, Hint: words.Hint, Link: words.Link, LinkURL: p.LoginURL}
	SecurityHeaders(w.Header())
	p.Look.show(w, signedOutFile, http.StatusOK, draft{View: view}, head)
}

// DeletionState is the state of a request to delete an account's data.
type DeletionState int

// The states. Unknown is for every code that is not valid.
const (
	DeletionUnknown DeletionState = iota
	DeletionPending
	DeletionDone
	// DeletionOfSignIn: the sign-in has deleted what it had, and the site was not asked.
	DeletionOfSignIn
)

// DeletionPage tells a person what became of the request to delete their data. It
// names nobody: whoever has the link may see it. [K4]
type DeletionPage struct {
	State DeletionState
	// Day is the day of the request.
	Day time.Time
	// Code is the confirmation code. It is shown only if it was issued here: a made-up
	// one is a foreign text. [E2]
	Code string
	Look Look
}

// Write answers with the page. Its text about a request that was passed on must stay true,
// because the state of a code never changes.
func (p DeletionPage) Write(w http.ResponseWriter, head bool) {
	language := p.Look.language()
	status, words, confirmation := http.StatusOK, wording{}, p.Code
	switch p.State {
	case DeletionDone:
		words = language.Deleted
	case DeletionOfSignIn:
		words = language.SignInDeleted
	case DeletionPending:
		words = language.DeletionRequested
	default:
		status, words, confirmation = http.StatusNotFound, language.DeletionUnknown, ""
	}
	view := View{Title: words.Title, Text: words.Text, Hint: words.Hint, Confirmation: confirmation}
	SecurityHeaders(w.Header())
	p.Look.show(w, deletionFile, status, draft{view, facts{date: p.Day}}, head)
}
