package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// realBlock is a block that names no endpoints. The tests go no further than the redirect.
func realBlock(options string) string {
	return strings.Replace(sitetest.DefaultBlock(options), "endpoints {endpoints}", "", 1)
}

// asReal is the redirect to the real window.
func asReal(options string) route {
	h := login().doing(askWindow)
	h.config.Block = realBlock(options)
	return h
}

// sentTo is a redirect to the window, with a pattern for its address.
func sentTo(pattern string) expected { return expected{status: http.StatusFound, location: pattern} }

// inWindow is what the visitor sees in Instagram's window. The site hears nothing of it.
func inWindow(status int, page string) expected { return expected{status: status, page: page} }

// notLoading is a block that Caddy refuses because of an option.
func notLoading(option, block string) route {
	h := route{loads: option}
	h.config.Block = block
	return h
}

func wrongAppID(h route) route {
	h.config.Block = strings.Replace(sitetest.DefaultBlock(h.config.Options), sitetest.AppID, "102030405060708", 1)
	return h
}

func wrongRedirect(h route) route {
	h.config.Block = strings.Replace(sitetest.DefaultBlock(h.config.Options), sitetest.RedirectURI, "https://example.test/auth", 1)
	return h
}

const (
	everyScope = "instagram_business_basic instagram_business_content_publish instagram_business_manage_messages instagram_business_manage_comments instagram_business_manage_insights"
	stateValue = `[A-Za-z0-9_-]{239}`
	basic      = "api basic_display"
)

// Section 1: the authorization window.
func TestFactsOfTheWindow(t *testing.T) {
	runFacts(t, []fact{
		{by: "D", fact: "basic_display: the window is at api.instagram.com, asked with client_id, redirect_uri, response_type, scope and state",
			via: asReal(basic), want: sentTo(`^https://api\.instagram\.com/oauth/authorize\?client_id=` + sitetest.AppID + `&response_type=code&scope=user_profile%2Cuser_media&redirect_uri=` + url.QueryEscape(sitetest.RedirectURI) + `&state=` + stateValue + `$`)},
		{by: "D", fact: "instagram_login: the window is at www.instagram.com, asked with the same parameters",
			via: asReal(""), want: sentTo(`^https://www\.instagram\.com/oauth/authorize\?client_id=` + sitetest.AppID + `&response_type=code&scope=instagram_business_basic&redirect_uri=` + url.QueryEscape(sitetest.RedirectURI) + `&state=` + stateValue + `$`)},
		{by: "O", fact: "basic_display: Meta switched it off on 2024-12-04",
			untestable: "the window of the real Instagram shows it; the tutorial's replay covers the family as it was"},
		{by: "D", fact: "basic_display: the scopes are user_profile and user_media",
			via: login().api(instagram.BasicDisplay), want: expected{status: 303, location: "^/private#$", site: jay, calls: "token user"}},
		{by: "D", fact: "instagram_login: four other scopes can be asked for, with commas between them",
			via: asReal("scope " + everyScope), want: sentTo(`&scope=` + url.QueryEscape(strings.ReplaceAll(everyScope, " ", ",")) + `&`)},
		{by: "D", fact: "the old names without instagram_ ended on 2025-01-27: they do not load",
			via: notLoading("scope", sitetest.MinimalBlock("scope business_basic business_content_publish"))},
		{by: "L", fact: "the window says so of a scope that the app does not have, on a page",
			via: login(pageOf(simulator.Window, 200, "Invalid Request: Request parameters are invalid: Invalid scope: business_basic")).doing(seeWindow), want: inWindow(200, "Invalid scope: business_basic")},
		{by: "D", fact: "enable_fb_login takes true, which is the default",
			via: asReal("authorize enable_fb_login true"), want: sentTo(`&enable_fb_login=true&`)},
		{by: "D", fact: "enable_fb_login takes false", via: asReal("authorize enable_fb_login false"), want: sentTo(`&enable_fb_login=false&`)},
		{by: "D", fact: "enable_fb_login takes 0, as the dashboard's own embed address writes it", via: asReal("authorize enable_fb_login 0"), want: sentTo(`&enable_fb_login=0&`)},
		{by: "D", fact: "force_reauth takes true and false", via: asReal("authorize force_reauth true"), want: sentTo(`&force_reauth=true&`)},
		{by: "D", fact: "force_reauth takes nothing else", via: notLoading("authorize", sitetest.MinimalBlock("authorize force_reauth 1"))},
		{by: "D", fact: "basic_display has none of these parameters", via: notLoading("authorize", sitetest.MinimalBlock("api basic_display\n authorize force_reauth true"))},
		{by: "L", fact: "api.instagram.com/oauth/authorize redirected until 2026-07-18",
			untestable: "it does so no longer"},
		{by: "L", fact: "api.instagram.com/oauth/authorize answers \"Sorry, this page isn't available\" since about 2026-08-22",
			via: login().doing(func(s *scene, b *sitetest.Browser) sitetest.Response {
				s.Instagram.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.PageUnavailable, Times: 1})
				return seeWindow(s, b)
			}), want: inWindow(400, "this page isn&#39;t available")},
		{by: "L", fact: "the dead host is a trap for a configuration that sets endpoints authorize: Caddy goes where it is told",
			via: asReal("endpoints {\n authorize https://api.instagram.com/oauth/authorize\n}"), want: sentTo(`^https://api\.instagram\.com/oauth/authorize\?`)},
		{by: "L", fact: "force_authentication is no longer documented: it loads with a warning that names force_reauth",
			via: asReal("authorize force_authentication true"), want: sentTo(`&force_authentication=true&`).and(func(t *testing.T, s *scene) {
				if lines := s.Logged("authorize force_authentication is no longer documented by Meta and may do nothing; use force_reauth"); len(lines) != 1 || lines[0]["level"] != "warn" {
					t.Errorf("lines = %v", lines)
				}
			})},
		{by: "D", fact: "scopes are a list with commas, or with encoded spaces: Caddy sends commas",
			via: asReal("scope instagram_business_basic " + sitetest.CommentsPermission), want: sentTo(`&scope=instagram_business_basic%2C` + sitetest.CommentsPermission + `&`)},
		{by: "DL", fact: "client_id is the Instagram app ID: with that of the Facebook app the window says Invalid platform app",
			via: wrongAppID(login().doing(seeWindow)), want: inWindow(400, "Invalid Request: Request parameters are invalid: Invalid platform app")},
		{by: "D", fact: "redirect_uri equals a registered one exactly, trailing slash included",
			via: wrongRedirect(login().doing(seeWindow)), want: inWindow(400, "Invalid redirect_uri")},
		{by: "D", fact: "the dashboard may append a slash to a redirect URI", untestable: "it happens in Meta's dashboard; the row before shows what comes of it"},
		{by: "S", fact: "redirect URIs are https", via: notLoading("redirect_uri", sitetest.BlockWithRedirect("http://a.test/cb"))},
		{by: "S", fact: "https for localhost, too", untestable: "the simulator's demonstrations run on http there, so Caddy lets it load; the real window refuses it"},
		{by: "L", fact: "success: 302 to redirect_uri with code and state, and #_ behind the last of them", via: login().doing(func(_ *scene, b *sitetest.Browser) sitetest.Response {
			back := b.Begin("/private")
			if !strings.HasSuffix(back, "#_") || !strings.Contains(back, "&state=") {
				b.T.Errorf("the window leads to %q", back)
			}
			return b.Get(back)
		}), want: signedIn(jay)},
		{by: "I", fact: "#_ may arrive encoded, as a part of the state", via: backAt(func(a string) string { return strings.TrimSuffix(a, "#_") + "%23_" }), want: signedIn(jay)},
		{by: "I", fact: "#_ may arrive encoded, as a part of the code",
			via: backAt(func(a string) string {
				return strings.Replace(strings.TrimSuffix(a, "#_"), "&state=", "%23_&state=", 1)
			}), want: signedIn(jay)},
		{by: "I", fact: "#_ may arrive encoded behind both, the underscore too",
			via: backAt(func(a string) string {
				return strings.Replace(strings.TrimSuffix(a, "#_"), "&state=", "%23%5F&state=", 1) + "%23%5f"
			}), want: signedIn(jay)},
		{by: "I", fact: "#_ may arrive encoded twice", via: backAt(func(a string) string { return strings.TrimSuffix(a, "#_") + "%2523_" }), want: signedIn(jay)},
		{by: "D", fact: "a code is good for an hour", via: login().inside(func(c *simulator.Config) { c.CodeLifetime = time.Nanosecond }),
			want: refused(400, "provider_refused", "was used, is too old").ofVisitor().atToken().saying("Invalid authorization code")},
		{by: "D", fact: "a code is good once", via: login().doing(func(_ *scene, b *sitetest.Browser) sitetest.Response {
			first := b.Begin("/private")
			used := sitetest.Query(b.T, first).Get("code")
			b.Get(first)
			b.Forget(sitetest.SessionCookie)
			return b.Get(sitetest.ReplaceQuery(b.T, b.Begin("/private"), "code", used))
		}), want: refused(400, "provider_refused", "was used, is too old").ofVisitor().calling("token token user").saying("Invalid authorization code")},
		{by: "D", fact: "denial: error=access_denied and error_reason=user_denied, with the state",
			via:  sentBack("error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request"),
			want: refused(403, "cancelled", "").ofVisitor().saying("user_denied")},
		{by: "D", fact: "denial without a state, as in the page's sample: nobody knows whose it is",
			via: login().doing(func(_ *scene, b *sitetest.Browser) sitetest.Response {
				b.Get("/private")
				return b.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request")
			}), want: refused(400, "login_expired", "").ofVisitor().saying("user_denied")},
		{by: "S", fact: "error=invalid_scope comes back", via: sentBack("error=invalid_scope&error_description=Invalid+scope%3A+instagram_business_manage_insights"),
			want: refused(400, "provider_refused", "scope names a permission").saying("instagram_business_manage_insights")},
		{by: "S", fact: "error=server_error comes back", via: sentBack("error=server_error&error_description=An+unexpected+error+has+occurred"),
			want: refused(502, "provider_error", "Instagram failed").saying("An unexpected error has occurred")},
		{by: "S", fact: "access_denied for an insufficient developer role comes back, and is no cancellation",
			via:  sentBack("error=access_denied&error_description=Insufficient+developer+role"),
			want: refused(400, "provider_refused", "is not one of its testers").saying("Insufficient developer role")},
		{by: "S", fact: "error_code and error_message come back, in Facebook's style",
			via:  sentBack("error_code=1349126&error_message=App+not+active%3A+this+app+is+not+accessible+right+now"),
			want: refused(400, "provider_refused", "development mode").saying("1349126")},
		{by: "L", fact: "a page in the window: Invalid platform app, with status 200",
			via: wrongAppID(login().inside(func(c *simulator.Config) { c.WindowErrorStatus = 200 }).doing(seeWindow)), want: inWindow(200, "Invalid platform app")},
		{by: "L", fact: "a page in the window: Invalid redirect_uri, with status 200",
			via: wrongRedirect(login().inside(func(c *simulator.Config) { c.WindowErrorStatus = 200 }).doing(seeWindow)), want: inWindow(200, "Invalid redirect_uri")},
		{by: "L", fact: "a page in the window: Session Invalid", via: login().doing(func(s *scene, b *sitetest.Browser) sitetest.Response {
			s.Instagram.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.SessionInvalid, Times: 1})
			return seeWindow(s, b)
		}), want: inWindow(400, "Session Invalid")},
		{by: "L", fact: "Session Invalid was solved by the two callback URLs in the dashboard, or without a pop-up",
			untestable: "it is a setting in Meta's dashboard; docs/quick-start.md and the doctor tell of it"},
		{by: "O", fact: "basic_display: bad parameters are JSON in the window", via: wrongRedirect(login().api(instagram.BasicDisplay).doing(seeWindow)),
			want: inWindow(400, `{"error_type":"OAuthException","code":400,"error_message":"Redirect URI does not match registered redirect URI"}`)},
		{by: "D", fact: "only professional accounts can sign in: a personal one stays in the window",
			via: as("quiet_otter", simulator.DefaultUsers()).doing(seeWindow), want: inWindow(400, "professional")},
		{by: "S", fact: "should the window send a personal account back, its owner reads what to do",
			via:  sentBack("error=access_denied&error_reason=not_professional&error_description=A+professional+account+is+required"),
			want: refused(400, "provider_refused", "the account is a personal one").ofVisitor().saying("not_professional")},
		{by: "D", fact: "in development mode only testers can sign in, who accepted the invitation",
			via: inDevelopment("maria.sees").doing(seeWindow), want: inWindow(400, "Insufficient developer role")},
		{by: "D", fact: "in development mode a tester signs in", via: inDevelopment(sitetest.Username), want: signedIn(jay)},
	})
}

// pageOf is a page of Instagram in place of the simulator's answer.
func pageOf(endpoint simulator.Endpoint, status int, text string) reply {
	r := on(endpoint, status, "<!DOCTYPE html><html><head><title>Instagram</title></head><body><p>"+text+"</p></body></html>")
	r.kind = "text/html; charset=utf-8"
	return r
}

// as is the sign-in of one of some accounts.
func as(name string, users []simulator.User) route {
	h := login()
	h.config.Window, h.config.Users = name, users
	return h
}

func inDevelopment(testers ...string) route {
	h := login()
	h.config.Testers = testers
	return h
}
