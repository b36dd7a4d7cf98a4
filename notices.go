package instagramauth

import (
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// The lines of the handler's log, and who has to act on each.

// What happens all day.
var (
	noticeSignedIn         = notice{"signed in", noAction, ""}
	noticeSignedOut        = notice{"signed out", noAction, ""}
	noticeEndedByInstagram = notice{"sessions ended by instagram", noAction, ""}
	noticeTokenNotAccepted = notice{"session ended: instagram no longer accepts its token", noAction, ""}
	noticeSaidAgainst      = notice{"session ended: instagram says less of its owner than it does", noAction, ""}
	noticeAccessRefused    = notice{"access refused", noAction, ""}
	noticeBreakerClosed    = notice{"breaker closed: instagram answers again", noAction, ""}
	noticeSecretsLoaded    = notice{"secrets loaded", noAction, ""}
	noticeKeysChanging     = notice{"keys are being changed: older secrets are still accepted", noAction, ""}

	noticeSecretChanged   = notice{"a secret has changed in its file; the former one is still accepted", noAction, ""}
	noticeSecretFileAgain = notice{"the file of a secret can be used again", noAction, ""}
	noticeSecretRetired   = notice{"a former secret is no longer accepted", noAction, ""}

	// Anybody can send such cookies.
	noticeManyCookies = notice{"sign-out refused: the browser has sent more session cookies than are looked at", noAction,
		"something else on this host sets cookies of the name of ours: give session cookie another value, and delete the site's cookies in the browser"}
	noticeForeignScope = notice{"sign-in refused: a link asks for a permission that is not configured", noAction, "if the link is on a page of your site, add the permission to step_up, or take it out of the link"}
)

// What is wrong at Instagram, or on the way there.
var (
	noticeBreakerOpened     = notice{"breaker opened: calls to instagram have failed in a row; logins are refused until one succeeds", actionUrgent, remedyForProvider}
	noticeAppRestricted     = notice{"nobody can sign in: Meta has restricted the app", actionUrgent, remedyForProvider}
	noticeAppWithoutAccess  = notice{"nobody but testers of the app can sign in: it has no access to other accounts", actionUrgent, remedyForProvider}
	noticeFieldUnanswered   = notice{"instagram does not answer a field; visitors are signed in without any of fields", actionNeeded, remedyForField}
	noticeShortToken        = notice{"getting a long-lived token failed; going on with the short-lived one", actionNeeded, remedyForProvider}
	noticeNotRenewed        = notice{"asking instagram again failed; the session stays as it is", actionNeeded, remedyForProvider}
	noticeNotAskedAgain     = notice{"asking instagram again failed", actionNeeded, revocation.Remedy}
	noticePictureFailed     = notice{"getting a visitor's picture failed", actionNeeded, remedyForPicture}
	noticeFieldsLeftOut     = notice{"fields left out: they do not fit into the session cookie or a header", actionNeeded, "take long texts such as biography out of fields; without access_token, shorten scope or fields until the token fits"}
	noticeVisitorsNoAddress = notice{"visitors come without an address; failed sign-ins are limited over all of them alone", actionNeeded,
		"set trusted_proxies_unix, or trusted_proxies and trusted_proxies_strict, so that Caddy knows the address from the proxy in front"}
)

// What is wrong with the storage.
var (
	noticeEndedHereAlone       = notice{"a session has ended on this node alone; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	noticePersonEndedHereAlone = notice{"the sessions of a person have ended on this node alone; other nodes learn of it when the storage works again", actionUrgent, revocation.Remedy}
	noticeCallbackWaits        = notice{"a callback of Meta's waits until the storage works again", actionUrgent, revocation.Remedy}
)

// What is wrong with the site.
var (
	noticeSecretFile    = notice{"the file of a secret cannot be used; the secret from before stays in use", actionUrgent, remedyFile}
	noticeNoSite        = notice{"nobody behind this handler has answered a callback of Meta's; deauthorize pass and data_deletion pass need a site that does", actionUrgent, "let your site answer POST at this path, or take pass away"}
	noticeHandoffFailed = notice{"the site failed at a login that was handed off to it", actionUrgent, "see the error, and mend the handler or the upstream that answers the path of redirect_uri"}
	noticePageFailed    = notice{"a page could not be made of its template", actionUrgent, remedyForPages}
	noticeMatcherFailed = notice{"matcher of protect failed; asking for a session", actionUrgent, "see the error, and mend the matcher of instagram_auth: until then, everybody needs a session where it fails"}
)

// What must not happen at all.
var (
	noticeSecretsNotChanged = notice{"changing the secrets failed", actionUrgent, remedyForBug}
	noticePanic             = notice{"recovered from a panic", actionUrgent, remedyForBug}
	noticeStartFailed       = notice{"starting a login failed", actionUrgent, remedyForBug}
	noticeRenewFailed       = notice{"renewing a session failed", actionUrgent, remedyForBug}
	noticeRefusalNotLeft    = notice{"a refused login keeps its address", actionUrgent, remedyForBug}
)

// What the configuration says, once when it is loaded.
var (
	noticePlainHTTP = notice{"redirect_uri is plain http: cookies are sent without Secure and without their __Host- prefix; use https in production", actionNeeded,
		"nothing to change for a test on this machine; otherwise give the site https, and write https:// in redirect_uri"}
	noticeWeakSecret      = notice{"session keys are derived from an app_secret of less than 32 characters", actionNeeded, remedySecret}
	noticeNoSecret        = notice{"session keys are derived from the app secret: whoever knows it can make sessions", actionNeeded, remedySecret}
	noticeGuessableSecret = notice{"the session secret that came in its file can be guessed, and whoever does can make sessions", actionNeeded, "write another one into the file, made with: openssl rand -hex 32"}
	noticeTokenInDebug    = notice{"debug logs of what stands behind this handler have the access token in them", actionNeeded, "give the default log the format instagram_auth, or take debug out of the global options"}
	noticeForceOutdated   = notice{"authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth", actionNeeded, "write authorize force_reauth true instead"}
	noticeUsernames       = notice{"usernames can change and change owner; list numeric user IDs instead", actionNeeded, "the line \"signed in\" has the user_id of each account: put that in the place of the @username"}
	noticeLongPicture     = notice{"fields has profile_picture_url, which is too long for the session cookie and for a header; pages get the picture from a path of this handler instead", actionNeeded,
		"take profile_picture_url out of fields, and show the picture from the path of this line"}
	noticePictureToken = notice{"the visitor's picture needs an access token that is kept: add token long_lived; until then its path answers 404", actionNeeded,
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

// refusalNotices say who has to act on a refusal, by its code. They have no message: that says
// what was refused.
var refusalNotices = map[refusal.Code]notice{
	// Of the visitor, or of whoever sends the request.
	refusal.LoginRequired: {}, refusal.SessionEnded: {}, refusal.CrossSitePost: {}, refusal.LoginExpired: {}, refusal.BadRequest: {},
	refusal.Cancelled: {}, refusal.Method: {}, refusal.TooEarly: {}, refusal.TooMany: {}, refusal.PrivateAccount: {}, refusal.NoAccess: {},
	refusal.MissingPermission: {}, refusal.CrossSite: {}, refusal.BadSignature: {}, refusal.TooLarge: {}, refusal.BadType: {},
	refusal.NoPicture: {}, refusal.NoToken: {}, refusal.CookiesBlocked: {remedy: remedyCookiesBlocked},
	refusal.BadHost: {}, // but for an operatorError

	// Of the configuration, of a redirect in front of it, or of Instagram. A cause that lies with
	// the visitor, such as a personal account, makes them INFO.
	refusal.CallbackMoved:       {action: actionNeeded, remedy: remedyForAstray},
	refusal.ProviderRefused:     {action: actionNeeded, remedy: remedyForProvider},
	refusal.BadProfile:          {action: actionNeeded, remedy: remedyForProvider},
	refusal.ProviderError:       {action: actionNeeded, remedy: remedyForProvider},
	refusal.ProviderTimeout:     {action: actionNeeded, remedy: remedyForProvider},
	refusal.ProviderUnreachable: {action: actionNeeded, remedy: remedyForProvider},
	refusal.AppBlocked:          {action: actionNeeded, remedy: remedyForProvider},
	refusal.AppNotOpen:          {action: actionNeeded, remedy: remedyForProvider},
	refusal.StoreUnavailable:    {action: actionNeeded, remedy: revocation.Remedy},
	refusal.SignedOutHere:       {action: actionNeeded, remedy: revocation.Remedy},
	refusal.Internal:            {action: actionUrgent, remedy: remedyForBug},
}
