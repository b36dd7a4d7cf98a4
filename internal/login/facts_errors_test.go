package login_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// graph is an error of the graph at the user node, once with each status that was seen.
func graph(code int, message string, more ...string) reply {
	return graphOf("OAuthException", code, message, more...)
}

// igError is a graph error of Instagram's own type.
func igError(code int, message string, more ...string) reply {
	return graphOf("IGApiException", code, message, more...)
}

func graphOf(kind string, code int, message string, more ...string) reply {
	members := append([]string{fmt.Sprintf(`"message":%q,"type":%q,"code":%d,"fbtrace_id":"AQxVj9dOeKU"`, message, kind, code)}, more...)
	return on(simulator.UserNode, 400, `{"error":{`+strings.Join(members, ",")+`}}`).withEach(400, 401, 403, 500, 200)
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
	noAccessLine = "error only testers of the app can sign in: Meta has not given it access to other accounts"
	caseUsage    = `{"17841405793187218":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":7}]}`
	noObject     = "Unsupported get request. Object with ID '25025320793187218' does not exist, cannot be loaded due to missing permissions, or does not support this operation"
	unsupported  = "Unsupported request - method type: get"
)

// Section 3, continued: the table of errors. With the status 500, the codes 1, 2, 102 and 190
// only mean that Instagram failed.
func TestFactsOfTheErrors(t *testing.T) {
	const invalid = "the access token is not valid"
	tokenRefused := refused(400, "provider_refused", invalid).atNode().failing("provider_error")
	confirm := refused(400, "provider_refused", "the visitor has to log in or confirm").ofVisitor().atNode()
	limit := refused(502, "provider_error", "the app's rate limit").atNode()
	permission := refused(400, "provider_refused", "a permission is missing").atNode()
	failing := refused(502, "provider_error", "Instagram failed").atNode()
	blocked := refused(503, "app_blocked", "Meta has restricted the app").atNode().retryAfter("60").logging(blockedLine)
	runFacts(t, []fact{
		{by: "L", fact: "190 without a subcode: the session has expired", via: login(graph(190, "Error validating access token: Session has expired on Tuesday, 01-Dec-26 06:00:00 PST. The current time is Tuesday, 01-Dec-26 06:07:02 PST.")), want: tokenRefused.saying("Session has expired"), later: ends},
		{by: "L", fact: "190 with subcode 0", via: login(graph(190, "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.", subcode(0))), want: tokenRefused, later: ends},
		{by: "D", fact: "190/463: expired", via: login(graph(190, "Error validating access token: Session has expired", subcode(463))), want: tokenRefused, later: ends},
		{by: "D", fact: "190/460: password changed", via: login(graph(190, "Error validating access token: The session has been invalidated because the user has changed the password.", subcode(460))), want: tokenRefused, later: ends},
		{by: "D", fact: "190/458: app removed", via: login(graph(190, "Error validating access token: The user has not authorized application 990602627938098.", subcode(458))), want: tokenRefused, later: ends},
		{by: "D", fact: "190/467: invalidated", via: login(graph(190, "Error validating access token: This may be because the user logged out", subcode(467))), want: tokenRefused, later: ends},
		{by: "D", fact: "190/459: a checkpoint, the person must log in at Instagram", via: login(graph(190, "Error validating access token: The user is enrolled in a blocking, logged-in checkpoint", subcode(459)).withEach(400, 401, 403, 200)), want: confirm, later: ends},
		{by: "D", fact: "190/464: not confirmed, the person must confirm at Instagram", via: login(graph(190, "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed user.", subcode(464)).withEach(400, 401, 403, 200)), want: confirm, later: ends},
		{by: "L", fact: "190 Cannot parse access token: a token of the other family", via: login(graph(190, "Invalid OAuth access token - Cannot parse access token")), want: refused(400, "provider_refused", "belongs to the other Instagram API").atNode().failing("provider_error"), later: ends},
		{by: "D", fact: "102: session key invalid, as 190", via: login(graph(102, "Session key invalid or no longer valid")), want: tokenRefused, later: ends},
		{by: "L", fact: "100 Unsupported request: the app has no access to this account", via: login(igError(100, unsupported)).alone(),
			want: refused(403, "app_not_open", "accept the invitation").atNode().saying(unsupported).logging(noAccessLine), later: stays},
		{by: "L", fact: "the same by the simulator: the tester's invitation is not accepted", via: login().inside(func(c *simulator.Config) { c.App.State = simulator.InvitationPending }),
			want: refused(403, "app_not_open", "Advanced Access").atNode().logging(noAccessLine)},
		{by: "L", fact: "100 other: a bad parameter or an unknown field", via: login(graph(100, "(#100) Invalid parameter")), want: refused(400, "provider_refused", "does not know a parameter or a field").atNode(), later: stays},
		{by: "D", fact: "100/33: an object that does not exist or may not be read", via: login(igError(100, noObject, subcode(33))), want: refused(400, "provider_refused", "check user_node").atNode(), later: stays},
		{by: "D", fact: "803: an object that does not exist", via: login(graph(803, "(#803) Some of the aliases you requested do not exist: 25025320793187218")), want: refused(400, "provider_refused", "check user_node").atNode(), later: stays},
		{by: "L", fact: "2500: unknown path components, endpoints graph is wrong", via: login(igError(2500, "Unknown path components: /v26.0/me")), want: refused(400, "provider_refused", "endpoints graph is wrong").atNode().saying("Unknown path components"), later: stays},
		{by: "L", fact: "2500 by the simulator: a version segment that is doubled", via: versioned("v26.0/v26.0"), want: refused(400, "provider_refused", "endpoints graph is wrong").calling("token")},
		{by: "D", fact: "3: capability", via: login(graph(3, "(#3) Application does not have the capability to make this API call.")), want: permission, later: stays},
		{by: "D", fact: "10: permission", via: login(graph(10, "(#10) Application does not have permission for this action")), want: permission, later: stays},
		{by: "D", fact: "200: permission", via: login(graph(200, "(#200) Requires instagram_business_basic permission")), want: permission, later: stays},
		{by: "D", fact: "299: the last of the permission errors", via: login(graph(299, "(#299) Permission error")), want: permission, later: stays},
		{by: "L", fact: "200 API access blocked.: Meta has restricted the app", via: login(graph(200, "API access blocked.")).alone(), want: blocked.saying("API access blocked."), later: stays},
		{by: "L", fact: "200 API access deactivated.: Meta has restricted the app", via: login(graph(200, "API access deactivated. To reactivate, go to the app dashboard.")).alone(), want: blocked.saying("go to the app dashboard"), later: stays},
		{by: "L", fact: "the same by the simulator, for testers too", via: login().inside(func(c *simulator.Config) {
			c.App.State, c.App.Testers = simulator.Restricted, []string{sitetest.Username}
		}), want: blocked},
		{by: "D", fact: "4: rate limit of the app", via: login(graph(4, "(#4) Application request limit reached", transient)), want: limit, later: stays},
		{by: "D", fact: "17: rate limit of the person", via: login(graph(17, "(#17) User request limit reached")), want: limit, later: stays},
		{by: "D", fact: "32: rate limit of a page", via: login(graph(32, "(#32) Page request limit reached")), want: limit, later: stays},
		{by: "D", fact: "341: limit of calls", via: login(graph(341, "(#341) Feed action request limit reached")), want: limit, later: stays},
		{by: "D", fact: "613: custom rate limit", via: login(graph(613, "(#613) Calls to this api have exceeded the rate limit.")), want: limit, later: stays},
		{by: "D", fact: "80002: Instagram's own limit of an app and an account", via: login(limited(graph(80002, "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again.", subcode(2446079)), "X-Business-Use-Case-Usage", caseUsage)),
			want: refused(502, "provider_error", "for this app and this account").atNode().retryAfter("420"), later: stays},
		{by: "D", fact: "80002 by the simulator", via: login().doing(func(s *scene, b *sitetest.Browser) sitetest.Response {
			s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimitBusiness})
			return signIn(s, b)
		}), want: refused(502, "provider_error", "for this app and this account").atNode().retryAfter("300")},
		{by: "D", fact: "368: temporarily blocked for policy", via: login(graph(368, "The action attempted has been deemed abusive or is otherwise disallowed")), want: refused(502, "provider_error", "because of its policies").atNode(), later: stays},
		{by: "D", fact: "1: unknown error, temporary", via: login(graph(1, "An unknown error has occurred.")), want: failing, later: stays},
		{by: "D", fact: "2: service error, temporary", via: login(graph(2, "(#2) Service temporarily unavailable", transient)), want: failing, later: stays},
		{by: "D", fact: "is_transient: temporary, whatever the code", via: login(graph(190, "An unexpected error has occurred. Please retry your request later.", transient)), want: failing, later: stays},
		{by: "-", fact: "other codes: refused, and the log has the words", via: login(graph(36007, "Something that nobody knows")), want: refused(400, "provider_refused", "does not know the error of Instagram").atNode().saying("Something that nobody knows"), later: stays},
		{by: "L", fact: "X-App-Usage has call_volume and cpu_time, and says nothing of the end", via: login(limited(graph(4, "(#4) Application request limit reached"), "X-App-Usage", `{"call_volume":101,"cpu_time":27}`)), want: limit},
		{by: "D", fact: "X-App-Usage has call_count", via: login(limited(graph(4, "(#4) Application request limit reached"), "X-App-Usage", `{"call_count":101,"total_cputime":27,"total_time":30}`)), want: limit},
		{by: "D", fact: "X-Business-Use-Case-Usage tells in minutes when to come back, with any limit", via: login(limited(graph(4, "(#4) Application request limit reached"), "X-Business-Use-Case-Usage", caseUsage)), want: limit.retryAfter("420")},
		{by: "D", fact: "of several accounts and kinds the longest counts", via: login(limited(graph(17, "(#17) User request limit reached"), "X-Business-Use-Case-Usage", `{"1":[{"estimated_time_to_regain_access":0},{"estimated_time_to_regain_access":2}],"2":[{"type":"messenger","estimated_time_to_regain_access":3}]}`)), want: limit.retryAfter("180")},
		{by: "-", fact: "Retry-After counts, too", via: login(limited(graph(613, "(#613) Calls to this api have exceeded the rate limit."), "Retry-After", "30")), want: limit.retryAfter("30")},
	})
}
