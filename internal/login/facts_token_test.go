package login_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// refusal is an answer of the token endpoint that refuses, with the statuses that were seen.
func refusalAtToken(message string) reply {
	return on(simulator.Token, 400, `{"error_type":"OAuthException","code":400,"error_message":"`+message+`"}`).withEach(400, 200)
}

// sentForm checks the only request to the token endpoint.
func sentForm(check func(t *testing.T, r simulator.Recorded)) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		requests := s.Instagram.Requests(simulator.Token)
		if len(requests) != 1 {
			t.Fatalf("%d requests", len(requests))
		}
		check(t, requests[0])
	}
}

// inOrderOf fails the test unless a text has these parts in their order.
func inOrderOf(t *testing.T, text string, parts ...string) {
	t.Helper()
	at := 0
	for _, part := range parts {
		next := strings.Index(text[at:], part)
		if next < 0 {
			t.Errorf("%q does not have %q behind the parts before it", text, part)
			return
		}
		at += next + len(part)
	}
}

// shaped is a sign-in with a shape of token answers, which wraps the user node as well.
func shaped(shape simulator.TokenShape) route {
	h := login()
	h.config.Shape = shape
	return h
}

// person is the user node of the usual account.
func person(node string) reply { return on(simulator.UserNode, 200, node) }

const (
	tokenOfJay = `{"access_token":"IGAAtoken","user_id":` + sitetest.AppScopedID + `,"permissions":["instagram_business_basic"]}`
	nodeOfJay  = `{"id":"` + sitetest.AppScopedID + `","user_id":"` + sitetest.UserID + `","username":"` + sitetest.Username + `"}`
)

// answeredWith is a sign-in with this token answer and the usual node.
func answeredWith(token string) route {
	return login(on(simulator.Token, 200, token), person(nodeOfJay))
}

// Section 2: the exchange of the code.
func TestFactsOfTheTokenExchange(t *testing.T) {
	const otherCode = "was used, is too old, or belongs to another app"
	runFacts(t, []fact{
		{by: "D", fact: "fields: client_id, client_secret, grant_type=authorization_code, redirect_uri and code", via: login(),
			want: signedIn(jay).and(sentForm(func(t *testing.T, r simulator.Recorded) {
				inOrderOf(t, r.Method+" "+r.URL+" "+r.Body, "POST /oauth/access_token ", "client_id="+sitetest.AppID, "client_secret="+sitetest.AppSecret, "grant_type=authorization_code", "redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F", "code=")
			}))},
		{by: "D", fact: "multipart/form-data works: basic_display sends it, as the tutorial does", via: login().api(instagram.BasicDisplay),
			want: signedIn(jay).and(sentForm(func(t *testing.T, r simulator.Recorded) {
				inOrderOf(t, r.Header.Get("Content-Type")+" "+r.Body, "multipart/form-data; boundary=", `name="client_id"`, `name="client_secret"`, `name="grant_type"`, `name="redirect_uri"`, `name="code"`)
			}))},
		{by: "L", fact: "urlencoded works: instagram_login sends it", via: login(),
			want: signedIn(jay).and(sentForm(func(t *testing.T, r simulator.Recorded) {
				inOrderOf(t, r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
			}))},
		{by: "D", fact: "no Basic auth and no PKCE", via: login(),
			want: signedIn(jay).and(sentForm(func(t *testing.T, r simulator.Recorded) {
				if r.Header.Get("Authorization") != "" || strings.Contains(r.Body, "code_verifier") {
					t.Errorf("sent %v %s", r.Header, r.Body)
				}
			}))},
		{by: "D", fact: "basic_display: access_token and user_id, a number above 2^53", via: login(on(simulator.Token, 200, `{"access_token":"IGQVJtoken","user_id":17841405793187218}`), on(simulator.UserNode, 200, `{"id":"17841405793187218","username":"jayposiris"}`)).api(instagram.BasicDisplay),
			want: signedIn(jay)},
		{by: "D", fact: "the number is not read as a float: its neighbour is somebody else", via: login(on(simulator.Token, 200, `{"access_token":"IGQVJtoken","user_id":17841405822304914}`), on(simulator.UserNode, 200, `{"id":"17841405822304915","username":"maria.saw"}`)).api(instagram.BasicDisplay),
			want: refused(502, "bad_profile", "Instagram named two accounts").atNode()},
		{by: "L", fact: "user_id a number, permissions a list", via: answeredWith(tokenOfJay), want: signedIn(jay, "X-Instagram-User-Id: "+sitetest.UserID)},
		{by: "D", fact: "wrapped in data, user_id and permissions are texts", via: answeredWith(`{"data":[{"access_token":"IGAAtoken","user_id":"` + sitetest.AppScopedID + `","permissions":"instagram_business_basic,instagram_business_manage_comments"}]}`), want: signedIn(jay)},
		{by: "D", fact: "wrapped, by the simulator, the user node as well", via: shaped(simulator.Wrapped), want: signedIn(jay)},
		{by: "L", fact: "wrapped in data, user_id a number, permissions a list", via: answeredWith(`{"data":[` + tokenOfJay + `]}`), want: signedIn(jay)},
		{by: "L", fact: "wrapped list, by the simulator", via: shaped(simulator.WrappedList), want: signedIn(jay)},
		{by: "L", fact: "user_id is the app-scoped ID, the node's id", via: login().inside(func(c *simulator.Config) { c.TokenUserID = simulator.AppScoped }), want: signedIn(jay)},
		{by: "S", fact: "user_id is the professional account's ID in one walk-through", via: login().inside(func(c *simulator.Config) { c.TokenUserID = simulator.Account }), want: signedIn(jay)},
		{by: "-", fact: "user_id of a third person signs nobody in", via: answeredWith(strings.Replace(tokenOfJay, sitetest.AppScopedID, "25025320793187219", 1)), want: refused(502, "bad_profile", "Instagram named two accounts").atNode()},

		{by: "L", fact: "today's refusal of a code: Invalid authorization code", via: login(refusalAtToken("Invalid authorization code")), want: refused(400, "provider_refused", otherCode).ofVisitor().atToken().saying("Invalid authorization code")},
		{by: "D", fact: "Matching code was not found or was already used", via: login(refusalAtToken("Matching code was not found or was already used")), want: refused(400, "provider_refused", "unknown or used").ofVisitor().atToken().saying("Matching code")},
		{by: "D", fact: "This authorization code has been used", via: login(refusalAtToken("This authorization code has been used")), want: refused(400, "provider_refused", "was used before").ofVisitor().atToken().saying("has been used")},
		{by: "D", fact: "This authorization code has expired", via: login(refusalAtToken("This authorization code has expired")), want: refused(400, "provider_refused", "had expired").ofVisitor().atToken().saying("has expired")},
		{by: "L", fact: "a redirect_uri that differs from the window's", via: login(refusalAtToken("Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request")),
			want: refused(400, "provider_refused", "redirect_uri differs").atToken().saying("redirect_uri is identical")},
		{by: "D", fact: "Invalid redirect_uri", via: login(refusalAtToken("Invalid redirect_uri")), want: refused(400, "provider_refused", "redirect_uri is not registered").atToken().saying("Invalid redirect_uri")},
		{by: "S", fact: "Invalid scrubbed redirect_uri", via: login(refusalAtToken("Invalid scrubbed redirect_uri")), want: refused(400, "provider_refused", "redirect_uri is not registered").atToken().saying("scrubbed")},
		{by: "D", fact: "Error validating client secret.", via: login(refusalAtToken("Error validating client secret.")), want: refused(400, "provider_refused", "copy the Instagram app secret").atToken().saying("client secret")},
		{by: "D", fact: "Invalid platform app", via: login(refusalAtToken("Invalid platform app")), want: refused(400, "provider_refused", "use the Instagram app ID").atToken().saying("Invalid platform app")},
		{by: "D", fact: "Invalid client_id", via: login(refusalAtToken("Invalid client_id")), want: refused(400, "provider_refused", "app_id is wrong").atToken().saying("Invalid client_id")},
		{by: "D", fact: "Insufficient developer role", via: login(refusalAtToken("Insufficient developer role")), want: refused(400, "provider_refused", "is not one of its testers").atToken().saying("developer role")},
		{by: "D", fact: "Missing required field code", via: login(refusalAtToken("Missing required field code")), want: refused(400, "provider_refused", "does not know the error of Instagram").atToken().saying("Missing required field code")},
		{by: "D", fact: "the older messages of a code, by the simulator", via: login().inside(func(c *simulator.Config) { c.OldCodeErrors, c.CodeLifetime = true, 1 }), want: refused(400, "provider_refused", "had expired").ofVisitor().atToken().saying("has expired")},
		{by: "L", fact: "an error of the graph's style occurs here, too", via: login(on(simulator.Token, 400, `{"error":{"message":"Error validating client secret.","type":"OAuthException","code":1,"fbtrace_id":"A7tOkEn"}}`).withEach(400, 200)),
			want: refused(502, "provider_error", "copy the Instagram app secret").atToken().saying("A7tOkEn")},
		{by: "L", fact: "an app that Meta has restricted may be refused here already", via: login(on(simulator.Token, 400, `{"error":{"message":"API access blocked.","type":"OAuthException","code":200}}`)).alone(),
			want: refused(503, "app_blocked", "Meta has restricted the app").atToken().retryAfter("60").logging("error nobody can sign in: Meta has restricted the app")},
		{by: "S", fact: "instagram.com distrusts the address: 401 with a message and status fail", via: login(on(simulator.Token, 401, `{"message":"Please wait a few minutes before you try again.","status":"fail"}`)),
			want: refused(502, "provider_error", "does not trust the IP address").atToken().saying("Please wait a few minutes")},
		{by: "S", fact: "the same with further members and status 200", via: login(on(simulator.Token, 200, `{"message":"Please wait a few minutes before you try again.","require_login":true,"igweb_rollout":true,"status":"fail"}`)),
			want: refused(502, "provider_error", "does not trust the IP address").atToken().saying("Please wait a few minutes")},
	})
}
