package instagram_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

const probeState = "state-of-the-probe"

// shows is a window that answers with a page.
func shows(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func leads(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
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
	"<title>Page Not Found</title><p>Sorry, this page isn't available.<p>or: Invalid platform app":                                                          "or: Invalid platform app",
	strings.Repeat("x", 300) + " Invalid scope: ['user_profile']":                                                                                           "Invalid scope: ['user_profile']",
	"<script>" + strings.Repeat("x", 500_000) + "</script>Invalid scope":                                                                                    "Invalid scope",
	`{"error_type": "OAuthException", "code": 400, "error_message": "Invalid scope field(s): follower_list"}`:                                               "Invalid scope field(s): follower_list",
	`{"code": 403, "error_type": "oAuthForbiddenException", "error_message": "a word that nobody knows"}`:                                                   "a word that nobody knows",
}

func TestTheWindowsSentencesAreFoundInItsPage(t *testing.T) {
	for body, says := range errorPages {
		for _, status := range []int{200, 400, 403, 404} {
			window, err := serve(t, shows(status, body)).ProbeWindow(t.Context(), redirectURI, probeState)
			failure := wantKind(t, err, instagram.Refused)
			if failure.Message != says || failure.Status != status || failure.Endpoint != instagram.WindowEndpoint || window != (instagram.Window{}) {
				t.Errorf("%.200q with %d: %+v, %+v", body, status, window, failure)
			}
		}
		if failure := instagram.WindowError(body); failure == nil || failure.Message != says {
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
		if window, err := serve(t, shows(200, body)).ProbeWindow(t.Context(), redirectURI, probeState); err != nil || window != (instagram.Window{Accepted: true}) {
			t.Errorf("%s: %+v, %v", name, window, err)
		}
	}
	back := redirectURI + "?code=AQx&state=" + probeState + "#_"
	if window, err := serve(t, leads(back)).ProbeWindow(t.Context(), redirectURI, probeState); err != nil || !window.Accepted {
		t.Errorf("a redirect with a code: %+v, %v", window, err)
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
		window, err := serve(t, shows(c.status, c.body)).ProbeWindow(t.Context(), redirectURI, probeState)
		if err != nil || window.Accepted || window.Shows == "" || window.Perhaps != nil {
			t.Errorf("a form %s: %+v, %v", name, window, err)
		}
	}
}

func TestAWindowThatSaysNeitherYesNorNoIsNotTakenForGood(t *testing.T) {
	login := "/accounts/login/?force_authentication=1&platform_app_id=" + appID + "&enable_fb_login=1&next=https%3A%2F%2Fwww.instagram.com%2Foauth%2Fauthorize%2Fthird_party%2F"
	const phrases = `<script>{"a":"Sorry, this page isn\u2019t available.","b":"Invalid platform app"}</script>`
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		shows   string
		perhaps string
	}{
		"a page":                     {shows(200, "<html>"), "shows a page with status 200", ""},
		"no page":                    {shows(204, ""), "shows a page with status 204", ""},
		"a page of errors":           {shows(404, "<p>Oops, an error occurred."), "shows a page with status 404", ""},
		"cookies are missing":        {shows(200, "<h2>Error</h2>This page could not be loaded. If you have cookies disabled in your browser, or you are browsing in Private Mode, please try enabling cookies"), "shows a page with status 200", ""},
		"too many requests":          {shows(403, "<h1>Forbidden</h1>"), "shows a page with status 403", ""},
		"phrases of a script":        {shows(200, "<p>Instagram"+phrases), "shows a page with status 200", "invalid platform app"},
		"a phrase of a script":       {shows(400, `<script>x = 'Sorry, this page isn\'t available'</script>`), "shows a page with status 400", "sorry, this page isn't available"},
		"a comment":                  {shows(400, "<!-- Invalid scope -->"), "shows a page with status 400", ""},
		"an attribute":               {shows(400, `<p title="Invalid scope">Hm`), "shows a page with status 400", ""},
		"words of two words":         {shows(400, "<p>invalid</p> <img> scopes"), "shows a page with status 400", ""},
		"a page that is cut off":     {shows(400, "<p>Hm<script>Invalid scope"), "shows a page with status 400", "invalid scope"},
		"behind the limit":           {shows(400, strings.Repeat(" ", 1<<20)+"Invalid scope"), "shows a page with status 400", ""},
		"a login":                    {leads(login), "asks for a login first", ""},
		"a login of this host":       {leads("/accounts/login/"), "asks for a login first", ""},
		"a page of a login":          {shows(200, "<form method=post><input type=PASSWORD>"), "asks for a login first", ""},
		"elsewhere":                  {leads("https://elsewhere.test/login"), `redirects to another site, "https://elsewhere.test"`, ""},
		"a look-alike":               {leads("https://www.instagram.com.elsewhere.test/accounts/login/"), "redirects to another site", ""},
		"a way on":                   {leads("/oauth/authorize/third_party/?client_id=" + appID), `redirects to "/oauth/authorize/third_party/"`, ""},
		"an error that says nothing": {leads("/oauth/authorize/third_party/error/"), `redirects to "/oauth/authorize/third_party/error/"`, ""},
		"nowhere":                    {leads(""), "redirects to no address", ""},
		"no address":                 {leads("https://%zz/"), "redirects to no address", ""},
		"back without a code":        {leads(redirectURI), "redirects to the redirect URI without a code for this login", ""},
		"back with another state":    {leads(redirectURI + "?code=x&state=y"), "redirects to the redirect URI without a code for this login", ""},
		"JSON":                       {answer(200, `{"a":1}`), "shows a page with status 200", ""},
		"JSON of the website":        {answer(401, `{"message":"Please wait a few minutes before you try again.","status":"fail"}`), "shows a page with status 401", ""},
	} {
		window, err := serve(t, c.handler).ProbeWindow(t.Context(), redirectURI, probeState)
		if err != nil || window.Accepted || !strings.HasPrefix(window.Shows, c.shows) {
			t.Errorf("%s: %+v, %v", name, window, err)
		}
		if (window.Perhaps == nil) != (c.perhaps == "") || window.Perhaps != nil && window.Perhaps.Message != c.perhaps {
			t.Errorf("%s: a script says %+v", name, window.Perhaps)
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
		redirectURI + "?error=invalid_scope&state=" + probeState:                                                                "invalid scope",
		redirectURI + "?error=access_denied&error_reason=user_denied&error_description=Insufficient+developer+role":             "access denied: user denied: Insufficient developer role",
		redirectURI + "?error_code=1349186&error_message=Invalid+redirect_uri":                                                  "Invalid redirect_uri",
		redirectURI + "?error=server_error":                                                                                     "server error",
	} {
		window, err := serve(t, leads(location)).ProbeWindow(t.Context(), redirectURI, probeState)
		if failure := wantKind(t, err, instagram.Refused); failure.Message != says || window != (instagram.Window{}) {
			t.Errorf("%s: %+v, %+v", location, window, failure)
		}
	}
}

func TestAWindowThatFailsIsAnError(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("<html>"))
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"a broken server":           {shows(502, "<p>Bad gateway"), "status 502"},
		"a broken server in JSON":   {answer(500, `{"error_type":"O","code":500,"error_message":"Invalid scope"}`), "Invalid scope"},
		"an answer that breaks off": {cut, "EOF"},
	} {
		window, err := serve(t, c.handler).ProbeWindow(t.Context(), redirectURI, probeState)
		if failure := wantKind(t, err, instagram.BadAnswer); window != (instagram.Window{}) || !strings.Contains(failure.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, window, err)
		}
	}
	unreachable := func(c *instagram.Config) { c.Endpoints.Authorize = "http://127.0.0.1:1/oauth/authorize" }
	_, err := serve(t, shows(200, ""), unreachable).ProbeWindow(t.Context(), redirectURI, probeState)
	wantKind(t, err, instagram.Unreachable)
	if _, err := serve(t, leads("https://%zz/?state="+probeState)).ProbeWindow(t.Context(), redirectURI, probeState); err != nil {
		t.Errorf("an address that is none: %v", err)
	}
}

// Each of these has the reader of pages start again and again. What is looked for over and over up
// to the end of a page takes minutes here.
func TestAPageOfManyPiecesIsReadInOneGo(t *testing.T) {
	for _, piece := range []string{"<!---->", "<!----!>", "<", "</", "<a ", "<a b=c>", "<a b='", "<script></scrip", "<script></script>", "</a", "&am", "<p>", "<form><button>", "--!", "{"} {
		window, err := serve(t, shows(200, strings.Repeat(piece, 1<<20/len(piece)))).ProbeWindow(t.Context(), redirectURI, probeState)
		if err != nil || window.Accepted {
			t.Errorf("%s: %+v, %v", piece, window, err)
		}
	}
}

func TestTheWindowIsAskedAsByABrowserAndNowhereElse(t *testing.T) {
	asked := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		query := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/oauth/authorize" || query.Get("client_id") != appID || query.Get("state") != probeState || query.Get("redirect_uri") != redirectURI {
			t.Errorf("request = %s %s", r.Method, r.URL)
		}
		if r.Header.Get("Accept") != "text/html" || r.Header.Get("Accept-Language") != "en" || r.Header.Get("Cookie") != "" {
			t.Errorf("header = %v", r.Header)
		}
		leads("/oauth/authorize/third_party/?x")(w, r)
	})
	if _, err := client.ProbeWindow(t.Context(), redirectURI, probeState); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestWordsThatAreNotTheWindowsAreNoError(t *testing.T) {
	for _, copied := range []string{"", "hello", "<html>", "<script>Invalid scope</script>", redirectURI + "?code=x", "https://www.instagram.com/accounts/login/?message=Invalid+scope", "https://elsewhere.test/?message=Invalid+scope", "https://www.instagram.com/oauth/authorize/third_party/error/"} {
		if failure := instagram.WindowError(copied); failure != nil {
			t.Errorf("%q: %+v", copied, failure)
		}
	}
	if failure := instagram.WindowError("Instagram\r\nInvalid Request\r\nRequest parameters are invalid: Invalid redirect_uri\r\nMeta\r\nAbout"); failure == nil || failure.Message != "Request parameters are invalid: Invalid redirect_uri" {
		t.Errorf("several lines: %+v", failure)
	}
	page := " https://www.instagram.com/oauth/authorize/third_party/error/?message=Insufficient%20Developer%20Role\n"
	if failure := instagram.WindowError(page); failure == nil || failure.Message != "Insufficient Developer Role" || !strings.Contains(failure.Remedy(), "tester") {
		t.Errorf("the address of the error page: %+v", failure)
	}
}
