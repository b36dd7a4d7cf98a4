package instagram

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
)

// remedies tell an operator what to change, by what Instagram says. The first one
// whose text occurs in the message, or in the type, counts. visitor says that the reason lies with
// the account of the visitor, or with a code that anybody can send.
var remedies = []struct {
	says, remedy string
	visitor      bool
}{
	{"validating client secret", "app_secret is wrong: copy the Instagram app secret from Meta's dashboard, not the secret of the Facebook app", false},
	{"redirect_uri is identical", "redirect_uri differs from the one that the login began with: list it exactly as registered with Meta, trailing slash included, and the same on every node", false},
	{"redirect uri does not match", remedyRedirectURI, false},
	{"invalid redirect_uri", remedyRedirectURI, false},
	{"invalid scrubbed redirect_uri", remedyRedirectURI, false},
	{"invalid platform app", "app_id is not that of an Instagram app: use the Instagram app ID, not the Facebook app ID of the same app, and check that api names the product that the app has", false},
	{"invalid client_id", "app_id is wrong: use the Instagram app ID, not the Facebook app ID of the same app", false},
	{"invalid scope", remedyScope, false},
	{"invalid_scope", remedyScope, false},
	{"no valid scopes", "scope names no permission that the app has: compare it with the permissions of the product in Meta's dashboard, and with api", false},
	{"professional account", "the account is a personal one: switch it to a business or creator account in Instagram's settings, which is free", true},
	{"not professional", "the account is a personal one: switch it to a business or creator account in Instagram's settings, which is free", true},
	{"developer role", "the app is in development mode and the account is not one of its testers: add the account under App roles and accept the invitation, or switch the app to live", false},
	{"invalid authorization code", "Instagram does not accept the authorization code: it was used, is too old, or belongs to another app or redirect_uri; if it happens to everybody, check that app_id and app_secret belong to one app, and that nothing opens the callback twice", true},
	{"code was not found", "the authorization code was unknown or used: if it happens to everybody, check that all nodes run the same configuration and that nothing opens the callback twice", true},
	{"code has been used", "the authorization code was used before: if it happens to everybody, check that nothing in front of Caddy repeats requests", true},
	{"code has expired", "the authorization code had expired: if it happens to everybody, check the clock of this machine", true},
	{"cannot parse access token", "the access token belongs to the other Instagram API: check that api and endpoints belong together", false},
}

const (
	remedyRedirectURI = "redirect_uri is not registered with Meta: compare byte for byte, trailing slash included"
	remedyScope       = "scope names a permission that the app does not have: compare it with the permissions of the product in Meta's dashboard, and with api"
	remedyPermission  = "a permission is missing: the app needs it in Meta's dashboard, approved for accounts that are not testers, and the account must be a professional one"
	remedyToken       = "the access token is not valid: if it happens to everybody, check that api and endpoints belong together"
	remedyNoObject    = "Instagram does not show this user node: check user_node, and that the account is not a private one"

	remedyRestricted = "Meta has restricted the app and nobody can sign in: open the app in Meta's dashboard, read its alerts and required actions, and resolve or appeal them"

	remedyWithoutAccess = "the app may not read this account, and only testers can sign in. In this order: a tester has to accept the invitation in Instagram (Settings, Website permissions, Apps and websites, Tester invites); " +
		"for everybody else the app needs Advanced Access to instagram_business_basic through Meta's app review; then look for a business verification, access verification or data use checkup that is missing or overdue; " +
		"an app of Basic Display was switched off in December 2024"
)

// codeRemedies tell the same by the code of the graph.
var codeRemedies = map[int]string{
	codeCapability:  remedyPermission,
	codePermission:  remedyPermission,
	codeParameter:   "Instagram does not know a parameter or a field: check fields and api, and that the account is not a personal one",
	codeSessionKey:  remedyToken,
	codeAnonymous:   "Instagram got no access token: check that nothing between Caddy and Instagram removes the Authorization header or the query",
	codeNotAccepted: remedyToken,
	codePolicy:      "Instagram blocks this for a while because of its policies: wait, and see the app's alerts in Meta's dashboard if it happens to everybody",
	codePath:        "endpoints graph is wrong: Instagram does not know the path; write https://graph.instagram.com, with at most one version segment",
}

// profileRemedies are those of user nodes that cannot be used.
var profileRemedies = []struct {
	because error
	remedy  string
}{
	{errPrivate, "the account is private, and Instagram shows only its ID: its owner can make it public, or switch it to a business or creator account, which is free; testers must be public, too"},
	{errNoUserID, "Instagram did not send user_id, and Caddy signs nobody in under another ID: check that api and endpoints belong together; if it lasts, report it to this project"},
	{errOtherPerson, "Instagram named two accounts in one login: check that api, user_node and endpoints belong together, and that there is no cache between Caddy and Instagram"},
}

// Remedy returns a sentence that tells the operator what to change, "" if there is nothing.
func (e *Error) Remedy() string {
	switch app := e.AppState(); {
	case app == AppRestricted:
		return remedyRestricted
	case app == AppWithoutAccess:
		return remedyWithoutAccess
	case e.caseLimited():
		return "Instagram's rate limit for this app and this account is reached: wait; if it happens to everybody, see the app's usage in Meta's dashboard"
	case e.RateLimited():
		return "the app's rate limit at Instagram is reached: wait, and see the app's usage in Meta's dashboard"
	case e.distrustsAddress():
		return "Instagram does not trust the IP address of this server: wait; if it lasts, send calls from an address that is not shared with scrapers, or through a proxy of your own"
	case e.causedBy(context.Canceled):
		return "" // the visitor went away, or Caddy is being stopped
	case e.causedBy(syscall.EMFILE, syscall.ENFILE):
		return "Caddy has too many open files: raise its limit (ulimit -n, LimitNOFILE of the service)"
	case e.causedBy(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET):
		return "the connection to Instagram was cut: nothing to change if it passes; otherwise check the network and any proxy in between"
	case e.Kind == Unreachable:
		return "Instagram cannot be reached from here: check DNS, the firewall, the proxy settings and the system's certificates"
	case e.Kind == TimedOut:
		return "Instagram did not answer in time: check the network, or raise timeout"
	case e.Kind == BadAnswer && e.Status < 500 && !e.Transient:
		return "the answer is not from Instagram's API: check endpoints and any proxy in between"
	case e.Kind == BadProfile:
		return e.profileRemedy()
	}
	return e.remedyByWords()
}

// remedyByWords looks for the words of a refusal, and then for its code.
func (e *Error) remedyByWords() string {
	if at := e.knownWords(); at >= 0 {
		return remedies[at].remedy
	}
	switch {
	case e.Transient:
	case e.headerUnread():
		return codeRemedies[codeAnonymous]
	case e.ownerHasToConfirm():
		return "the visitor has to log in or confirm the account at instagram.com: nothing to change here"
	case e.noObject():
		return remedyNoObject
	case e.LacksPermission():
		return remedyPermission
	case codeRemedies[e.Code] != "":
		return codeRemedies[e.Code]
	}
	if e.Temporary() {
		return "Instagram failed, or a proxy in between did: nothing to change here, try again later; if it lasts, see the status page of Meta's platform"
	}
	return ""
}

// knownWords returns which of remedies is about what Instagram says, -1 if none is.
func (e *Error) knownWords() int {
	said := strings.ToLower(e.Message + " " + e.Type)
	for i, r := range remedies {
		if strings.Contains(said, r.says) {
			return i
		}
	}
	return -1
}

// ownerHasToConfirm reports whether Instagram wants something of the account's owner.
func (e *Error) ownerHasToConfirm() bool {
	return e.InvalidToken() && (e.Subcode == subcodeCheckpoint || e.Subcode == subcodeUnconfirmed)
}

// OfVisitor reports whether a failure lies with the visitor: their account, the code that they
// sent, or that they went away. The operator has nothing to do about it.
func (e *Error) OfVisitor() bool {
	switch {
	case e.PrivateAccount() || e.causedBy(context.Canceled):
		return true
	case e.Kind != Refused || e.Temporary() || e.AppState() != AppFine:
		return false
	}
	if at := e.knownWords(); at >= 0 {
		return remedies[at].visitor
	}
	return e.ownerHasToConfirm()
}

func (e *Error) profileRemedy() string {
	for _, r := range profileRemedies {
		if errors.Is(e.Err, r.because) {
			return r.remedy
		}
	}
	return "Instagram sent a profile with an invalid ID or username: check api, user_node and endpoints"
}

// PrivateAccount reports whether the account is private, so that Instagram shows only an ID.
func (e *Error) PrivateAccount() bool { return errors.Is(e.Err, errPrivate) }

// causedBy reports whether one of some errors is the cause.
func (e *Error) causedBy(causes ...error) bool {
	return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(e.Err, cause) })
}
