// Package refusal is the one table of what a visitor is refused with, and the small
// pages and JSON objects that say so. Nothing foreign gets onto them: no text of
// Instagram's, of a request or of an error.
package refusal

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
)

// Code names a refusal, in JSON, in logs and to a site's error routes.
type Code string

// The refusals.
const (
	LoginRequired       Code = "login_required"
	LoginExpired        Code = "login_expired"
	BadRequest          Code = "bad_request"
	BadHost             Code = "bad_host"
	Cancelled           Code = "cancelled"
	ProviderRefused     Code = "provider_refused"
	Method              Code = "method"
	TooEarly            Code = "too_early"
	TooMany             Code = "too_many"
	CookiesBlocked      Code = "cookies_blocked"
	BadProfile          Code = "bad_profile"
	ProviderError       Code = "provider_error"
	ProviderTimeout     Code = "provider_timeout"
	ProviderUnreachable Code = "provider_unreachable"
	NoAccess            Code = "no_access"
	MissingPermission   Code = "missing_permission"
	CrossSite           Code = "cross_site"
	BadSignature        Code = "bad_signature"
	TooLarge            Code = "too_large"
	BadType             Code = "bad_type"
	StoreUnavailable    Code = "store_unavailable"
	Internal            Code = "internal"
)

// entry is a row of the table.
type entry struct {
	status int
	// title is the heading of the page, text its sentence, hint a further line.
	title, text, hint string
	// link is the label of the way on, where there is one: to the login, or for
	// CrossSite to the sign-out page.
	link string
}

const startAgain = "Sign in again"

var table = map[Code]entry{
	LoginRequired:       {http.StatusUnauthorized, "Sign in", "Please sign in.", "", "Sign in with Instagram"},
	LoginExpired:        {http.StatusBadRequest, "Sign-in expired", "This sign-in is no longer valid. Please start again.", "If this happens again, check that your browser accepts cookies from this site.", startAgain},
	BadRequest:          {http.StatusBadRequest, "Not understood", "The request could not be understood.", "", ""},
	BadHost:             {http.StatusMisdirectedRequest, "Not here", "This address is not served here.", "", ""},
	Cancelled:           {http.StatusForbidden, "Cancelled", "The sign-in was cancelled.", "", startAgain},
	ProviderRefused:     {http.StatusBadRequest, "Not accepted", "Instagram did not accept the sign-in. Please start again.", "Only professional accounts, business or creator, can sign in.", startAgain},
	Method:              {http.StatusMethodNotAllowed, "Not possible", "This address cannot be used like this.", "", ""},
	TooEarly:            {http.StatusTooEarly, "Too early", "Please try again.", "", ""},
	TooMany:             {http.StatusTooManyRequests, "Too many attempts", "Too many attempts. Please wait a moment.", "", startAgain},
	CookiesBlocked:      {http.StatusBadRequest, "Cookies are blocked", "Your browser did not keep our cookie.", "Allow cookies for this site in your browser's settings, or open it in another browser or outside private mode. Then try again.", "Try again"},
	BadProfile:          {http.StatusBadGateway, "Unusable answer", "Instagram sent an answer we could not use.", "", startAgain},
	ProviderError:       {http.StatusBadGateway, "Instagram failed", "Instagram could not complete the sign-in.", "", startAgain},
	ProviderTimeout:     {http.StatusGatewayTimeout, "No answer", "Instagram did not answer in time.", "", startAgain},
	ProviderUnreachable: {http.StatusServiceUnavailable, "Instagram is out of reach", "Instagram cannot be reached right now.", "", startAgain},
	NoAccess:            {http.StatusForbidden, "No access", "This account has no access here.", "", "Use another account"},
	MissingPermission:   {http.StatusForbidden, "A permission is missing", "This needs a permission of your Instagram account that was not given.", "", "Continue to Instagram"},
	CrossSite:           {http.StatusForbidden, "Not signed out", "Please use the sign-out page.", "", "Open the sign-out page"},
	BadSignature:        {http.StatusBadRequest, "Not valid", "The signature is not valid.", "", ""},
	TooLarge:            {http.StatusRequestEntityTooLarge, "Too large", "The request is too large.", "", ""},
	BadType:             {http.StatusUnsupportedMediaType, "Wrong type", "The request is of a type that is not accepted here.", "", ""},
	StoreUnavailable:    {http.StatusServiceUnavailable, "Not possible right now", "Please try again in a moment.", "", ""},
	Internal:            {http.StatusInternalServerError, "Something went wrong", "Something went wrong.", "", ""},
}

// permissions say to people what Instagram's names of permissions mean.
var permissions = map[string]string{
	"user_profile":                       "See your account type and username",
	"user_media":                         "See your photos and videos",
	"instagram_business_basic":           "See your profile, photos and videos",
	"instagram_business_content_publish": "Publish photos and videos for you",
	"instagram_business_manage_messages": "Read and answer your messages",
	"instagram_business_manage_comments": "Read and answer comments on your posts",
	"instagram_business_manage_insights": "See figures about your account and posts",
}

// inWords lists permissions for people, by their names where there are no words.
func inWords(names []string) (list []string) {
	for _, name := range names {
		list = append(list, cmp.Or(permissions[name], name))
	}
	return list
}

// Codes returns the codes of the table, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(table)) }

// Status returns the HTTP status of a refusal.
func (c Code) Status() int { return table[c].status }

// Text returns the sentence for people.
func (c Code) Text() string { return table[c].text }
