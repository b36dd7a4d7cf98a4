package telemetry

import (
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// This file has all lines of the handler's log. Their actions decide their levels.

// Normal operation.
var (
	noticeSignedIn            = Notice{"signed in", NoAction, ""}
	NoticeSignedOut           = Notice{"signed out", NoAction, ""}
	NoticeRevokedByInstagram  = Notice{"sessions revoked by Instagram", NoAction, ""}
	NoticeTokenNotAccepted    = Notice{"session revoked: Instagram no longer accepts its token", NoAction, ""}
	NoticePermissionWithdrawn = Notice{"session revoked: Instagram withdrew a permission, or the new username is not allowed", NoAction, ""}
	NoticeAccessRefused       = Notice{"access refused", NoAction, ""}
	NoticeBreakerClosed       = Notice{"breaker closed: Instagram answers again", NoAction, ""}
	NoticeConnectionsEnded    = Notice{"ended open connections whose session has ended", NoAction, ""}
	NoticeSecretsLoaded       = Notice{"secrets loaded", NoAction, ""}
	NoticeSecretsRotating     = Notice{"secrets are being rotated: older secrets are still accepted", NoAction, ""}

	NoticeSecretChanged   = Notice{"a secret file has changed; the previous secret is still accepted", NoAction, ""}
	NoticeSecretFileValid = Notice{"a secret file is valid again", NoAction, ""}
	NoticeSecretRetired   = Notice{"a previous secret is no longer accepted", NoAction, ""}

	// Any client can send such cookies, so this is INFO.
	NoticeManyCookies = Notice{"sign-out refused: the browser sent too many session cookies", NoAction,
		"something else on this host sets cookies with the same name: choose another name with session cookie, and delete the site's cookies in the browser"}
	NoticeForeignScope = Notice{"sign-in refused: a link asks for a permission that is not configured", NoAction, "if the link is on a page of your site, add the permission to step_up, or take it out of the link"}
)

// Trouble with Instagram, or on the way there.
var (
	NoticeBreakerOpened      = Notice{"breaker opened: calls to Instagram have failed in a row; logins are refused until one succeeds", actionUrgent, remedyForProvider}
	NoticeAppRestricted      = Notice{"nobody can sign in: Meta has restricted the app", actionUrgent, remedyForProvider}
	NoticeAppWithoutAccess   = Notice{"only testers of the app can sign in: Meta has not given it access to other accounts", actionUrgent, remedyForProvider}
	NoticeFieldUnanswered    = Notice{"Instagram refuses a field; visitors are signed in without all of fields", actionNeeded, RemedyForField}
	NoticeShortToken         = Notice{"getting a long-lived token failed; the short-lived one stays in use", actionNeeded, remedyForProvider}
	NoticeRefreshFailed      = Notice{"background refresh failed; the session stays as it is", actionNeeded, remedyForProvider}
	NoticeRefreshUnavailable = Notice{"background refresh failed", actionNeeded, revocation.Remedy}
	NoticePictureFailed      = Notice{"loading a visitor's picture failed", actionNeeded, remedyForPicture}
	NoticeFieldsLeftOut      = Notice{"fields left out: they do not fit into the session cookie or a header", actionNeeded, "remove long texts such as biography from fields; if access_token was left out, shorten scope or fields until the token fits"}
	NoticeNoClientIP         = Notice{"visitors have no client IP; only the limit over all clients counts their failed sign-ins", actionNeeded,
		"set trusted_proxies_unix, or trusted_proxies and trusted_proxies_strict, so that Caddy gets the client IP from the proxy in front"}
)

// Trouble with the storage.
var (
	NoticeRevokedHereOnly     = Notice{"a session was revoked on this node only; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	NoticeUserRevokedHereOnly = Notice{"the sessions of a user were revoked on this node only; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	NoticeCallbackDeferred    = Notice{"a callback from Meta was refused until the storage works again", actionUrgent, revocation.Remedy}
)

// Trouble with the site behind this handler, or with its files.
var (
	NoticeSecretFile         = Notice{"a secret file is not valid; the previous secret stays in use", actionUrgent, remedyFile}
	NoticeCallbackUnanswered = Notice{"your site did not answer a callback from Meta; deauthorize pass and data_deletion pass need a site that does", actionUrgent, "let your site answer POST at this path, or remove pass"}
	NoticeHandoffFailed      = Notice{"your site failed to handle a login that was passed to it", actionUrgent, "see the error, and fix the handler or the upstream that answers the path of redirect_uri"}
	NoticePageFailed         = Notice{"a page template failed", actionUrgent, remedyForPages}
	NoticeMatcherFailed      = Notice{"the matcher failed; the request needs a session", actionUrgent, "see the error, and fix the matcher of instagram_auth; until then, each request on which it fails needs a session"}
)

// Bugs.
var (
	NoticeRotationFailed  = Notice{"rotating the secrets failed", actionUrgent, remedyForBug}
	NoticePanic           = Notice{"recovered from a panic", actionUrgent, remedyForBug}
	NoticeStartFailed     = Notice{"starting a login failed", actionUrgent, remedyForBug}
	NoticeRenewFailed     = Notice{"renewing a session failed", actionUrgent, remedyForBug}
	NoticeRefusalNotMoved = Notice{"leaving the address of a refused login failed", actionUrgent, remedyForBug}
)

// Warnings about the configuration, logged once when it is loaded.
var (
	NoticePlainHTTP = Notice{"redirect_uri is plain http: cookies are sent without Secure and without their __Host- prefix; use https in production", actionNeeded,
		"nothing to change for a test on this machine; otherwise give the site https, and write https:// in redirect_uri"}
	NoticeWeakSecret       = Notice{"session keys are derived from an app_secret of fewer than 32 characters", actionNeeded, remedySecret}
	NoticeNoSecret         = Notice{"session keys are derived from the app secret: anyone who knows it can forge sessions", actionNeeded, remedySecret}
	NoticeGuessableSecret  = Notice{"the new session secret in its file is easy to guess: anyone who guesses it can forge sessions", actionNeeded, "write a new one into the file, made with: openssl rand -hex 32"}
	NoticeTokenInDebug     = Notice{"debug logs of later handlers contain the access token", actionNeeded, "give the default log the format instagram_auth, or remove debug from the global options"}
	NoticeForceOutdated    = Notice{"authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth", actionNeeded, "write authorize force_reauth true instead"}
	NoticePagesWithoutSite = Notice{"the templates in pages do not show the name of the site", actionNeeded, "use {{.Site.Name}} in layout.html; caddy instagram-auth pages writes one that does"}
	NoticeUsernames        = Notice{"usernames can change and change owner; list numeric user IDs instead", actionNeeded, "the log line \"signed in\" has the user_id of each account: write that instead of the @username"}
	NoticeLongPicture      = Notice{"fields has profile_picture_url, which is too long for the session cookie and for a header; use this handler's picture path instead", actionNeeded,
		"remove profile_picture_url from fields, and show the picture from the path in this line"}
	NoticePictureToken = Notice{"the picture needs a stored access token: add token long_lived; until then its path answers 404", actionNeeded,
		"add token { long_lived }, or set picture off and remove profile_picture_url from fields"}
)

const (
	remedyForProvider = "this version does not know the error of Instagram: compare app_id, app_secret, redirect_uri, scope and api with Meta's dashboard, and run caddy instagram-auth doctor; if it lasts, see the status page of Meta's platform"
	remedyForBug      = "this is a bug in instagram_auth: report this line and the ones before it to this project"
	remedyForPicture  = "nothing to change if it passes; see the lines before this one, and the DNS of this machine"

	remedyForgedCallback  = "if Meta sent it, app_secret belongs to another app, or Meta signs with the secret of the Facebook app: add that secret to app_secret; otherwise there is nothing to change"
	remedyForeignCallback = "Meta did not send this callback: there is nothing to change, unless something in front of Caddy changes requests"

	remedyCookiesBlocked = "nothing to change for one visitor, whose browser blocks cookies; if it happens to everybody, see that no redirect leads from the host of redirect_uri to another host"
)

// RemedyForAstray is the advice about a callback that arrives at another path than its own.
const RemedyForAstray = "a redirect in Caddy or in front of it changes the path of the callback: exclude the path of redirect_uri from the redirect, or register and configure the path that it leads to"

// remedyForPages is for templates that load, and fail with the data of some request.
const remedyForPages = "fix the template in the folder of pages and reload; the built-in page was shown instead"

// RemedyForField is the advice about a field that Instagram refuses.
const RemedyForField = "remove it from fields; Instagram refuses all fields because of one"

// remedySecret is the advice about session keys that others may know.
const remedySecret = "set session secret to a value of its own, made with: openssl rand -hex 32"

const remedyFile = "write the whole secret into the file again, and let the user that Caddy runs as read it; until then Caddy cannot start with this configuration"

// RefusalNotices has the action and the remedy for each code of a refusal. The entries have no
// message: SignInRefused and CallbackRefused add it.
var RefusalNotices = map[refusal.Code]Notice{
	// Caused by the visitor, or by the sender of the request.
	refusal.LoginRequired: {}, refusal.SessionEnded: {}, refusal.CrossSitePost: {}, refusal.LoginExpired: {}, refusal.OtherBrowser: {},
	refusal.BadRequest: {}, refusal.TooOld: {}, refusal.OtherAccount: {},
	refusal.Cancelled: {}, refusal.Method: {}, refusal.TooEarly: {}, refusal.TooMany: {}, refusal.PrivateAccount: {}, refusal.NoAccess: {},
	refusal.MissingPermission: {}, refusal.CrossSite: {}, refusal.BadSignature: {}, refusal.TooLarge: {}, refusal.BadType: {},
	refusal.NoPicture: {}, refusal.NoToken: {}, refusal.NoAccountPage: {}, refusal.CookiesBlocked: {Remedy: remedyCookiesBlocked},
	refusal.BadHost: {}, // an OperatorCause makes it WARN

	// Caused by the configuration, by a redirect in front of Caddy, or by Instagram. A cause that
	// lies with the visitor, such as a personal account, makes them INFO.
	refusal.CallbackMoved:       {Action: actionNeeded, Remedy: RemedyForAstray},
	refusal.ProviderRefused:     {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.BadProfile:          {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.ProviderError:       {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.ProviderTimeout:     {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.ProviderUnreachable: {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.AppBlocked:          {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.AppNotOpen:          {Action: actionNeeded, Remedy: remedyForProvider},
	refusal.StoreUnavailable:    {Action: actionNeeded, Remedy: revocation.Remedy},
	refusal.SignedOutHere:       {Action: actionNeeded, Remedy: revocation.Remedy},
	refusal.Internal:            {Action: actionUrgent, Remedy: remedyForBug},
}
