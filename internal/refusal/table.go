// Package refusal has the table of all refusals, and the pages and JSON objects that show them. They
// contain no text of Instagram, of a request or of an error.
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
	Internal            Code = "internal"
)

// statuses are the HTTP statuses of the refusals. What they say is in the folder words, in a file
// for each language.
var statuses = map[Code]int{
	LoginRequired:       http.StatusUnauthorized,
	SessionEnded:        http.StatusUnauthorized,
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
	Internal:            http.StatusInternalServerError,
}

// Codes returns the codes of the table, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(statuses)) }

// Status returns the HTTP status of a refusal.
func (c Code) Status() int { return statuses[c] }

// AsksForLogin reports whether a refusal asks a visitor without a session to sign in.
func (c Code) AsksForLogin() bool { return statuses[c] == http.StatusUnauthorized }

// Text returns the message in English.
func (c Code) Text() string { return english.Refusals[c].Text }
