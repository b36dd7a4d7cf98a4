package instagram

import (
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
)

// remedies tell an operator what to change, by what Instagram says. The first one
// whose text occurs in the message counts.
var remedies = []struct{ says, remedy string }{
	{"validating client secret", "app_secret is wrong: copy the Instagram app secret from Meta's dashboard, not the secret of the Facebook app"},
	{"redirect_uri is identical", "redirect_uri differs from the one that the login began with: list it exactly as registered with Meta, trailing slash included, and the same on every node"},
	{"redirect uri does not match", "redirect_uri is not registered with Meta: compare byte for byte, trailing slash included"},
	{"invalid redirect_uri", "redirect_uri is not registered with Meta: compare byte for byte, trailing slash included"},
	{"invalid platform app", "app_id is not that of an Instagram app: use the Instagram app ID, not the Facebook app ID of the same app, and check that api names the product that the app has"},
	{"invalid client_id", "app_id is wrong: use the Instagram app ID, not the Facebook app ID of the same app"},
	{"invalid scope", "scope names a permission that the app does not have: compare it with the permissions of the product in Meta's dashboard, and with api"},
	{"no valid scopes", "scope names no permission that the app has: compare it with the permissions of the product in Meta's dashboard, and with api"},
	{"professional account", "the account is a personal one: switch it to a business or creator account in Instagram's settings, which is free"},
	{"developer role", "the app is in development mode and the account is no tester of it: add the account under App roles and let it accept, or switch the app to live"},
	{"code was not found", "the authorization code was unknown or used: if it happens to everybody, check that all nodes run the same configuration and that nothing opens the callback twice"},
	{"code has been used", "the authorization code was used before: if it happens to everybody, check that nothing in front of Caddy repeats requests"},
	{"code has expired", "the authorization code had expired: if it happens to everybody, check the clock of this machine"},
}

// codeRemedies tell the same by the code of the graph.
var codeRemedies = map[int]string{
	10:  "a permission is missing: the app needs it in Meta's dashboard, approved for accounts that are no testers, and the account must be a professional one",
	100: "instagram does not know a parameter or a field: check fields and api, and that the account is not a personal one",
	190: "the access token is not valid: if it happens to everybody, check that api and endpoints belong together",
}

// Remedy returns a sentence that tells the operator what to change, "" if there is
// nothing to change here.
func (e *Error) Remedy() string {
	switch {
	case e.RateLimited():
		return "the app's rate limit at instagram is reached: wait, and see the app's usage in Meta's dashboard"
	case e.causedBy(syscall.EMFILE, syscall.ENFILE):
		return "caddy may open no more files: raise its limit of open files (ulimit -n, LimitNOFILE of the service)"
	case e.causedBy(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET):
		return "the connection to instagram broke off: nothing to change if it passes; otherwise check the network and any proxy between"
	case e.Kind == Unreachable:
		return "instagram cannot be reached from here: check DNS, the firewall, the proxy settings and the system's certificates"
	case e.Kind == TimedOut:
		return "instagram did not answer in time: check the network, or raise timeout"
	case e.Kind == BadAnswer && e.Status < 500:
		return "what answers is not instagram's API: check endpoints and any proxy between"
	}
	message := strings.ToLower(e.Message)
	for _, r := range remedies {
		if strings.Contains(message, r.says) {
			return r.remedy
		}
	}
	if e.Code >= 200 && e.Code <= 299 {
		return codeRemedies[10]
	}
	if remedy := codeRemedies[e.Code]; remedy != "" {
		return remedy
	}
	switch {
	case e.Temporary():
		return "instagram itself fails, or a proxy between: nothing to change here, try again later; if it lasts, see the status page of Meta's platform"
	case e.Kind == BadProfile:
		return "instagram tells of the person what cannot be used: check api, user_node and endpoints"
	}
	return ""
}

// causedBy reports whether one of some errors is the cause.
func (e *Error) causedBy(causes ...error) bool {
	return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(e.Err, cause) })
}
