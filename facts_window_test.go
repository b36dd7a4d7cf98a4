package instagramauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// realBlock is a block that names no endpoints. The tests go no further than the redirect.
func realBlock(options string) string {
	return strings.Replace(defaultBlock(options), "endpoints {endpoints}", "", 1)
}

// asReal is the redirect to the real window.
func asReal(options string) how {
	h := login().doing(askWindow)
	h.config.block = realBlock(options)
	return h
}

// sentTo is a redirect to the window, with a pattern for its address.
func sentTo(pattern string) then { return then{status: http.StatusFound, location: pattern} }

// inWindow is what the visitor sees in Instagram's window. The site hears nothing of it.
func inWindow(status int, page string) then { return then{status: status, page: page} }

// notLoading is a block that Caddy refuses because of an option.
func notLoading(option, block string) how {
	h := how{loads: option}
	h.config.block = block
	return h
}

func wrongAppID(h how) how {
	h.config.block = strings.Replace(defaultBlock(h.config.options), appID, "102030405060708", 1)
	return h
}

func wrongRedirect(h how) how {
	h.config.block = strings.Replace(defaultBlock(h.config.options), redirectURI, "https://example.test/auth", 1)
	return h
}

const (
	everyScope = "instagram_business_basic instagram_business_content_publish instagram_business_manage_messages instagram_business_manage_comments instagram_business_manage_insights"
	stateValue = `[A-Za-z0-9_-]{43}`
	basic      = "api basic_display"
)

// Section 1 of the page.
func TestFactsOfTheWindow(t *testing.T) {
	runFacts(t, []fact{
		{by: "D", says: "basic_display: the window is at api.instagram.com, asked with client_id, redirect_uri, response_type, scope and state",
			how: asReal(basic), then: sentTo(`^https://api\.instagram\.com/oauth/authorize\?client_id=` + appID + `&response_type=code&scope=user_profile%2Cuser_media&redirect_uri=` + url.QueryEscape(redirectURI) + `&state=` + stateValue + `$`)},
		{by: "D", says: "instagram_login: the window is at www.instagram.com, asked with the same parameters",
			how: asReal(""), then: sentTo(`^https://www\.instagram\.com/oauth/authorize\?client_id=` + appID + `&response_type=code&scope=instagram_business_basic&redirect_uri=` + url.QueryEscape(redirectURI) + `&state=` + stateValue + `$`)},
		{by: "O", says: "basic_display: Meta switched it off on 2024-12-04",
			untestable: "the window of the real Instagram shows it; the tutorial's replay covers the family as it was"},
		{by: "D", says: "basic_display: the scopes are user_profile and user_media",
			how: login().api(instagram.BasicDisplay), then: then{status: 303, location: "^/private#$", site: jay, calls: "token user"}},
		{by: "D", says: "instagram_login: four other scopes can be asked for, with commas between them",
			how: asReal("scope " + everyScope), then: sentTo(`&scope=` + url.QueryEscape(strings.ReplaceAll(everyScope, " ", ",")) + `&`)},
		{by: "D", says: "the old names without instagram_ ended on 2025-01-27: they do not load",
			how: notLoading("scope", with("scope business_basic business_content_publish"))},
		{by: "L", says: "the window says so of a scope that the app does not have, on a page",
			how: login(pageOf(simulator.Window, 200, "Invalid Request: Request parameters are invalid: Invalid scope: business_basic")).doing(seeWindow), then: inWindow(200, "Invalid scope: business_basic")},
		{by: "D", says: "enable_fb_login takes true, which is the default",
			how: asReal("authorize enable_fb_login true"), then: sentTo(`&enable_fb_login=true&`)},
		{by: "D", says: "enable_fb_login takes false", how: asReal("authorize enable_fb_login false"), then: sentTo(`&enable_fb_login=false&`)},
		{by: "D", says: "enable_fb_login takes 0, as the dashboard's own embed address writes it", how: asReal("authorize enable_fb_login 0"), then: sentTo(`&enable_fb_login=0&`)},
		{by: "D", says: "force_reauth takes true and false", how: asReal("authorize force_reauth true"), then: sentTo(`&force_reauth=true&`)},
		{by: "D", says: "force_reauth takes nothing else", how: notLoading("authorize", with("authorize force_reauth 1"))},
		{by: "D", says: "basic_display has none of these parameters", how: notLoading("authorize", with("api basic_display\n authorize force_reauth true"))},
		{by: "L", says: "api.instagram.com/oauth/authorize redirected until 2026-07-18",
			untestable: "it does so no longer"},
		{by: "L", says: "api.instagram.com/oauth/authorize answers \"Sorry, this page isn't available\" since about 2026-08-22",
			how: login().doing(func(s *scene, b *browser) response {
				s.instagram.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.PageUnavailable, Times: 1})
				return seeWindow(s, b)
			}), then: inWindow(400, "this page isn&#39;t available")},
		{by: "L", says: "the dead host is a trap for a configuration that sets endpoints authorize: Caddy goes where it is told",
			how: asReal("endpoints {\n authorize https://api.instagram.com/oauth/authorize\n}"), then: sentTo(`^https://api\.instagram\.com/oauth/authorize\?`)},
		{by: "L", says: "force_authentication is no longer documented: it loads with a warning that names force_reauth",
			how: asReal("authorize force_authentication true"), then: sentTo(`&force_authentication=true&`).and(func(t *testing.T, s *scene) {
				if lines := s.logged("authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth"); len(lines) != 1 || lines[0]["level"] != "warn" {
					t.Errorf("lines = %v", lines)
				}
			})},
		{by: "D", says: "scopes are a list with commas, or with encoded spaces: Caddy sends commas",
			how: asReal("scope instagram_business_basic " + comments), then: sentTo(`&scope=instagram_business_basic%2C` + comments + `&`)},
		{by: "DL", says: "client_id is the Instagram app ID: with that of the Facebook app the window says Invalid platform app",
			how: wrongAppID(login().doing(seeWindow)), then: inWindow(400, "Invalid Request: Request parameters are invalid: Invalid platform app")},
		{by: "D", says: "redirect_uri equals a registered one exactly, trailing slash included",
			how: wrongRedirect(login().doing(seeWindow)), then: inWindow(400, "Invalid redirect_uri")},
		{by: "D", says: "the dashboard may append a slash to a redirect URI", untestable: "it happens in Meta's dashboard; the row before shows what comes of it"},
		{by: "S", says: "redirect URIs are https", how: notLoading("redirect_uri", uri("http://a.test/cb"))},
		{by: "S", says: "https for localhost, too", untestable: "the simulator's demonstrations run on http there, so Caddy lets it load; the real window refuses it"},
		{by: "L", says: "success: 302 to redirect_uri with code and state, and #_ behind the last of them", how: login().doing(func(_ *scene, b *browser) response {
			back := b.begin("/private")
			if !strings.HasSuffix(back, "#_") || !strings.Contains(back, "&state=") {
				b.t.Errorf("the window leads to %q", back)
			}
			return b.get(back)
		}), then: signedIn(jay)},
		{by: "I", says: "#_ may arrive encoded, as a part of the state", how: backAt(func(a string) string { return strings.TrimSuffix(a, "#_") + "%23_" }), then: signedIn(jay)},
		{by: "I", says: "#_ may arrive encoded, as a part of the code",
			how: backAt(func(a string) string {
				return strings.Replace(strings.TrimSuffix(a, "#_"), "&state=", "%23_&state=", 1)
			}), then: signedIn(jay)},
		{by: "I", says: "#_ may arrive encoded behind both, the underscore too",
			how: backAt(func(a string) string {
				return strings.Replace(strings.TrimSuffix(a, "#_"), "&state=", "%23%5F&state=", 1) + "%23%5f"
			}), then: signedIn(jay)},
		{by: "I", says: "#_ may arrive encoded twice", how: backAt(func(a string) string { return strings.TrimSuffix(a, "#_") + "%2523_" }), then: signedIn(jay)},
		{by: "D", says: "a code is good for an hour", how: login().inside(func(c *simulator.Config) { c.CodeLifetime = time.Nanosecond }),
			then: refused(400, "provider_refused", "was used, is too old").atToken().saying("Invalid authorization code")},
		{by: "D", says: "a code is good once", how: login().doing(func(_ *scene, b *browser) response {
			first := b.begin("/private")
			used := query(b.t, first).Get("code")
			b.get(first)
			b.forget(sessionCookie)
			return b.get(replaceQuery(b.t, b.begin("/private"), "code", used))
		}), then: refused(400, "provider_refused", "was used, is too old").calling("token token user").saying("Invalid authorization code")},
		{by: "D", says: "denial: error=access_denied and error_reason=user_denied, with the state",
			how:  sentBack("error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request"),
			then: refused(403, "cancelled", "").saying("user_denied")},
		{by: "D", says: "denial without a state, as in the page's sample: nobody knows whose it is",
			how: login().doing(func(_ *scene, b *browser) response {
				b.get("/private")
				return b.get(callback + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request")
			}), then: refused(400, "login_expired", "").saying("user_denied")},
		{by: "S", says: "error=invalid_scope comes back", how: sentBack("error=invalid_scope&error_description=Invalid+scope%3A+instagram_business_manage_insights"),
			then: refused(400, "provider_refused", "scope names a permission").saying("instagram_business_manage_insights")},
		{by: "S", says: "error=server_error comes back", how: sentBack("error=server_error&error_description=An+unexpected+error+has+occurred"),
			then: refused(502, "provider_error", "instagram itself fails").saying("An unexpected error has occurred")},
		{by: "S", says: "access_denied for an insufficient developer role comes back, and is no cancellation",
			how:  sentBack("error=access_denied&error_description=Insufficient+developer+role"),
			then: refused(400, "provider_refused", "is no tester of it").saying("Insufficient developer role")},
		{by: "S", says: "error_code and error_message come back, in Facebook's style",
			how:  sentBack("error_code=1349126&error_message=App+not+active%3A+this+app+is+not+accessible+right+now"),
			then: refused(400, "provider_refused", "development mode").saying("1349126")},
		{by: "L", says: "a page in the window: Invalid platform app, with status 200",
			how: wrongAppID(login().inside(func(c *simulator.Config) { c.WindowErrorStatus = 200 }).doing(seeWindow)), then: inWindow(200, "Invalid platform app")},
		{by: "L", says: "a page in the window: Invalid redirect_uri, with status 200",
			how: wrongRedirect(login().inside(func(c *simulator.Config) { c.WindowErrorStatus = 200 }).doing(seeWindow)), then: inWindow(200, "Invalid redirect_uri")},
		{by: "L", says: "a page in the window: Session Invalid", how: login().doing(func(s *scene, b *browser) response {
			s.instagram.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.SessionInvalid, Times: 1})
			return seeWindow(s, b)
		}), then: inWindow(400, "Session Invalid")},
		{by: "L", says: "Session Invalid was solved by the two callback URLs in the dashboard, or without a pop-up",
			untestable: "it is a setting in Meta's dashboard; docs/quick-start.md and the doctor tell of it"},
		{by: "O", says: "basic_display: bad parameters are JSON in the window", how: wrongRedirect(login().api(instagram.BasicDisplay).doing(seeWindow)),
			then: inWindow(400, `{"error_type":"OAuthException","code":400,"error_message":"Redirect URI does not match registered redirect URI"}`)},
		{by: "D", says: "only professional accounts can sign in: a personal one stays in the window",
			how: as("quiet_otter", simulator.DefaultUsers()).doing(seeWindow), then: inWindow(400, "professional")},
		{by: "S", says: "should the window send a personal account back, its owner reads what to do",
			how:  sentBack("error=access_denied&error_reason=not_professional&error_description=A+professional+account+is+required"),
			then: refused(400, "provider_refused", "the account is a personal one").saying("not_professional")},
		{by: "D", says: "in development mode only testers can sign in, who accepted the invitation",
			how: inDevelopment("maria.sees").doing(seeWindow), then: inWindow(400, "Insufficient developer role")},
		{by: "D", says: "in development mode a tester signs in", how: inDevelopment(username), then: signedIn(jay)},
	})
}

// pageOf is a page of Instagram in place of the simulator's answer.
func pageOf(endpoint simulator.Endpoint, status int, text string) reply {
	r := on(endpoint, status, "<!DOCTYPE html><html><head><title>Instagram</title></head><body><p>"+text+"</p></body></html>")
	r.kind = "text/html; charset=utf-8"
	return r
}

// as is the sign-in of one of some accounts.
func as(name string, users []simulator.User) how {
	h := login()
	h.config.window, h.config.users = name, users
	return h
}

func inDevelopment(testers ...string) how {
	h := login()
	h.config.testers = testers
	return h
}
