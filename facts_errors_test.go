package instagramauth_test

import (
	"fmt"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// graph is an error of the graph at the user node, with each status that was seen.
func graph(code int, message string, more ...string) reply {
	extra := ""
	for _, m := range more {
		extra += "," + m
	}
	return on(simulator.UserNode, 400, fmt.Sprintf(`{"error":{"message":%q,"type":"OAuthException","code":%d,"fbtrace_id":"AQxVj9dOeKU"%s}}`, message, code, extra)).withEach(400, 401, 403, 500, 200)
}

// gone is a graph error in the type of Instagram's own.
func gone(code int, message string, more ...string) reply {
	return graph(code, message, append(more, `"type":"IGApiException"`)...)
}

func subcode(n int) string { return fmt.Sprintf(`"error_subcode":%d`, n) }

// limited is a rate limit with a header that says when it ends.
func limited(r reply, header, value string) reply {
	r.header.Set(header, value)
	return r
}

const (
	transient    = `"is_transient":true`
	blockedLine  = "error nobody can sign in: Meta has restricted the app"
	noAccessLine = "error nobody but testers of the app can sign in: it has no access to other accounts"
	caseUsage    = `{"17841405793187218":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":7}]}`
	noObject     = "Unsupported get request. Object with ID '25025320793187218' does not exist, cannot be loaded due to missing permissions, or does not support this operation"
	unsupported  = "Unsupported request - method type: get"
)

// The table of errors in section 3 of the page. A status of 500 takes the meaning from codes
// that only say that something has failed.
func TestFactsOfTheErrors(t *testing.T) {
	const invalid = "the access token is not valid"
	tokenRefused := refused(400, "provider_refused", invalid).atNode().failing("provider_error")
	confirm := refused(400, "provider_refused", "the person has to log in or to confirm").atNode()
	limit := refused(502, "provider_error", "the app's rate limit").atNode()
	permission := refused(400, "provider_refused", "a permission is missing").atNode()
	failing := refused(502, "provider_error", "instagram itself fails").atNode()
	blocked := refused(503, "app_blocked", "Meta has restricted the app").atNode().retryAfter("60").logging(blockedLine)
	runFacts(t, []fact{
		{by: "L", says: "190 without a subcode: the session has expired", how: login(graph(190, "Error validating access token: Session has expired on Tuesday, 01-Dec-26 06:00:00 PST. The current time is Tuesday, 01-Dec-26 06:07:02 PST.")), then: tokenRefused.saying("Session has expired"), later: ends},
		{by: "L", says: "190 with subcode 0", how: login(graph(190, "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.", subcode(0))), then: tokenRefused, later: ends},
		{by: "D", says: "190/463: expired", how: login(graph(190, "Error validating access token: Session has expired", subcode(463))), then: tokenRefused, later: ends},
		{by: "D", says: "190/460: password changed", how: login(graph(190, "Error validating access token: The session has been invalidated because the user has changed the password.", subcode(460))), then: tokenRefused, later: ends},
		{by: "D", says: "190/458: app removed", how: login(graph(190, "Error validating access token: The user has not authorized application 990602627938098.", subcode(458))), then: tokenRefused, later: ends},
		{by: "D", says: "190/467: invalidated", how: login(graph(190, "Error validating access token: This may be because the user logged out", subcode(467))), then: tokenRefused, later: ends},
		{by: "D", says: "190/459: a checkpoint, the person must log in at Instagram", how: login(graph(190, "Error validating access token: The user is enrolled in a blocking, logged-in checkpoint", subcode(459)).withEach(400, 401, 403, 200)), then: confirm, later: ends},
		{by: "D", says: "190/464: not confirmed, the person must confirm at Instagram", how: login(graph(190, "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed user.", subcode(464)).withEach(400, 401, 403, 200)), then: confirm, later: ends},
		{by: "L", says: "190 Cannot parse access token: a token of the other family", how: login(graph(190, "Invalid OAuth access token - Cannot parse access token")), then: refused(400, "provider_refused", "is of the other family").atNode().failing("provider_error"), later: ends},
		{by: "D", says: "102: session key invalid, as 190", how: login(graph(102, "Session key invalid or no longer valid")), then: tokenRefused, later: ends},
		{by: "L", says: "100 Unsupported request: the app has no access to this account", how: login(gone(100, unsupported)).alone(),
			then: refused(403, "app_not_open", "accept the invitation").atNode().saying(unsupported).logging(noAccessLine), later: stays},
		{by: "L", says: "the same by the simulator: the tester's invitation is not accepted", how: login().inside(func(c *simulator.Config) { c.App.State = simulator.InvitationPending }),
			then: refused(403, "app_not_open", "Advanced Access").atNode().logging(noAccessLine)},
		{by: "L", says: "100 other: a bad parameter or an unknown field", how: login(graph(100, "(#100) Invalid parameter")), then: refused(400, "provider_refused", "does not know a parameter or a field").atNode(), later: stays},
		{by: "D", says: "100/33: an object that does not exist or may not be read", how: login(gone(100, noObject, subcode(33))), then: refused(400, "provider_refused", "check user_node").atNode(), later: stays},
		{by: "D", says: "803: an object that does not exist", how: login(graph(803, "(#803) Some of the aliases you requested do not exist: 25025320793187218")), then: refused(400, "provider_refused", "check user_node").atNode(), later: stays},
		{by: "L", says: "2500: unknown path components, endpoints graph is wrong", how: login(gone(2500, "Unknown path components: /v26.0/me")), then: refused(400, "provider_refused", "endpoints graph is wrong").atNode().saying("Unknown path components"), later: stays},
		{by: "L", says: "2500 by the simulator: a version segment that is doubled", how: versioned("v26.0/v26.0"), then: refused(400, "provider_refused", "endpoints graph is wrong").calling("token")},
		{by: "D", says: "3: capability", how: login(graph(3, "(#3) Application does not have the capability to make this API call.")), then: permission, later: stays},
		{by: "D", says: "10: permission", how: login(graph(10, "(#10) Application does not have permission for this action")), then: permission, later: stays},
		{by: "D", says: "200: permission", how: login(graph(200, "(#200) Requires instagram_business_basic permission")), then: permission, later: stays},
		{by: "D", says: "299: the last of the permission errors", how: login(graph(299, "(#299) Permission error")), then: permission, later: stays},
		{by: "L", says: "200 API access blocked.: Meta has restricted the app", how: login(graph(200, "API access blocked.")).alone(), then: blocked.saying("API access blocked."), later: stays},
		{by: "L", says: "200 API access deactivated.: Meta has restricted the app", how: login(graph(200, "API access deactivated. To reactivate, go to the app dashboard.")).alone(), then: blocked.saying("go to the app dashboard"), later: stays},
		{by: "L", says: "the same by the simulator, for testers too", how: login().inside(func(c *simulator.Config) { c.App.State, c.App.Testers = simulator.Restricted, []string{username} }), then: blocked},
		{by: "D", says: "4: rate limit of the app", how: login(graph(4, "(#4) Application request limit reached", transient)), then: limit, later: stays},
		{by: "D", says: "17: rate limit of the person", how: login(graph(17, "(#17) User request limit reached")), then: limit, later: stays},
		{by: "D", says: "32: rate limit of a page", how: login(graph(32, "(#32) Page request limit reached")), then: limit, later: stays},
		{by: "D", says: "341: limit of calls", how: login(graph(341, "(#341) Feed action request limit reached")), then: limit, later: stays},
		{by: "D", says: "613: custom rate limit", how: login(graph(613, "(#613) Calls to this api have exceeded the rate limit.")), then: limit, later: stays},
		{by: "D", says: "80002: Instagram's own limit of an app and an account", how: login(limited(graph(80002, "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again.", subcode(2446079)), "X-Business-Use-Case-Usage", caseUsage)),
			then: refused(502, "provider_error", "for this app and this account").atNode().retryAfter("420"), later: stays},
		{by: "D", says: "80002 by the simulator", how: login().doing(func(s *scene, b *browser) response {
			s.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimitBusiness})
			return signIn(s, b)
		}), then: refused(502, "provider_error", "for this app and this account").atNode().retryAfter("300")},
		{by: "D", says: "368: temporarily blocked for policy", how: login(graph(368, "The action attempted has been deemed abusive or is otherwise disallowed")), then: refused(502, "provider_error", "because of its policies").atNode(), later: stays},
		{by: "D", says: "1: unknown error, temporary", how: login(graph(1, "An unknown error has occurred.")), then: failing, later: stays},
		{by: "D", says: "2: service error, temporary", how: login(graph(2, "(#2) Service temporarily unavailable", transient)), then: failing, later: stays},
		{by: "D", says: "is_transient: temporary, whatever the code", how: login(graph(190, "An unexpected error has occurred. Please retry your request later.", transient)), then: failing, later: stays},
		{by: "-", says: "other codes: refused, and the log has the words", how: login(graph(36007, "Something that nobody knows")), then: refused(400, "provider_refused", "").atNode().saying("Something that nobody knows"), later: stays},
		{by: "L", says: "X-App-Usage has call_volume and cpu_time, and says nothing of the end", how: login(limited(graph(4, "(#4) Application request limit reached"), "X-App-Usage", `{"call_volume":101,"cpu_time":27}`)), then: limit},
		{by: "D", says: "X-App-Usage has call_count", how: login(limited(graph(4, "(#4) Application request limit reached"), "X-App-Usage", `{"call_count":101,"total_cputime":27,"total_time":30}`)), then: limit},
		{by: "D", says: "X-Business-Use-Case-Usage tells in minutes when to come back, with any limit", how: login(limited(graph(4, "(#4) Application request limit reached"), "X-Business-Use-Case-Usage", caseUsage)), then: limit.retryAfter("420")},
		{by: "D", says: "of several accounts and kinds the longest counts", how: login(limited(graph(17, "(#17) User request limit reached"), "X-Business-Use-Case-Usage", `{"1":[{"estimated_time_to_regain_access":0},{"estimated_time_to_regain_access":2}],"2":[{"type":"messenger","estimated_time_to_regain_access":3}]}`)), then: limit.retryAfter("180")},
		{by: "-", says: "Retry-After counts, too", how: login(limited(graph(613, "(#613) Calls to this api have exceeded the rate limit."), "Retry-After", "30")), then: limit.retryAfter("30")},
	})
}
