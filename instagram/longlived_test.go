package instagram_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

func TestTheCallsAboutLongLivedTokensAreThoseOfTheDocumentation(t *testing.T) {
	var asked []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		answer(200, `{"access_token":"LONG","token_type":"bearer","expires_in":5183944}`)(w, r)
	}, func(c *instagram.Config) { c.Endpoints.Graph += "/v25.0" })
	short := instagram.Token{AccessToken: "SH/RT", UserID: userID, Permissions: instagram.PermissionsOf("instagram_business_basic")}
	want := instagram.Token{AccessToken: "LONG", UserID: userID, Permissions: short.Permissions, Lifetime: 5183944 * time.Second}
	if got, err := client.LongLived(t.Context(), short); err != nil || got != want {
		t.Errorf("got %#v, %v", got, err)
	}
	if got, err := client.Refresh(t.Context(), short); err != nil || got != want {
		t.Errorf("got %#v, %v", got, err)
	}
	// Both are documented without a version segment.
	if !slices.Equal(asked, []string{
		"GET /access_token?grant_type=ig_exchange_token&client_secret=" + appSecret + " Bearer SH/RT",
		"GET /refresh_access_token?grant_type=ig_refresh_token Bearer SH/RT",
	}) {
		t.Errorf("asked for %q", asked)
	}
}

func TestT5_LifetimesOfTokensAreBounded(t *testing.T) {
	for expires, want := range map[string]time.Duration{
		"5183944": 5183944 * time.Second, `"5183944"`: 5183944 * time.Second, "1.5": time.Second, "1e300": 90 * 24 * time.Hour, "7776001": 90 * 24 * time.Hour,
		// What says nothing is as documented.
		"0": instagram.LongLifetime, "-1": instagram.LongLifetime, "null": instagram.LongLifetime, `"soon"`: instagram.LongLifetime, "{}": instagram.LongLifetime, "1e999": instagram.LongLifetime,
	} {
		client := serve(t, answer(200, `{"access_token":"T","expires_in":`+expires+`}`))
		if got, err := client.Refresh(t.Context(), instagram.Token{AccessToken: "T"}); err != nil || got.Lifetime != want {
			t.Errorf("expires_in %s: %v, %v; want %v", expires, got.Lifetime, err, want)
		}
	}
	client := serve(t, answer(200, `{"access_token":"T"}`))
	if got, err := client.Exchange(t.Context(), redirectURI, "code"); err != nil || got.Lifetime != instagram.ShortLifetime {
		t.Errorf("a short-lived token lasts %v, %v", got.Lifetime, err)
	}
}

func TestT6_ErrorsAboutLongLivedTokensNameNoSecret(t *testing.T) {
	for _, handler := range []http.HandlerFunc{
		answer(400, `{"error":{"message":"Error validating client secret.","type":"OAuthException","code":100}}`), answer(500, "{}"), answer(200, "{}"), answer(200, `{"access_token":" "}`),
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere?"+r.URL.RawQuery, http.StatusFound)
		},
		func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	} {
		client := serve(t, handler)
		_, one := client.LongLived(t.Context(), instagram.Token{AccessToken: token})
		_, two := client.Refresh(t.Context(), instagram.Token{AccessToken: token})
		for _, err := range []error{one, two} {
			if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), appSecret) {
				t.Errorf("error = %v", err)
			}
		}
	}
}

func TestT6_WhatAnAnswerRepeatsOfASecretIsBlankedOut(t *testing.T) {
	const long = "IGAA/with+characters=that&are%escaped0123456789"
	for _, repeated := range []string{long, url.QueryEscape(long), long[:20], long + long, "x" + url.QueryEscape(long)[:12] + "y"} {
		client := serve(t, answer(400, `{"error":{"message":"Malformed access token `+repeated+` it was","type":"`+repeated+`","fbtrace_id":"`+repeated+`","code":190}}`))
		_, one := client.Refresh(t.Context(), instagram.Token{AccessToken: long})
		_, two := client.User(t.Context(), instagram.Token{AccessToken: long})
		for _, err := range []error{one, two} {
			if strings.Contains(err.Error(), long[:8]) || strings.Contains(err.Error(), url.QueryEscape(long)[:8]) || !strings.Contains(err.Error(), "Malformed access token") || !strings.Contains(err.Error(), " it was") {
				t.Errorf("%q: %v", repeated, err)
			}
		}
	}
	client := serve(t, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"not `+appSecret+` with the code and thecode-of-today"}`))
	if _, err := client.Exchange(t.Context(), redirectURI, "thecode-of-today"); strings.Contains(err.Error(), appSecret) || strings.Contains(err.Error(), "thecode") || !strings.Contains(err.Error(), "with the code and") {
		t.Errorf("error = %v", err)
	}
}

func TestTokensThatInstagramNoLongerAcceptsAreToldApart(t *testing.T) {
	for _, c := range []struct {
		status              int
		code                string
		invalid, onePersons bool
	}{
		{400, `190,"error_subcode":463`, true, true}, {401, `190,"error_subcode":458`, true, true}, {400, `190,"error_subcode":460`, true, true}, {400, `190,"error_subcode":467`, true, true}, {400, "190", true, true},
		{500, "190", false, false}, // a server that fails says nothing about a person
		{400, "10", false, true}, {400, "100", false, true}, {400, "200", false, true},
		{400, "17", false, true}, {400, "32", false, true}, // the limit of an account
		{400, "80002", false, true}, {400, `4,"error_subcode":2446079`, false, true}, {500, "80002", false, true},
		{400, "4", false, false}, {400, "613", false, false}, {400, "341", false, false}, {500, "4", false, false}, {429, "0", false, false}, // the app's
		{400, "102", true, true}, {500, "102", false, false}, {400, `190,"is_transient":true`, false, false}, {400, "368", false, true}, {400, "3", false, true}, {403, "803", false, true},
		{400, "1", false, false}, {302, "10", false, false}, // an outage {400, "2", false, false},
	} {
		client := serve(t, answer(c.status, `{"error":{"message":"m","code":`+c.code+`}}`))
		_, err := client.Refresh(t.Context(), instagram.Token{AccessToken: "T"})
		failure, ok := err.(*instagram.Error)
		if !ok || failure.InvalidToken() != c.invalid || failure.OfOnePerson() != c.onePersons {
			t.Errorf("%d with code %s: %v", c.status, c.code, err)
		}
	}
}

func TestPermissionsAreASetWithNames(t *testing.T) {
	all := instagram.PermissionsOf("instagram_business_manage_comments", "of_tomorrow", "instagram_business_basic", "user_media")
	if got := all.String(); got != "user_media,instagram_business_basic,instagram_business_manage_comments" {
		t.Errorf("names = %q", got)
	}
	if got := all.Without(instagram.PermissionsOf("user_media", "user_profile")).Names(); !slices.Equal(got, []string{"instagram_business_basic", "instagram_business_manage_comments"}) {
		t.Errorf("without = %q", got)
	}
	if instagram.Permissions(0).String() != "" || instagram.PermissionsOf("of_tomorrow") != 0 {
		t.Error("the empty set has names")
	}
	// The numbers stand in sessions.
	if got := instagram.PermissionsOf("user_profile", "instagram_business_manage_insights"); got != 1|1<<6 {
		t.Errorf("set = %b", got)
	}
}

func TestAFieldProvesAPermissionWhereTheTokenAnswerIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		granted     instagram.Permissions
		node        string
		fields      string
		permissions string
	}{
		"granted":  {0, `{"id":"1","username":"j","media_count":3}`, "id,username,media_count", "user_profile,user_media"},
		"declined": {0, `{"id":"1","username":"j"}`, "id,username,media_count", "user_profile"},
		"told":     {instagram.PermissionsOf("user_profile"), `{"id":"1","username":"j","media_count":3}`, "id,username", "user_profile"},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query().Get("fields"); got != c.fields {
					t.Errorf("asked for %q", got)
				}
				answer(200, c.node)(w, r)
			}, basicDisplay, func(c *instagram.Config) { c.Required = []string{"user_media"} })
			user, err := client.User(t.Context(), instagram.Token{AccessToken: "T", Permissions: c.granted})
			if err != nil || user.Permissions.String() != c.permissions || len(user.Fields) != 0 {
				t.Errorf("got %+v, %v", user, err)
			}
		})
	}
}

func TestA2_FurtherPermissionsStandBehindThoseOfEveryLogin(t *testing.T) {
	c := config(instagram.InstagramLogin)
	c.StepUp = []string{"instagram_business_manage_comments"}
	c.Authorize = []instagram.Param{{Name: "force_reauth", Value: "true"}}
	client, err := instagram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	want := "https://www.instagram.com/oauth/authorize?client_id=" + appID + "&response_type=code&scope=instagram_business_basic%2Cinstagram_business_manage_comments&force_reauth=true&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&state=S"
	if got := client.AuthorizationURL(instagram.Authorization{RedirectURI: redirectURI, State: "S", More: []string{"instagram_business_manage_comments"}}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !client.Asks("instagram_business_basic") || client.Asks("instagram_business_manage_comments") {
		t.Error("what every login asks for is not told apart")
	}
}
