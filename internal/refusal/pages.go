package refusal

import (
	"net/http"
	"time"
)

// The pages that are no refusals. They look like those and are as closed. [E3]

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
	view.write(w, row.status, head)
}

// SignOutPage asks before it signs out: a GET changes nothing, and the form works
// without a script. [L2]
type SignOutPage struct {
	// Action is where the form is sent: a path of this site.
	Action string
	// SignedIn says that there is a session, Username whose it is.
	SignedIn bool
	Username string
}

// signOut is the form of the sign-out page.
type signOut struct {
	Action     string
	Everywhere bool // offer the other devices, too
}

// Write answers with the page. Without a session the button stays, because it also
// takes away what is left of logins, but there are no other devices to speak of.
func (p SignOutPage) Write(w http.ResponseWriter, head bool) {
	view := view{Title: "Sign out", Text: "You are not signed in.", SignOut: &signOut{p.Action, p.SignedIn}}
	if p.SignedIn {
		view.Text = "You are signed in as " + p.Username + "."
	}
	SecurityHeaders(w.Header())
	// With no-referrer a browser calls the origin of the form "null", and one that does
	// not send Sec-Fetch-Site could not sign out. [L2]
	w.Header().Set("Referrer-Policy", "same-origin")
	view.write(w, http.StatusOK, head)
}

// DeletionState is how far the deletion of somebody's data is.
type DeletionState int

// The states. Unknown is every code that does not read, whatever is wrong with it.
const (
	DeletionUnknown DeletionState = iota
	DeletionPending
	DeletionDone
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
}

// Write answers with the page.
func (p DeletionPage) Write(w http.ResponseWriter, head bool) {
	status, day := http.StatusOK, p.Day.UTC().Format("2 January 2006")
	view := view{Confirmation: p.Code}
	switch p.State {
	case DeletionDone:
		view.Title = "Data deleted"
		view.Text = "Your data was deleted on " + day + ", and all your sessions here were ended."
		view.Hint = "The sign-in of this site keeps no profile data of your Instagram account."
	case DeletionPending:
		// The sentence must stay true, because the state of a code never changes.
		view.Title = "Deletion requested"
		view.Text = "Your request was received on " + day + ", and all your sessions here were ended."
		view.Hint = "The sign-in of this site keeps no profile data of your Instagram account. Your request was passed on to the site itself, for what else it keeps about you."
	default:
		status = http.StatusNotFound
		view.Title, view.Text, view.Confirmation = "Not found", "There is no request for deletion with this code.", ""
		view.Hint = "Check that the link is complete."
	}
	SecurityHeaders(w.Header())
	view.write(w, status, head)
}

func (v view) write(w http.ResponseWriter, status int, head bool) {
	write(w, "text/html; charset=utf-8", status, v.render(), head)
}
