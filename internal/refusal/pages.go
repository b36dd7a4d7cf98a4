package refusal

import (
	"net/http"
	"time"
)

// The pages that are no refusals.

// SignOutPage asks before it signs out: a link alone must change nothing. [L2]
type SignOutPage struct {
	// Action is where the button leads: a path of this site.
	Action string
	// Username is who is signed in, if SignedIn.
	Username string
	SignedIn bool
}

// Write answers with the page.
func (p SignOutPage) Write(w http.ResponseWriter, head bool) {
	v := view{Title: "Sign out", Text: "You are not signed in.", Action: p.Action, Button: "Sign out anyway"}
	if p.SignedIn {
		v.Text, v.Button, v.Everywhere = "You are signed in as "+p.Username+".", "Sign out", true
	}
	writePage(w, http.StatusOK, v, head)
}

// DeletionState is what has become of a request to delete somebody's data.
type DeletionState int

// The states.
const (
	DeletionUnknown DeletionState = iota
	DeletionPending
	DeletionDone
)

// DeletionPage shows a person what has become of their request. It names nobody. [K4]
type DeletionPage struct {
	State DeletionState
	// Day is when the request was answered, in UTC.
	Day time.Time
	// Code is the confirmation code, which must be one of ours.
	Code string
}

const dayFormat = "2 January 2006"

// Write answers with the page.
func (p DeletionPage) Write(w http.ResponseWriter, head bool) {
	status, v := http.StatusOK, view{Title: "Data deletion", Code: p.Code}
	switch p.State {
	case DeletionDone:
		v.Text = "Your data was deleted on " + p.Day.Format(dayFormat) + "."
		v.Hint = "All your sessions on this site have ended. This server keeps nothing else about your Instagram account."
	case DeletionPending:
		v.Text = "Your request was accepted on " + p.Day.Format(dayFormat) + " and is being carried out."
		v.Hint = "All your sessions on this site have ended."
	default:
		status, v.Code = http.StatusNotFound, ""
		v.Text = "This confirmation code is not known here."
		v.Hint = "Check that the address is complete."
	}
	writePage(w, status, v, head)
}

func writePage(w http.ResponseWriter, status int, v view, head bool) {
	SecurityHeaders(w.Header())
	write(w, "text/html; charset=utf-8", status, v.render(), head)
}
