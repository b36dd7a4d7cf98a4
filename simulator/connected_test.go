package simulator_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

const connected = "/accounts/manage_access/"

// browser gives the client a cookie jar of its own, as another browser would have.
func (i *instagram) browser() *instagram {
	i.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		i.t.Fatal(err)
	}
	client := *i.http
	client.Jar = jar
	other := *i
	other.http = &client
	return &other
}

// choose presses a button of the page of connected apps.
func (i *instagram) choose(action, user string, headers ...string) answer {
	i.t.Helper()
	form := url.Values{"action": {action}, "user": {user}}
	request, err := http.NewRequest(http.MethodPost, i.url+connected, strings.NewReader(form.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for n := 0; n < len(headers); n += 2 {
			request.Header.Set(headers[n], headers[n+1])
		}
	}
	return i.do(request, err)
}

// wantShown fails the test unless an answer has a status and shows some texts.
func wantShown(t *testing.T, got answer, status int, texts ...string) {
	t.Helper()
	if got.StatusCode != status {
		t.Errorf("answer = %s, want %d", got.Status, status)
	}
	for _, text := range texts {
		if !strings.Contains(got.body, text) {
			t.Errorf("the page lacks %q:\n%s", text, got.body[strings.Index(got.body, "<main>")+6:])
		}
	}
}

func TestAPersonRemovesTheAppOnThePageOfConnectedApps(t *testing.T) {
	a := startApp(t)
	i := start(t, registered(a)).browser()
	wantShown(t, i.get(connected, nil), http.StatusOK, "<h1>Sign in</h1>", `value="jayposiris"`, `value="maria.sees"`)

	token := i.token("jayposiris", authorization()) // the window signs the person in
	wantShown(t, i.get(connected, nil), http.StatusOK, "signed in as <strong>jayposiris</strong>", "has access to your account", "Remove Test site",
		`href="https://example.test/"`)
	wantShown(t, i.choose("remove", "jayposiris"), http.StatusOK, "Test site was removed from jayposiris", "ended with it: 1.",
		`id="deauthorize">Delivered: the app answered 200.`, `id="data-deletion">Delivered: the app answered 200.`, `href="https://example.test/"`)
	if got := strings.Join(a.calls, ", "); got != "POST /deauthorize, POST /delete" {
		t.Errorf("calls = %s", got)
	}
	wantSignedRequest(t, a.forms[0].Get("signed_request"), jayScopedID, i.clock.Now())
	wantGraphError(t, i.get("/me", url.Values{"access_token": {token}}), 190, 0)

	page := i.get(connected, nil)
	wantShown(t, page, http.StatusOK, "No app has access to your account.")
	if strings.Contains(page.body, `id="remove"`) {
		t.Error("the app can be removed twice")
	}
}

func TestOnlyThePersonWhoIsSignedInRemovesTheAppFromTheirOwnAccount(t *testing.T) {
	a := startApp(t)
	i := start(t, registered(a))
	jay, maria, stranger := i.browser(), i.browser(), i.browser()
	token := jay.token("jayposiris", authorization())
	if got := maria.choose("sign_in", "maria.sees"); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != connected {
		t.Fatalf("signing in: %s, %q", got.Status, got.Header.Get("Location"))
	}
	forged := jay.browser()
	for name, got := range map[string]answer{
		"nobody":                     stranger.choose("remove", "jayposiris"),
		"somebody else":              maria.choose("remove", "jayposiris"),
		"a cookie that was made up":  forged.choose("remove", "jayposiris", "Cookie", "simulator_"+appID+"=jayposiris"),
		"an empty cookie":            forged.choose("remove", "jayposiris", "Cookie", "simulator_"+appID+"="),
		"no account in the form":     jay.choose("remove", ""),
		"an account that is unknown": jay.choose("remove", "nobody"),
		"another action":             jay.choose("removed", "jayposiris"),
		"a form of another site":     jay.choose("remove", "jayposiris", "Sec-Fetch-Site", "cross-site"),
		"a form of another port":     jay.choose("remove", "jayposiris", "Sec-Fetch-Site", "same-site", "Origin", "http://localhost:8080"),
		"an older browser's":         jay.choose("remove", "jayposiris", "Origin", "http://localhost:8080"),
		"a body that is no form":     jay.choose("remove", "jayposiris", "Content-Type", `multipart/form-data; boundary=""`),
	} {
		if got.StatusCode != http.StatusForbidden && got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	if got := jay.do(http.NewRequest(http.MethodDelete, i.url+connected, nil)); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("another method: %s", got.Status)
	}
	if len(a.calls) != 0 {
		t.Errorf("calls = %v", a.calls)
	}
	wantShown(t, i.get("/me", url.Values{"access_token": {token}}), http.StatusOK)
	wantShown(t, maria.get(connected, nil), http.StatusOK, "<strong>maria.sees</strong>", "No app has access to your account.")
}

func TestAPersonChangesTheAccountOnThePageOfConnectedApps(t *testing.T) {
	i := start(t, nil).browser()
	i.choose("sign_in", "jayposiris")
	before := i.http.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(i.url, "http://"), Path: connected})
	wantShown(t, i.get(connected, nil), http.StatusOK, "<strong>jayposiris</strong>")
	if got := i.choose("sign_out", ""); got.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out: %s", got.Status)
	}
	wantShown(t, i.get(connected, nil), http.StatusOK, "<h1>Sign in</h1>")
	// The old cookie is worth nothing either.
	wantShown(t, i.browser().choose("remove", "jayposiris", "Cookie", before[0].String()), http.StatusForbidden)
	i.choose("sign_in", "maria.sees")
	wantShown(t, i.get(connected, nil), http.StatusOK, "<strong>maria.sees</strong>")
}

func TestTheAppNeverSeesWhoIsSignedInAtTheSimulator(t *testing.T) {
	i := start(t, nil)
	got := i.press("allow", "jayposiris", authorization())
	cookies := got.Cookies()
	if len(cookies) != 1 || cookies[0].Path != connected || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || len(cookies[0].Value) < 64 {
		t.Errorf("cookies = %v", cookies)
	}
	if got := i.press("cancel", "jayposiris", authorization()); len(got.Cookies()) != 0 {
		t.Errorf("cancelling sets %v", got.Cookies())
	}
}
