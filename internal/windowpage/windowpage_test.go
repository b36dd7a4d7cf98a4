package windowpage_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

const (
	redirectURI = "https://example.test/auth/"
	probeState  = "state-of-the-probe"
	appID       = "990602627938098"
	window      = "https://www.instagram.com/oauth/authorize?client_id=" + appID + "&response_type=code&scope=instagram_business_basic&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&state=" + probeState
)

// answers is the answer to a request of the window.
func answers(t *testing.T, status int, location, body string) instagram.WindowAnswer {
	t.Helper()
	asked, err := url.Parse(window)
	if err != nil {
		t.Fatal(err)
	}
	return instagram.WindowAnswer{Asked: asked, Status: status, Location: location, Body: body}
}

// judged is the verdict about a page.
func judged(t *testing.T, status int, body string) windowpage.Verdict {
	t.Helper()
	return windowpage.Judge(answers(t, status, "", body), redirectURI)
}

// led is the verdict about a redirect.
func led(t *testing.T, location string) windowpage.Verdict {
	t.Helper()
	return windowpage.Judge(answers(t, 302, location, ""), redirectURI)
}

// errorPages are pages of the window by what it says there. Of the sentences that are seen live
// the wording is theirs, and the markup is made up: nobody has kept one.
var errorPages = map[string]string{
	"<p>Invalid Request: Request parameters are invalid: Invalid platform app</p>":                                                                          "Invalid Request: Request parameters are invalid: Invalid platform app",
	"<h2>Invalid Request</h2><p>Request parameters are invalid: Invalid redirect_uri":                                                                       "Request parameters are invalid: Invalid redirect_uri",
	"Invalid Request: Request parameters are invalid: Invalid scope: user_profile":                                                                          "Invalid Request: Request parameters are invalid: Invalid scope: user_profile",
	"<div>Ungültige Anfrage: Anfrageparameter sind ungültig: Invalid platform app":                                                                          "Ungültige Anfrage: Anfrageparameter sind ungültig: Invalid platform app",
	"<h2>Sorry, this page isn’t available.</h2><p>The link you followed may be broken":                                                                      "Sorry, this page isn't available.",
	"<h2>Sorry, this page isn&#39;t&nbsp;available.</h2>":                                                                                                   "Sorry, this page isn't available.",
	"SORRY,\n\tTHIS PAGE ISN&rsquo;T AVAILABLE":                                                                                                             "SORRY, THIS PAGE ISN'T AVAILABLE",
	"<h1>400</h1><div>Session Invalid</div>":                                                                                                                "Session Invalid",
	"400 Session Invalid. Error validating access token: You cannot access the app till you log in to www.instagram.com and follow the instructions given.": "400 Session Invalid. Error validating access token: You cannot access the app till you log in to www.instagram.com and follow the instructions given.",
	"<p>Insufficient Developer Role</p>":                                                                                                                    "Insufficient Developer Role",
	"Redirect URI does not match registered             redirect URI":                                                                                       "Redirect URI does not match registered redirect URI",
	"<p>Invalid <b>Client ID</b></p>":                                                                                                                       "Invalid Client ID",
	"Invalid redirect<wbr>_uri":                                                                                                                             "Invalid redirect_uri",
	"Invalid\u00a0redirect\u200b_uri":                                                                                                                       "Invalid redirect_uri",
	"<p>No valid scopes<br>requested":                                                                                                                       "No valid scopes requested",
	"<script>var a = 1</script\n>Invalid response_type":                                                                                                     "Invalid response_type",
	"<style>p > a { }</style><p title='>'>Invalid scope":                                                                                                    "Invalid scope",
	"<!-- no --><!--> Session Invalid":                                                                                                                      "Session Invalid",
	"<!--- --!>Session Invalid":                                                                                                                             "Session Invalid",
	"<p data-x=\"<script>\">Session Invalid":                                                                                                                "Session Invalid",
	"a < b, 2 <3, </> Session Invalid":                                                                                                                      "a < b, 2 <3, Session Invalid",
	"<title>Session Invalid • Instagram</title><h1>Session Invalid</h1>":                                                                                    "Session Invalid",
	"<title>Session Invalid • Instagram</title><h1>400</h1>":                                                                                                "Session Invalid • Instagram",
	"<title>Page Not Found</title><p>Sorry, this page isn't available.<p>or: Invalid platform app":                                                          "or: Invalid platform app",
	strings.Repeat("x", 300) + " Invalid scope: ['user_profile']":                                                                                           "Invalid scope: ['user_profile']",
	"<script>" + strings.Repeat("x", 500_000) + "</script>Invalid scope":                                                                                    "Invalid scope",
	`{"error_type": "OAuthException", "code": 400, "error_message": "Invalid scope field(s): follower_list"}`:                                               "Invalid scope field(s): follower_list",
	`{"code": 403, "error_type": "oAuthForbiddenException", "error_message": "a word that nobody knows"}`:                                                   "a word that nobody knows",
}

func TestTheWindowsSentencesAreFoundInItsPage(t *testing.T) {
	for body, says := range errorPages {
		for _, status := range []int{200, 400, 403, 404} {
			v := judged(t, status, body)
			if failure := v.Err; failure == nil || failure.Kind != instagram.Refused || failure.Message != says || failure.Status != status || failure.Endpoint != instagram.WindowEndpoint || v != (windowpage.Verdict{Err: failure}) {
				t.Errorf("%.200q with %d: %+v", body, status, v)
			}
		}
		if failure := windowpage.Copied(body); failure == nil || failure.Message != says {
			t.Errorf("%.200q, copied: %+v, want %q", body, failure, says)
		}
	}
}

// consent is a page that asks for consent, as the simulator's does.
const consent = `<!DOCTYPE html><html lang="en"><head><title>Sign in to Test site</title></head><body><main>
<h1>Test site asks for access to your account</h1>
<form method="post"><fieldset><label><input type="radio" name="user" value="jayposiris" checked> jayposiris</label></fieldset>
<button id="allow" name="action" value="allow">Allow</button> <button name="action" value="cancel">Cancel</button>
<p>You will go back to <strong>example.test</strong>.</p></form></main></body></html>`

func TestTheWindowIsTakenForGoodWhereItShowsConsentAlone(t *testing.T) {
	change := func(changes ...string) string { return strings.NewReplacer(changes...).Replace(consent) }
	const form, button = `<form method="post">`, `<button id="allow" name="action" value="allow">Allow</button>`
	for name, body := range map[string]string{
		"as the simulator's":   consent,
		"an address":           change(form, `<form method="POST" action="/oauth/authorize?state=`+probeState+`&amp;x=1">`),
		"a hidden field":       change(form, `<form action='/allow' method=post><input type=hidden name=state value=`+probeState+`>`),
		"an input":             change(button, `<input type=submit value="Allow">`),
		"a button by its word": change(button, `<button><span> ALLOW </span></button>`),
	} {
		if v := judged(t, 200, body); v != (windowpage.Verdict{Accepted: true}) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"with a status of 400":   {400, consent},
		"without the host":       {200, change("example.test", "elsewhere.test")},
		"to be read in a script": {200, "<script>" + consent},
		"with another address":   {200, change(form, `<form method="post" action="/allow">`)},
		"with another state":     {200, change(form, `<form method="post" action="/oauth/authorize?state=x">`)},
		"of another host":        {200, change(form, `<form method="post" action="https://elsewhere.test/?state=`+probeState+`">`)},
		"with a broken address":  {200, change(form, `<form method="post" action="%zz:">`)},
		"of a search":            {200, change(form, `<form>`)},
		"without a button":       {200, change(button, "")},
		"of a login":             {200, change(button, button+`<input type=password name=p>`)},
		"behind the form":        {200, change(button, "</form>"+button)},
	} {
		if v := judged(t, c.status, c.body); v.Accepted || v.Err != nil || v.Shows == "" || v.Perhaps != nil {
			t.Errorf("a form %s: %+v", name, v)
		}
	}
}

func TestAWindowThatSaysNeitherYesNorNoIsNotTakenForGood(t *testing.T) {
	login := "/accounts/login/?force_authentication=1&platform_app_id=" + appID + "&enable_fb_login=1&next=https%3A%2F%2Fwww.instagram.com%2Foauth%2Fauthorize%2Fthird_party%2F"
	const phrases = `<script>{"a":"Sorry, this page isn\u2019t available.","b":"Invalid platform app"}</script>`
	for name, c := range map[string]struct {
		verdict windowpage.Verdict
		shows   string
		perhaps string
	}{
		"a page":                     {judged(t, 200, "<html>"), "shows a page with status 200", ""},
		"no page":                    {judged(t, 204, ""), "shows a page with status 204", ""},
		"a page of errors":           {judged(t, 404, "<p>Oops, an error occurred."), "shows a page with status 404", ""},
		"cookies are missing":        {judged(t, 200, "<h2>Error</h2>This page could not be loaded. If you have cookies disabled in your browser, or you are browsing in Private Mode, please try enabling cookies"), "shows a page with status 200", ""},
		"too many requests":          {judged(t, 403, "<h1>Forbidden</h1>"), "shows a page with status 403", ""},
		"phrases of a script":        {judged(t, 200, "<p>Instagram"+phrases), "shows a page with status 200", "invalid platform app"},
		"a phrase of a script":       {judged(t, 400, `<script>x = 'Sorry, this page isn\'t available'</script>`), "shows a page with status 400", "sorry, this page isn't available"},
		"a comment":                  {judged(t, 400, "<!-- Invalid scope -->"), "shows a page with status 400", ""},
		"an attribute":               {judged(t, 400, `<p title="Invalid scope">Hm`), "shows a page with status 400", ""},
		"words of two words":         {judged(t, 400, "<p>invalid</p> <img> scopes"), "shows a page with status 400", ""},
		"a page that is cut off":     {judged(t, 400, "<p>Hm<script>Invalid scope"), "shows a page with status 400", "invalid scope"},
		"a login":                    {led(t, login), "asks for a login first", ""},
		"a login of this host":       {led(t, "/accounts/login/"), "asks for a login first", ""},
		"a page of a login":          {judged(t, 200, "<form method=post><input type=PASSWORD>"), "asks for a login first", ""},
		"elsewhere":                  {led(t, "https://elsewhere.test/login"), `redirects to another site, "https://elsewhere.test"`, ""},
		"a look-alike":               {led(t, "https://www.instagram.com.elsewhere.test/accounts/login/"), "redirects to another site", ""},
		"a way on":                   {led(t, "/oauth/authorize/third_party/?client_id="+appID), `redirects to "/oauth/authorize/third_party/"`, ""},
		"an error that says nothing": {led(t, "/oauth/authorize/third_party/error/"), `redirects to "/oauth/authorize/third_party/error/"`, ""},
		"nowhere":                    {led(t, ""), "redirects to no address", ""},
		"no address":                 {led(t, "https://%zz/"), "redirects to no address", ""},
		"JSON":                       {judged(t, 200, `{"a":1}`), "shows a page with status 200", ""},
		"JSON of the website":        {judged(t, 401, `{"message":"Please wait a few minutes before you try again.","status":"fail"}`), "shows a page with status 401", ""},
	} {
		v := c.verdict
		if v.Err != nil || v.Accepted || !strings.HasPrefix(v.Shows, c.shows) {
			t.Errorf("%s: %+v", name, v)
		}
		if (v.Perhaps == nil) != (c.perhaps == "") || v.Perhaps != nil && v.Perhaps.Message != c.perhaps {
			t.Errorf("%s: a script says %+v", name, v.Perhaps)
		}
	}
}

func TestARedirectOfTheWindowToItsErrorPageIsARefusal(t *testing.T) {
	for location, says := range map[string]string{
		"/oauth/authorize/third_party/error/?message=Insufficient%20Developer%20Role":                                           "Insufficient Developer Role",
		"/oauth/authorize/third_party/error/?message=Invalid+Request%3A+Request+parameters+are+invalid%3A+Invalid+redirect_uri": "Invalid Request: Request parameters are invalid: Invalid redirect_uri",
		"/oauth/authorize/third_party/error/?message=開發人員角色不足":                                                                  "開發人員角色不足",
		"/oauth/authorize/error.json?error_message=An+unknown+error+has+occurred.&error_code=1":                                 "An unknown error has occurred.",
		"/oauth/authorize/third_party/error?message=bad+state+" + probeState:                                                    "bad state ***",
	} {
		v := led(t, location)
		if v.Err == nil || v.Err.Kind != instagram.Refused || v.Err.Message != says || v != (windowpage.Verdict{Err: v.Err}) {
			t.Errorf("%s: %+v", location, v)
		}
	}
}

func TestAWindowThatFailsIsAnError(t *testing.T) {
	for body, says := range map[string]string{
		"<p>Bad gateway": "status 502",
		`{"error_type":"O","code":500,"error_message":"Invalid scope"}`: "Invalid scope",
	} {
		if v := judged(t, 502, body); v.Err == nil || v.Err.Kind != instagram.BadAnswer || v != (windowpage.Verdict{Err: v.Err}) || !strings.Contains(v.Err.Error(), says) {
			t.Errorf("%s: %+v", body, v)
		}
	}
}

func TestARedirectToTheRedirectURIIsTold(t *testing.T) {
	for _, c := range []struct {
		status   int
		location string
		query    string
		ok       bool
	}{
		{302, redirectURI + "?code=AQx&state=s#_", "code=AQx&state=s", true},
		{303, redirectURI + "?error=x", "error=x", true},
		{302, redirectURI, "", true},
		{200, redirectURI + "?code=x", "", false},
		{302, strings.TrimSuffix(redirectURI, "/") + "?code=x", "", false},
		{302, "https://elsewhere.test/auth/?code=x", "", false},
		{302, "", "", false},
		{302, "https://%zz/", "", false},
	} {
		if query, ok := windowpage.SentBack(answers(t, c.status, c.location, ""), redirectURI); query != c.query || ok != c.ok {
			t.Errorf("%d to %q: %q, %v", c.status, c.location, query, ok)
		}
	}
}

func TestOtherHostsOfInstagramBelongToTheWindow(t *testing.T) {
	const path = "/oauth/authorize/third_party/error/?message=Invalid+scope"
	for host, same := range map[string]bool{
		"https://www.instagram.com": true, "https://instagram.com": true, "https://API.instagram.com": true, "": true, "//www.instagram.com": true,
		"http://www.instagram.com": false, "https://notinstagram.com": false, "https://www.instagram.com.elsewhere.test": false, "https://www.instagram.com:444": false,
	} {
		if v := led(t, host+path); (v.Err != nil) != same || v.Err == nil && !strings.HasPrefix(v.Shows, "redirects to another site") {
			t.Errorf("%s: %+v", host, v)
		}
	}
}

// Each of these has the reader of pages start again and again. What is looked for over and over up
// to the end of a page takes minutes here.
func TestAPageOfManyPiecesIsReadInOneGo(t *testing.T) {
	for _, piece := range []string{"<!---->", "<!----!>", "<", "</", "<a ", "<a b=c>", "<a b='", "<script></scrip", "<script></script>", "</a", "&am", "<p>", "<form><button>", "--!", "{", "<template>", "<title>", "<script><!--<script>", "<p a a=1 "} {
		if v := judged(t, 200, strings.Repeat(piece, 1<<20/len(piece))); v.Err != nil || v.Accepted {
			t.Errorf("%s: %+v", piece, v)
		}
	}
}

func TestWordsThatAreNotTheWindowsAreNoError(t *testing.T) {
	for _, copied := range []string{"", "hello", "<html>", "<script>Invalid scope</script>", redirectURI + "?code=x", "https://www.instagram.com/accounts/login/?message=Invalid+scope", "https://elsewhere.test/?message=Invalid+scope", "https://www.instagram.com/oauth/authorize/third_party/error/"} {
		if failure := windowpage.Copied(copied); failure != nil {
			t.Errorf("%q: %+v", copied, failure)
		}
	}
	if failure := windowpage.Copied("Instagram\r\nInvalid Request\r\nRequest parameters are invalid: Invalid redirect_uri\r\nMeta\r\nAbout"); failure == nil || failure.Message != "Request parameters are invalid: Invalid redirect_uri" {
		t.Errorf("several lines: %+v", failure)
	}
	page := " https://www.instagram.com/oauth/authorize/third_party/error/?message=Insufficient%20Developer%20Role\n"
	if failure := windowpage.Copied(page); failure == nil || failure.Message != "Insufficient Developer Role" || !strings.Contains(failure.Remedy(), "tester") {
		t.Errorf("the address of the error page: %+v", failure)
	}
}
