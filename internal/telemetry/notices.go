package telemetry

import (
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// The lines of the handler's log, and who has to act on each.

// What happens all day.
var (
	noticeSignedIn         = Notice{"signed in", NoAction, ""}
	NoticeSignedOut        = Notice{"signed out", NoAction, ""}
	NoticeEndedByInstagram = Notice{"sessions ended by instagram", NoAction, ""}
	NoticeTokenNotAccepted = Notice{"session ended: instagram no longer accepts its token", NoAction, ""}
	NoticeSaidAgainst      = Notice{"session ended: instagram says less of its owner than it does", NoAction, ""}
	NoticeAccessRefused    = Notice{"access refused", NoAction, ""}
	NoticeBreakerClosed    = Notice{"breaker closed: instagram answers again", NoAction, ""}
	NoticeSecretsLoaded    = Notice{"secrets loaded", NoAction, ""}
	NoticeKeysChanging     = Notice{"keys are being changed: older secrets are still accepted", NoAction, ""}

	NoticeSecretChanged   = Notice{"a secret has changed in its file; the former one is still accepted", NoAction, ""}
	NoticeSecretFileAgain = Notice{"the file of a secret can be used again", NoAction, ""}
	NoticeSecretRetired   = Notice{"a former secret is no longer accepted", NoAction, ""}

	// Anybody can send such cookies.
	NoticeManyCookies = Notice{"sign-out refused: the browser has sent more session cookies than are looked at", NoAction,
		"something else on this host sets cookies of the name of ours: give session cookie another value, and delete the site's cookies in the browser"}
	NoticeForeignScope = Notice{"sign-in refused: a link asks for a permission that is not configured", NoAction, "if the link is on a page of your site, add the permission to step_up, or take it out of the link"}
)

// What is wrong at Instagram, or on the way there.
var (
	NoticeBreakerOpened     = Notice{"breaker opened: calls to instagram have failed in a row; logins are refused until one succeeds", actionUrgent, remedyForProvider}
	NoticeAppRestricted     = Notice{"nobody can sign in: Meta has restricted the app", actionUrgent, remedyForProvider}
	NoticeAppWithoutAccess  = Notice{"nobody but testers of the app can sign in: it has no access to other accounts", actionUrgent, remedyForProvider}
	NoticeFieldUnanswered   = Notice{"instagram does not answer a field; visitors are signed in without any of fields", actionNeeded, RemedyForField}
	NoticeShortToken        = Notice{"getting a long-lived token failed; going on with the short-lived one", actionNeeded, remedyForProvider}
	NoticeNotRenewed        = Notice{"asking instagram again failed; the session stays as it is", actionNeeded, remedyForProvider}
	NoticeNotAskedAgain     = Notice{"asking instagram again failed", actionNeeded, revocation.Remedy}
	NoticePictureFailed     = Notice{"getting a visitor's picture failed", actionNeeded, remedyForPicture}
	NoticeFieldsLeftOut     = Notice{"fields left out: they do not fit into the session cookie or a header", actionNeeded, "take long texts such as biography out of fields; without access_token, shorten scope or fields until the token fits"}
	NoticeVisitorsNoAddress = Notice{"visitors come without an address; failed sign-ins are limited over all of them alone", actionNeeded,
		"set trusted_proxies_unix, or trusted_proxies and trusted_proxies_strict, so that Caddy knows the address from the proxy in front"}
)

// What is wrong with the storage.
var (
	NoticeEndedHereAlone       = Notice{"a session has ended on this node alone; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	NoticePersonEndedHereAlone = Notice{"the sessions of a person have ended on this node alone; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	NoticeCallbackWaits        = Notice{"a callback of Meta's waits until the storage works again", actionUrgent, revocation.Remedy}
)

// What is wrong with the site.
var (
	NoticeSecretFile    = Notice{"the file of a secret cannot be used; the secret from before stays in use", actionUrgent, remedyFile}
	NoticeNoSite        = Notice{"nobody behind this handler has answered a callback of Meta's; deauthorize pass and data_deletion pass need a site that does", actionUrgent, "let your site answer POST at this path, or take pass away"}
	NoticeHandoffFailed = Notice{"the site failed at a login that was handed off to it", actionUrgent, "see the error, and mend the handler or the upstream that answers the path of redirect_uri"}
	NoticePageFailed    = Notice{"a page could not be made of its template", actionUrgent, remedyForPages}
	NoticeMatcherFailed = Notice{"matcher of protect failed; asking for a session", actionUrgent, "see the error, and mend the matcher of instagram_auth: until then, everybody needs a session where it fails"}
)

// What must not happen at all.
var (
	NoticeSecretsNotChanged = Notice{"changing the secrets failed", actionUrgent, remedyForBug}
	NoticePanic             = Notice{"recovered from a panic", actionUrgent, remedyForBug}
	NoticeStartFailed       = Notice{"starting a login failed", actionUrgent, remedyForBug}
	NoticeRenewFailed       = Notice{"renewing a session failed", actionUrgent, remedyForBug}
	NoticeRefusalNotLeft    = Notice{"a refused login keeps its address", actionUrgent, remedyForBug}
)

// What the configuration says, once when it is loaded.
var (
	NoticePlainHTTP = Notice{"redirect_uri is plain http: cookies are sent without Secure and without their __Host- prefix; use https in production", actionNeeded,
		"nothing to change for a test on this machine; otherwise give the site https, and write https:// in redirect_uri"}
	NoticeWeakSecret      = Notice{"session keys are derived from an app_secret of less than 32 characters", actionNeeded, remedySecret}
	NoticeNoSecret        = Notice{"session keys are derived from the app secret: whoever knows it can make sessions", actionNeeded, remedySecret}
	NoticeGuessableSecret = Notice{"the session secret that came in its file can be guessed, and whoever does can make sessions", actionNeeded, "write another one into the file, made with: openssl rand -hex 32"}
	NoticeTokenInDebug    = Notice{"debug logs of what stands behind this handler have the access token in them", actionNeeded, "give the default log the format instagram_auth, or take debug out of the global options"}
	NoticeForceOutdated   = Notice{"authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth", actionNeeded, "write authorize force_reauth true instead"}
	NoticeUsernames       = Notice{"usernames can change and change owner; list numeric user IDs instead", actionNeeded, "the line \"signed in\" has the user_id of each account: put that in the place of the @username"}
	NoticeLongPicture     = Notice{"fields has profile_picture_url, which is too long for the session cookie and for a header; pages get the picture from a path of this handler instead", actionNeeded,
		"take profile_picture_url out of fields, and show the picture from the path of this line"}
	NoticePictureToken = Notice{"the visitor's picture needs an access token that is kept: add token long_lived; until then its path answers 404", actionNeeded,
		"add token { long_lived }, or set picture off and take profile_picture_url out of fields"}
)

const (
	remedyForProvider = "instagram's words in error are not known here: compare app_id, app_secret, redirect_uri, scope and api with Meta's dashboard, and run caddy instagram-auth doctor; if it lasts, see the status page of Meta's platform"
	remedyForBug      = "this is a fault of the module: report this line and the ones before it to this project"
	remedyForPicture  = "nothing to change if it passes; see the lines before this one, and the DNS of this machine"

	remedyForgedCallback  = "if it comes from Meta, app_secret is not that of the app whose callback URL this is, or Meta signs with the secret of the Facebook app: list that as a further value of app_secret; otherwise there is nothing to change"
	remedyForeignCallback = "this is no callback of Meta's: there is nothing to change, unless something in front of Caddy changes requests"

	remedyCookiesBlocked = "nothing to change for one visitor, whose browser blocks cookies; if it happens to everybody, see that no redirect leads from the host of redirect_uri to another host"
)

// RemedyForAstray is what an operator can do about that.
const RemedyForAstray = "a redirect of the site's, in Caddy or in front of it, changes the path of the callback: exempt the path of redirect_uri from it, or register and configure the path that it leads to"

// remedyForPages is for templates that fail only with what some visitor brings up.
const remedyForPages = "mend the template in the folder of pages and reload; the built-in page was shown instead"

const RemedyForField = "take it out of fields; instagram refuses all of them because of one"

// remedySecret is the way out of session keys that others may know.
const remedySecret = "set session secret to a value of its own, made with: openssl rand -hex 32"

const remedyFile = "write the whole secret into the file again, and let the user that Caddy runs as read it; until then Caddy cannot start with this configuration"

// RefusalNotices say who has to act on a refusal, by its code. They have no message: that says
// what was refused.
var RefusalNotices = map[refusal.Code]Notice{
	// Of the visitor, or of whoever sends the request.
	refusal.LoginRequired: {}, refusal.SessionEnded: {}, refusal.CrossSitePost: {}, refusal.LoginExpired: {}, refusal.BadRequest: {},
	refusal.Cancelled: {}, refusal.Method: {}, refusal.TooEarly: {}, refusal.TooMany: {}, refusal.PrivateAccount: {}, refusal.NoAccess: {},
	refusal.MissingPermission: {}, refusal.CrossSite: {}, refusal.BadSignature: {}, refusal.TooLarge: {}, refusal.BadType: {},
	refusal.NoPicture: {}, refusal.NoToken: {}, refusal.CookiesBlocked: {Remedy: remedyCookiesBlocked},
	refusal.BadHost: {}, // but for an operatorError

	// Of the configuration, of a redirect in front of it, or of Instagram. A cause that lies with
	// the visitor, such as a personal account, makes them INFO.
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
