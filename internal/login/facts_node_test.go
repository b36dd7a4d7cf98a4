package login_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// onlyAsked checks the only request for the user node.
func onlyAsked(check func(t *testing.T, r simulator.Recorded)) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		requests := s.Instagram.Requests(simulator.UserNode)
		if len(requests) != 1 {
			t.Fatalf("%d requests", len(requests))
		}
		check(t, requests[0])
	}
}

// askedAt fails the test unless the user node was asked for at this address.
func askedAt(address string) func(*testing.T, *scene) {
	return onlyAsked(func(t *testing.T, r simulator.Recorded) {
		if r.URL != address {
			t.Errorf("asked for %s, want %s", r.URL, address)
		}
	})
}

// nodes is a sign-in with this user node.
func nodes(node string) route { return login(on(simulator.Token, 200, tokenOfJay), person(node)) }

// famous is the account of the simulator with everything that a node can have.
func famous(c *simulator.Config) {
	c.Users = []simulator.User{{ID: sitetest.UserID, AppScopedID: sitetest.AppScopedID, Username: sitetest.Username, AccountType: "creator", Name: "Jay Posiris", Biography: "Sea and bread",
		Website: "https://jay.example/", PictureURL: "https://scontent.cdninstagram.com/v/t51/1.jpg?oh=1", Followers: 1287, Follows: 311, MediaCount: 9}}
}

const (
	allFields  = "fields name account_type followers_count follows_count media_count"
	allHeaders = "\nheaders {\n name X-Name\n account_type X-Type\n followers_count X-Followers\n follows_count X-Follows\n media_count X-Media\n}"
	appScoped  = "headers {\n app_scoped_id X-App-Scoped\n}"
	withType   = "fields account_type\nheaders {\n account_type X-Type\n}"
)

// typed is a sign-in with a spelling of the account type.
func typed(spelling string) route {
	return nodes(strings.Replace(nodeOfJay, "}", `,"account_type":"`+spelling+`"}`, 1)).with(withType)
}

// Section 3: the user node.
func TestFactsOfTheUserNode(t *testing.T) {
	picture := "https://scontent-ber1-1.cdninstagram.com/v/t51.2885-19/1_n.jpg?stp=dst-jpg_s206x206_tt6&_nc_cat=1&oh=" + strings.Repeat("0123456789", 33)
	runFacts(t, []fact{
		{by: "D", fact: "the version segment is optional: without one", via: login(), want: signedIn(jay).and(askedAt("/me?fields=id,user_id,username"))},
		{by: "D", fact: "the version segment is optional: with v26.0", via: versioned("v26.0"), want: signedIn(jay).and(askedAt("/v26.0/me?fields=id,user_id,username"))},
		{by: "D", fact: "unversioned follows the app's default", untestable: "it is a choice of Instagram's: all that Caddy sends is the same"},
		{by: "D", fact: "v26.0 is of 2026-07-29, v20 ended on 2026-09-24, v21 ends on 2027-01-21", untestable: "no answer shows it; the doctor compares the version of endpoints graph with these dates"},
		{by: "DL", fact: "the node can be asked for by the person's ID", via: login().with("user_node id"), want: signedIn(jay).and(askedAt("/" + sitetest.AppScopedID + "?fields=id,user_id,username"))},
		{by: "DL", fact: "Authorization: Bearer is read by graph.instagram.com: no URL has the token", via: login(),
			want: signedIn(jay).and(onlyAsked(func(t *testing.T, r simulator.Recorded) {
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer IGAA") || strings.Contains(r.URL, "IGAA") {
					t.Errorf("asked %s with Authorization %q", r.URL, r.Header.Get("Authorization"))
				}
			}))},
		{by: "D", fact: "the query parameter access_token is what the user node pages use: Caddy goes on with it where the header is not read",
			via: login().inside(func(c *simulator.Config) { c.NoBearer = true }), want: signedIn(jay).calling("token user user").and(inQueryAtLast)},
		{by: "D", fact: "basic_display: the token stands in the query, as in the tutorial", via: login().api(instagram.BasicDisplay), want: signedIn(jay).and(inQueryAtLast)},

		{by: "D", fact: "basic_display: the fields are id, username, account_type and media_count",
			via:  login().with("fields account_type media_count\nheaders {\n account_type X-Type\n media_count X-Media\n}").api(instagram.BasicDisplay),
			want: signedIn(jay, "X-Type: BUSINESS", "X-Media: 3")},
		{by: "D", fact: "instagram_login: the fields", via: login().with(allFields + allHeaders).inside(famous),
			want: signedIn(jay, "X-Name: Jay%20Posiris", "X-Type: MEDIA_CREATOR", "X-Followers: 1287", "X-Follows: 311", "X-Media: 9")},
		{by: "D", fact: "profile_picture_url is one of them: a short one reaches the site", via: login().with("fields profile_picture_url\nheaders {\n profile_picture_url X-Picture\n}").inside(famous), want: signedIn(jay, "X-Picture: https://scontent.cdninstagram.com/v/t51/1.jpg?oh=1")},
		{by: "L", fact: "biography and website work, too", via: login().with("fields biography website\nheaders {\n biography X-Bio\n website X-Site\n}").inside(famous),
			want: signedIn(jay, "X-Bio: Sea%20and%20bread", "X-Site: https://jay.example/")},
		{by: "L", fact: "a field that the node does not know spoils the whole call: the visitor is signed in without fields",
			via:  login(on(simulator.UserNode, 400, `{"error":{"message":"(#100) Tried accessing nonexisting field (website) on node type (IGUser)","type":"IGApiException","code":100,"fbtrace_id":"AbX"}}`).once()).with("fields name website\nheaders {\n name X-Name\n}"),
			want: signedIn(jay, "X-Name: ").calling("token user user").logging("warn Instagram refuses a field; visitors are signed in without all of fields")},
		{by: "D", fact: "basic_display: id is the token answer's user_id", via: login(on(simulator.Token, 200, `{"access_token":"IGQVJtoken","user_id":17841405793187218}`), person(`{"id":"17841405793187219","username":"jayposiris"}`)).api(instagram.BasicDisplay),
			want: refused(502, "bad_profile", "Instagram named two accounts").atNode()},
		{by: "D", fact: "instagram_login: user_id is the professional account's ID, id the app-scoped one", via: login().with(appScoped), want: signedIn(jay, "X-App-Scoped: "+sitetest.AppScopedID)},
		{by: "D", fact: "basic_display: a flat answer", via: login(on(simulator.Token, 200, `{"access_token":"IGQVJtoken","user_id":17841405793187218}`), person(`{"id":"17841405793187218","username":"jayposiris"}`)).api(instagram.BasicDisplay), want: signedIn(jay)},
		{by: "L", fact: "instagram_login: a flat answer", via: nodes(`{"user_id":"` + sitetest.UserID + `","username":"jayposiris","id":"` + sitetest.AppScopedID + `"}`), want: signedIn(jay)},
		{by: "D", fact: "instagram_login: wrapped in data, without id as in Meta's own sample", via: nodes(`{"data":[{"user_id":"` + sitetest.UserID + `","username":"jayposiris"}]}`).with(appScoped), want: signedIn(jay, "X-App-Scoped: "+sitetest.AppScopedID)},
		{by: "L", fact: "id comes unasked, mostly", via: nodes(`{"username":"jayposiris","user_id":"` + sitetest.UserID + `","id":"` + sitetest.AppScopedID + `","account_type":"BUSINESS"}`), want: signedIn(jay)},
		{by: "-", fact: "id,user_id,username is asked for", via: login(), want: signedIn(jay).and(askedAt("/me?fields=id,user_id,username"))},
		{by: "-", fact: "a node without id is accepted: the token answer's user_id is the app-scoped ID", via: login().with(appScoped).inside(func(c *simulator.Config) { c.NodeWithoutID = true }), want: signedIn(jay, "X-App-Scoped: "+sitetest.AppScopedID)},
		{by: "-", fact: "a node without id, and a token answer with the account's ID: there is no app-scoped ID", via: login().with(appScoped).inside(func(c *simulator.Config) { c.NodeWithoutID, c.TokenUserID = true, simulator.Account }), want: signedIn(jay, "X-App-Scoped: ")},
		{by: "L", fact: "account_type is MEDIA_CREATOR in live answers", via: typed("MEDIA_CREATOR"), want: signedIn(jay, "X-Type: MEDIA_CREATOR")},
		{by: "L", fact: "account_type is BUSINESS in live answers", via: typed("BUSINESS"), want: signedIn(jay, "X-Type: BUSINESS")},
		{by: "D", fact: "account_type is Media_Creator in the documentation: the site gets one spelling", via: typed("Media_Creator"), want: signedIn(jay, "X-Type: MEDIA_CREATOR")},
		{by: "D", fact: "account_type is Business in the documentation: the site gets one spelling", via: typed("Business"), want: signedIn(jay, "X-Type: BUSINESS")},
		{by: "L", fact: "a private account's node is its id alone", via: nodes(`{"id":"` + sitetest.AppScopedID + `"}`), want: refused(403, "private_account", "the account is private").ofVisitor().atNode(), later: stays},
		{by: "D", fact: "testers must be public", via: as(sitetest.Username, []simulator.User{{ID: sitetest.UserID, AppScopedID: sitetest.AppScopedID, Username: sitetest.Username, Private: true}}),
			want: refused(403, "private_account", "testers must be public").ofVisitor().atNode()},
		{by: "-", fact: "a node of somebody else signs nobody in", via: nodes(`{"id":"25025320822304914","user_id":"17841405822304914","username":"maria.sees"}`), want: refused(502, "bad_profile", "Instagram named two accounts").atNode(), later: stays},
		{by: "L", fact: "IDs of 16 digits exist, below 2^53", via: login(on(simulator.Token, 200, `{"access_token":"IGAAtoken","user_id":9876543210123456}`), person(`{"id":"9876543210123456","user_id":"1784140579318721","username":"jayposiris"}`)),
			want: signedIn("X-Instagram-User-Id: 1784140579318721")},
		{by: "L", fact: "profile_picture_url is about 400 bytes: it keeps nobody from signing in", via: nodes(strings.Replace(nodeOfJay, "}", `,"profile_picture_url":"`+picture+`"}`, 1)).with("fields profile_picture_url"), want: signedIn(jay)},
		{by: "L", fact: "profile_picture_url runs out after days", untestable: "the address looks the same when it has run out"},
		{by: "-", fact: "where user_id is missing, nobody gets another ID", via: login().inside(func(c *simulator.Config) { c.NodeWithoutUserID = true }), want: refused(502, "bad_profile", "did not send user_id").atNode()},
		{by: "-", fact: "the same in a wrapped answer", via: nodes(`{"data":[{"id":"` + sitetest.AppScopedID + `","username":"jayposiris"}]}`), want: refused(502, "bad_profile", "did not send user_id").atNode()},
		{by: "-", fact: "user_id that is null or empty is missing, too", via: nodes(`{"user_id":null,"id":"` + sitetest.AppScopedID + `","username":"jayposiris"}`), want: refused(502, "bad_profile", "did not send user_id").atNode()},
	})
}

// versioned is a sign-in with a version in endpoints graph.
func versioned(version string) route {
	h := login()
	h.config.Block = strings.Replace(sitetest.DefaultBlock(""), "endpoints {endpoints}", "endpoints {\n authorize {endpoints}/oauth/authorize\n token {endpoints}/oauth/access_token\n graph {endpoints}/"+version+"\n}", 1)
	return h
}

// inQueryAtLast fails the test unless the last request had the token in the query alone.
func inQueryAtLast(t *testing.T, s *scene) {
	requests := s.Instagram.Requests(simulator.UserNode)
	if last := requests[len(requests)-1]; !strings.Contains(last.URL, "&access_token=IG") || last.Header.Get("Authorization") != "" {
		t.Errorf("asked %s with Authorization %q", last.URL, last.Header.Get("Authorization"))
	}
}
