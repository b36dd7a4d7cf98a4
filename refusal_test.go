package instagramauth_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// refusals has one case for each row of the table that a visitor can reach.
var refusals = []struct {
	code   string
	status int
	text   string
	calls  int
	// deleted says that the answer deletes the login cookie.
	deleted bool
	config  siteConfig
	reach   func(s *site, b *browser) response
}{
	{code: "login_required", status: 401, text: "Please sign in.", reach: func(_ *site, b *browser) response { return b.fetch("/private") }},
	{code: "login_expired", status: 400, text: loginExpired, deleted: true, reach: func(s *site, b *browser) response {
		return s.newBrowser().get(b.window(b.get("/private")))
	}},
	{code: "bad_request", status: 400, text: badRequest, reach: func(_ *site, b *browser) response { return b.get(callback + "?code=a&code=b") }},
	{code: "bad_host", status: 421, text: "You cannot sign in at this address of the site.", reach: func(_ *site, b *browser) response {
		request := navigation(b.t, http.MethodGet, callback+"?code=a")
		request.Host = "unlisted.test"
		return b.do(request)
	}},
	{code: "cancelled", status: 403, text: "The sign-in was cancelled.", deleted: true, reach: func(_ *site, b *browser) response {
		state := query(b.t, b.get("/private").location()).Get("state")
		return b.get(callback + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request&state=" + state)
	}},
	{code: "provider_refused", status: 400, text: "Instagram did not accept the sign-in. Please start again.", deleted: true, calls: 1, reach: func(_ *site, b *browser) response {
		back := b.window(b.get("/private"))
		return b.get(replaceQuery(b.t, back, "code", "made-up"))
	}},
	{code: "method", status: 405, text: "This address cannot be used like this.", reach: func(_ *site, b *browser) response {
		return b.do(navigation(b.t, http.MethodPost, callback))
	}},
	{code: "too_many", status: 429, text: "Too many attempts. Please wait a moment.", calls: -1, reach: func(s *site, _ *browser) response {
		for range 40 {
			b := s.newBrowser()
			if answer := b.get(replaceQuery(b.t, b.window(b.get("/private")), "code", "made-up")); answer.StatusCode != http.StatusBadRequest {
				return answer
			}
		}
		s.t.Fatal("forty logins of one client in a row could fail")
		return response{}
	}},
	{code: "cookies_blocked", status: 400, text: "Your browser did not keep our cookie.", calls: 4, reach: func(_ *site, b *browser) response {
		for range 2 {
			b.signIn("/private")
			b.forget(sessionCookie)
		}
		return b.get("/private")
	}},
	{code: "bad_profile", status: 502, text: "Instagram sent an answer we could not use.", deleted: true, calls: 2,
		reach: misbehaving(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: 200, ContentType: "application/json", Body: `{"id":"x"}`})},
	{code: "provider_error", status: 502, text: "Instagram could not complete the sign-in.", deleted: true, calls: 1,
		reach: misbehaving(simulator.Token, simulator.Fault{Kind: simulator.Status500})},
	{code: "provider_timeout", status: 504, text: "Instagram did not answer in time.", deleted: true, calls: 1, config: siteConfig{options: "timeout 200ms"},
		reach: misbehaving(simulator.Token, simulator.Fault{Kind: simulator.Hang})},
	{code: "provider_unreachable", status: 503, text: "Instagram cannot be reached right now.", deleted: true,
		config: siteConfig{options: "", tokenEndpoint: "http://127.0.0.1:1/oauth/access_token"},
		reach:  func(_ *site, b *browser) response { return b.get(b.window(b.get("/private"))) }},
}

// misbehaving reaches a refusal by a fault of Instagram's.
func misbehaving(endpoint simulator.Endpoint, fault simulator.Fault) func(*site, *browser) response {
	return func(s *site, b *browser) response {
		back := b.window(b.get("/private"))
		s.instagram.Misbehave(endpoint, fault)
		return b.get(back)
	}
}

func TestE1_EachRefusalHasItsStatusTextCookiesAndCalls(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.code, func(t *testing.T) {
			s := startSite(t, c.config)
			b := s.newBrowser()
			answer := c.reach(s, b)
			wantRefusal(t, answer, c.status, c.text)
			if n := s.calls(); c.calls >= 0 && n != c.calls {
				t.Errorf("Instagram was asked %d times, want %d", n, c.calls)
			}
			if n := s.upstream.count(); n != 0 {
				t.Errorf("the site was asked %d times", n)
			}
			lines := strings.Join(answer.Header["Set-Cookie"], "\n")
			if deleted := strings.Contains(lines, "_login_") && strings.Contains(lines, "Max-Age=0"); deleted != c.deleted {
				t.Errorf("Set-Cookie = %q", lines)
			}
			if answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control = %q", answer.Header.Get("Cache-Control"))
			}
			if slices.Contains([]int{429, 503}, c.status) && answer.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestC8_OurAnswerIsTheAnswer(t *testing.T) {
	// Each refusal above counts what reaches the site; here the same for an own
	// path that is answered with success.
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/")
	if got := decode(t, b.fetch("/instagram_auth/userinfo")); got["id"] != userID || got["username"] != username || got["expires_at"] == "" || fmt.Sprint(got["permissions"]) != "[instagram_business_basic]" || len(got) != 4 {
		t.Errorf("userinfo = %v", got)
	}
	if n := s.upstream.count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestE1_HandleErrorsReceivesStatusAndCode(t *testing.T) {
	for _, c := range refusals {
		if c.status >= 500 {
			continue // on the callback these are answered by us: see P1
		}
		t.Run(c.code, func(t *testing.T) {
			config := c.config
			config.options += "\nerrors handle"
			config.before = "handle_errors {\n respond \"site says {err.status_code} {http.auth.instagram_auth.error}\" \n}"
			s := startSite(t, config)
			answer := c.reach(s, s.newBrowser())
			if want := fmt.Sprintf("site says %d %s", c.status, c.code); answer.StatusCode != c.status || answer.body != want {
				t.Errorf("answered %s %q, want %q", answer.Status, answer.body, want)
			}
		})
	}
}

func TestE2_NoForeignTextOnOurPages(t *testing.T) {
	const marker = "xMARKERx"
	s := startSite(t, siteConfig{})
	for name, reach := range map[string]func(b *browser) response{
		"error_description": func(b *browser) response {
			state := query(t, b.get("/private").location()).Get("state")
			return b.get(callback + "?error=access_denied&error_reason=" + marker + "&error_description=" + marker + "&state=" + state)
		},
		"error": func(b *browser) response {
			state := query(t, b.get("/private").location()).Get("state")
			return b.get(callback + "?error=" + marker + "&state=" + state)
		},
		"code": func(b *browser) response { return b.get(replaceQuery(t, b.window(b.get("/private")), "code", marker)) },
		"Instagram's words": func(b *browser) response {
			back := b.window(b.get("/private"))
			s.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: 400, ContentType: "application/json",
				Body: `{"error_type":"` + marker + `","code":400,"error_message":"` + marker + `"}`})
			defer s.instagram.Misbehave(simulator.Token, simulator.Fault{})
			return b.get(back)
		},
		"another parameter": func(b *browser) response { return b.get(callback + "?code=a&code=b&x=" + marker) },
		"state":             func(b *browser) response { return b.get(callback + "?code=a&state=" + marker) },
		"a cookie": func(b *browser) response {
			b.plant(sessionCookie, marker)
			return b.get(callback + "?x")
		},
		"headers": func(b *browser) response {
			request := navigation(t, http.MethodGet, callback+"?x")
			for _, header := range []string{"X-Request-Id", "User-Agent", "Referer", "X-Forwarded-For", "X-Instagram-User-Id", "Accept-Language"} {
				request.Header.Set(header, marker)
			}
			return b.do(request)
		},
		"method": func(b *browser) response { return b.do(navigation(t, marker, callback)) },
		"host": func(b *browser) response {
			request := navigation(t, http.MethodGet, callback+"?x")
			request.Host = marker + ".test"
			return b.do(request)
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := reach(s.newBrowser())
			if answer.StatusCode < 400 {
				t.Fatalf("answered %s", answer.Status)
			}
			if strings.Contains(strings.ToLower(answer.body), strings.ToLower(marker)) {
				t.Errorf("the page repeats it:\n%s", answer.body)
			}
		})
	}
}

func TestE3_PagesHaveTheirHeaders(t *testing.T) {
	s := startSite(t, siteConfig{options: "login_page"})
	b := s.newBrowser()
	for name, answer := range map[string]response{
		"refusal":    b.get(callback),
		"login page": b.get("/private"),
		"JSON":       b.fetch("/private"),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := answer.Header.Get(header); got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		policy := answer.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: Content-Security-Policy %q lacks %s", name, policy, part)
			}
		}
		if strings.Contains(answer.body, "<script") || strings.Contains(answer.body, "http://") || strings.Contains(answer.body, "https://") {
			t.Errorf("%s has a script or a foreign address:\n%s", name, answer.body)
		}
	}
}

func TestTheLoginPageHasOneButtonAndStartsNoLogin(t *testing.T) {
	s := startSite(t, siteConfig{options: "login_page"})
	b := s.newBrowser()
	page := b.get("/private?x=1")
	if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.body, "/instagram_auth/login") || page.Header.Get("Set-Cookie") != "" {
		t.Errorf("answered %s, Set-Cookie %q:\n%s", page.Status, page.Header.Get("Set-Cookie"), page.body)
	}
	if !strings.Contains(strings.ToLower(page.body), "professional") {
		t.Error("the page does not say which accounts can sign in")
	}
	start := b.get("/instagram_auth/login?return_to=%2Fprivate%3Fx%3D1")
	if got := b.get(b.window(start)).location(); got != "/private?x=1#" {
		t.Errorf("came back to %q", got)
	}
}
