package doctor_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// windowSays makes the window answer with a page.
func windowSays(status int, page string) func(*sitetest.DoctorEnv) {
	return misdeed(simulator.Window, simulator.Fault{Kind: simulator.Answer, Status: status, ContentType: "text/html; charset=utf-8", Body: "<!DOCTYPE html><html><head><title>Instagram</title></head><body>" + page})
}

func windowLeads(location string) func(*sitetest.DoctorEnv) {
	return misdeed(simulator.Window, simulator.Fault{Kind: simulator.Answer, Status: http.StatusFound, Header: http.Header{"Location": {location}}})
}

// errorRedirect makes the window redirect to its error page.
func errorRedirect(message string) func(*sitetest.DoctorEnv) {
	return misdeed(simulator.Window, simulator.Fault{Kind: simulator.ErrorRedirect, Body: message})
}

// windowSendsBack makes the window send everybody back with a query.
func windowSendsBack(query string) func(*sitetest.DoctorEnv) {
	return misdeed(simulator.Window, simulator.Fault{Kind: simulator.SendBack, Body: query})
}

// loginFirst is where Instagram sends a browser in which nobody is signed in.
const loginFirst = "/accounts/login/?force_authentication=1&platform_app_id=" + sitetest.AppID + "&next=%2Foauth%2Fauthorize%2Fthird_party%2F"

func TestTheDoctorReadsTheWindow(t *testing.T) {
	const invalid = "<h2>Invalid Request</h2><p>Invalid Request: Request parameters are invalid: "
	type row struct {
		name, mark string
		before     func(*sitetest.DoctorEnv)
		words      []string
	}
	rows := []row{
		{"a login first", "!", windowLeads(loginFirst), []string{"Instagram asks for a login first, so it is unknown", "so it is unknown whether it accepts " + sitetest.RedirectURI, "--browser"}},
		{"another host", "!", windowLeads("https://elsewhere.test/login"), []string{"redirects to another site", "https://elsewhere.test", "unknown whether"}},
		{"a way on", "!", windowLeads("/oauth/authorize/third_party/?client_id=" + sitetest.AppID), []string{"redirects to", "third_party", "unknown whether"}},
		{"another state", "!", windowLeads(sitetest.RedirectURI + "?code=x&state=y"), []string{"without a code for this login"}},
		{"an error page by address", "✗", errorRedirect("Invalid Request: Request parameters are invalid: Invalid redirect_uri"), []string{"Invalid redirect_uri", "slash included"}},
		{"an error page in another language", "✗", errorRedirect("開發"), []string{"window for " + sitetest.RedirectURI + ` says "\u958b\u767c"`, "Meta's dashboard"}},
		{"back with an error", "✗", windowSendsBack("error=invalid_scope"), []string{"scope names a permission"}},
		{"back with an account that is no tester", "✗", windowSendsBack("error=access_denied&error_reason=user_denied&error_description=Insufficient+developer+role"), []string{"access denied: user denied: Insufficient developer role", "development mode"}},
		{"back in Facebook's style", "✗", windowSendsBack("error_code=1349186&error_message=Invalid+redirect_uri"), []string{`says "Invalid redirect_uri", number 1349186`, "slash included"}},
		{"back with a fault of Instagram's", "✗", windowSendsBack("error=server_error"), []string{`says "server error"`, "try again later"}},
		{"back with words of the window's page", "✗", windowSendsBack("error=access_denied&error_reason=x&error_description=Session+Invalid"), []string{"Session Invalid", "three URLs"}},
		{"back with a limit", "!", windowSendsBack("error_code=4&error_message=Application+request+limit+reached"), []string{"did not say", "rate limit"}},
		{"back without a code", "!", windowSendsBack(""), []string{"without a code for this login"}},
		{"phrases of a script", "!", windowSays(200, `<script>{"x":"Invalid platform app"}</script>`), []string{"a script of the page", "invalid platform app", "if a browser shows that sentence, app_id is not"}},
		{"a limit", "!", misdeed(simulator.Window, simulator.Fault{Kind: simulator.RateLimit}), []string{"did not say", "rate limit"}},
		{"a proxy that fails", "✗", misdeed(simulator.Window, simulator.Fault{Kind: simulator.Status502}), []string{"status 502", "try again later"}},
		{"in JSON", "✗", says(simulator.Window, "Invalid redirect_uri"), []string{"Invalid redirect_uri", "slash included"}},
	}
	for _, status := range []int{200, 400} {
		for sentence, remedy := range map[string]string{
			"Invalid platform app":                                "not the Facebook app ID",
			"Invalid client_id":                                   "app_id is wrong",
			"Invalid Client ID":                                   "app_id is wrong",
			"Invalid redirect_uri":                                "slash included",
			"Invalid scope: user_profile":                         "scope names a permission",
			"No valid scopes requested":                           "scope names no permission",
			"Insufficient Developer Role":                         "development mode",
			"Redirect URI does not match registered redirect URI": "slash included",
		} {
			rows = append(rows, row{sentence, "✗", windowSays(status, invalid+sentence), []string{sentence, remedy}})
		}
		rows = append(rows,
			row{"Session Invalid", "✗", misdeed(simulator.Window, simulator.Fault{Kind: simulator.SessionInvalid, Status: status}), []string{`says "Session Invalid"`, "URLs", "pop-up"}},
			row{"page unavailable", "✗", misdeed(simulator.Window, simulator.Fault{Kind: simulator.PageUnavailable, Status: status}), []string{`says "Sorry, this page isn't available."`, "leave endpoints authorize out"}},
			row{"an unknown page", "!", windowSays(status, "<p>Oops, an error occurred.</p>"), []string{"shows a page with status", "unknown whether", "--browser"}},
		)
	}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			env := sitetest.NewDoctorEnv(t, sitetest.Config{})
			c.before(env)
			out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File())
			if (err == nil) != (c.mark == "!") || strings.Contains(out, "✓ window: ") {
				t.Errorf("%v:\n%s", err, out)
			}
			sitetest.WantFault(t, c.mark, out, append(c.words, "window")...)
		})
	}
}

// The demo's Instagram shows its own page to whoever asks.
func TestTheDoctorTakesTheSimulatorsOwnPageForGood(t *testing.T) {
	for _, api := range []instagram.API{instagram.InstagramLogin, instagram.BasicDisplay} {
		env := sitetest.NewDoctorEnv(t, sitetest.Config{Api: api, Window: "-"})
		out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File("app_id", "api "+string(api)+"\napp_id"))
		if err != nil || !strings.Contains(out, "✓ window: accepts app_id, scope and "+sitetest.RedirectURI+"\n") {
			t.Errorf("%s: %v\n%s", api, err, out)
		}
	}
}

func TestTheDoctorTellsOfEachRedirectURI(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	uris := []string{sitetest.Origin + "/one/", "https://third.test/two/"}
	file := env.File("example.test {", "example.test, third.test {", sitetest.RedirectURI, strings.Join(uris, " "))
	out, _ := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", file)
	for _, uri := range uris {
		if !strings.Contains(out, "✗ window: window for "+uri+" says ") {
			t.Errorf("nothing of %s:\n%s", uri, out)
		}
	}
}

func TestALoginDecidesWhatTheWindowDoesNotSay(t *testing.T) {
	const second = "https://third.test/two/"
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{second}})
	file := env.File("example.test {", "example.test, third.test {", sitetest.RedirectURI, sitetest.RedirectURI+" "+second)
	out, _, err := person(t, env, file, func(window string) string {
		address := opened(t, window)
		windowLeads(loginFirst)(env) // for the doctor, who has no account
		return address + "\n"
	})
	if err != nil || !strings.Contains(out, "✓ window: accepts app_id, scope and "+sitetest.RedirectURI+": the login proves it\n") {
		t.Errorf("%v\n%s", err, out)
	}
	sitetest.WantFault(t, "!", out, "window: ", "whether it accepts "+second, "sign in once at "+second)
	out, _, _ = person(t, env, env.File(), func(string) string { return "hello\n" })
	sitetest.WantFault(t, "!", out, "window: ", "whether it accepts "+sitetest.RedirectURI, "see the result of the login")
}
