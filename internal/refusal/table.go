// Package refusal has the table of all refusals, and the pages and JSON objects that show them.
// They contain no text of Instagram, of a request or of an error.
package refusal

import (
	"maps"
	"net/http"
	"slices"
)

// Code names a refusal in JSON, in logs and for the site's error routes.
type Code string

// The refusals.
const (
	LoginRequired       Code = "login_required"
	SessionEnded        Code = "session_ended"
	TooOld              Code = "too_old"
	OtherAccount        Code = "other_account"
	CrossSitePost       Code = "cross_site_post"
	LoginExpired        Code = "login_expired"
	OtherBrowser        Code = "other_browser"
	BadRequest          Code = "bad_request"
	BadHost             Code = "bad_host"
	CallbackMoved       Code = "callback_moved"
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
	AppBlocked          Code = "app_blocked"
	AppNotOpen          Code = "app_not_open"
	PrivateAccount      Code = "private_account"
	NoAccess            Code = "no_access"
	MissingPermission   Code = "missing_permission"
	CrossSite           Code = "cross_site"
	BadSignature        Code = "bad_signature"
	TooLarge            Code = "too_large"
	BadType             Code = "bad_type"
	StoreUnavailable    Code = "store_unavailable"
	SignedOutHere       Code = "signed_out_here"
	NoPicture           Code = "no_picture"
	NoToken             Code = "no_token"
	NoAccountPage       Code = "no_account_page"
	Internal            Code = "internal"
)

// statuses are the HTTP statuses of the refusals. What pages say of them is in the folder words, in
// a file for each language.
var statuses = map[Code]int{
	LoginRequired:       http.StatusUnauthorized,
	SessionEnded:        http.StatusUnauthorized,
	TooOld:              http.StatusUnauthorized,
	OtherAccount:        http.StatusForbidden,
	CrossSitePost:       http.StatusUnauthorized,
	LoginExpired:        http.StatusBadRequest,
	OtherBrowser:        http.StatusBadRequest,
	BadRequest:          http.StatusBadRequest,
	BadHost:             http.StatusMisdirectedRequest,
	CallbackMoved:       http.StatusBadRequest,
	Cancelled:           http.StatusForbidden,
	ProviderRefused:     http.StatusBadRequest,
	Method:              http.StatusMethodNotAllowed,
	TooEarly:            http.StatusTooEarly,
	TooMany:             http.StatusTooManyRequests,
	CookiesBlocked:      http.StatusBadRequest,
	BadProfile:          http.StatusBadGateway,
	ProviderError:       http.StatusBadGateway,
	ProviderTimeout:     http.StatusGatewayTimeout,
	ProviderUnreachable: http.StatusServiceUnavailable,
	AppBlocked:          http.StatusServiceUnavailable,
	AppNotOpen:          http.StatusForbidden,
	PrivateAccount:      http.StatusForbidden,
	NoAccess:            http.StatusForbidden,
	MissingPermission:   http.StatusForbidden,
	CrossSite:           http.StatusForbidden,
	BadSignature:        http.StatusBadRequest,
	TooLarge:            http.StatusRequestEntityTooLarge,
	BadType:             http.StatusUnsupportedMediaType,
	StoreUnavailable:    http.StatusServiceUnavailable,
	SignedOutHere:       http.StatusServiceUnavailable,
	NoPicture:           http.StatusNotFound,
	NoToken:             http.StatusNotFound,
	NoAccountPage:       http.StatusNotFound,
	Internal:            http.StatusInternalServerError,
}

// messages are what programs get, always in English. People get the words of the folder words.
var messages = map[Code]string{
	LoginRequired:       "Please sign in.",
	SessionEnded:        "Your session has ended. What you sent was not saved.",
	TooOld:              "This needs a recent sign-in. What you sent was not saved.",
	OtherAccount:        "This is another Instagram account than the one that was signed in here.",
	CrossSitePost:       "You came from another site. What it sent was not passed on, because your browser did not say who you are.",
	LoginExpired:        "This sign-in is no longer valid. Please start again.",
	OtherBrowser:        "The sign-in began in another browser, or took too long.",
	BadRequest:          "The request could not be understood.",
	BadHost:             "You cannot sign in at this address of the site.",
	CallbackMoved:       "A redirect took the sign-in to another address.",
	Cancelled:           "The sign-in was cancelled.",
	ProviderRefused:     "Instagram did not accept the sign-in. Please start again.",
	Method:              "This address cannot be used like this.",
	TooEarly:            "Please try again.",
	TooMany:             "Too many attempts. Please wait a moment.",
	CookiesBlocked:      "Your browser did not keep our cookie.",
	BadProfile:          "Instagram sent an answer we could not use.",
	ProviderError:       "Instagram could not complete the sign-in.",
	ProviderTimeout:     "Instagram did not answer in time.",
	ProviderUnreachable: "Instagram cannot be reached right now.",
	AppBlocked:          "Nobody can sign in here at the moment.",
	AppNotOpen:          "Instagram does not let this site read your account.",
	PrivateAccount:      "Instagram tells us nothing about a private account.",
	NoAccess:            "This account has no access here.",
	MissingPermission:   "This needs a permission of your Instagram account that you have not given.",
	CrossSite:           "Please use the sign-out page.",
	BadSignature:        "The signature is not valid.",
	TooLarge:            "The request is too large.",
	BadType:             "The request is of a type that is not accepted here.",
	StoreUnavailable:    "Please try again in a moment.",
	SignedOutHere:       "You are signed out in this browser.",
	NoPicture:           "There is no picture here.",
	NoToken:             "This needs a new sign-in with Instagram.",
	NoAccountPage:       "This site keeps its own sessions. Its account page is not here.",
	Internal:            "Something went wrong.",
}

// Codes returns the codes of the table, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(statuses)) }

// Status returns the HTTP status of a refusal.
func (c Code) Status() int { return statuses[c] }

// AsksForLogin reports whether a refusal asks a visitor without a session to sign in.
func (c Code) AsksForLogin() bool { return statuses[c] == http.StatusUnauthorized }

// Text returns the message for programs, which is in English.
func (c Code) Text() string { return messages[c] }
