package answer_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
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
	config  sitetest.Config
	reach   func(s *sitetest.Site, b *sitetest.Browser) sitetest.Response
}{
	{code: "login_required", status: 401, text: "Please sign in.", reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response { return b.Fetch("/private") }},
	{code: "login_expired", status: 400, text: sitetest.LoginExpired, deleted: true, reach: func(s *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		return s.NewBrowser().Get(b.Window(b.Get("/private")))
	}},
	{code: "other_browser", status: 400, text: "The sign-in began in another browser, or took too long.", deleted: true, reach: func(s *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		request := sitetest.Navigation(b.T, http.MethodGet, "/private")
		request.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21G93 Twitter for iPhone/10.64.1")
		return s.NewBrowser().Get(b.Window(b.Do(request)))
	}},
	{code: "bad_request", status: 400, text: sitetest.BadRequest, reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		return b.Get(sitetest.Callback + "?code=a&code=b")
	}},
	{code: "bad_host", status: 421, text: "You cannot sign in at this address of the site.", reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		request := sitetest.Navigation(b.T, http.MethodGet, sitetest.Callback+"?code=a")
		request.Host = "unlisted.test"
		return b.Do(request)
	}},
	{code: "cancelled", status: 403, text: "has learned nothing new about you.", deleted: true, reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		state := sitetest.Query(b.T, b.Get("/private").Location()).Get("state")
		return b.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request&state=" + state)
	}},
	{code: "provider_refused", status: 400, text: "Instagram did not accept the sign-in. Please start again.", deleted: true, calls: 1, reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		back := b.Window(b.Get("/private"))
		return b.Get(sitetest.ReplaceQuery(b.T, back, "code", "made-up"))
	}},
	{code: "method", status: 405, text: "This address cannot be used like this.", reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		return b.Do(sitetest.Navigation(b.T, http.MethodPost, sitetest.Callback))
	}},
	{code: "too_many", status: 429, text: "Too many attempts", calls: -1, reach: func(s *sitetest.Site, _ *sitetest.Browser) sitetest.Response {
		for range 40 {
			b := s.NewBrowser()
			if answer := b.Get(sitetest.ReplaceQuery(b.T, b.Window(b.Get("/private")), "code", "made-up")); answer.StatusCode != http.StatusBadRequest {
				return answer
			}
		}
		s.T.Fatal("forty logins of one client in a row could fail")
		return sitetest.Response{}
	}},
	{code: "cookies_blocked", status: 400, text: "Your browser did not keep our cookie.", calls: 4, reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
		for range 2 {
			b.SignIn("/private")
			b.Forget(sitetest.SessionCookie)
		}
		return b.Get("/private")
	}},
	{code: "bad_profile", status: 502, text: "Instagram sent an answer we could not use.", deleted: true, calls: 2,
		reach: sitetest.Misbehaving(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: 200, ContentType: "application/json", Body: `{"id":"x"}`})},
	{code: "provider_error", status: 502, text: "Instagram could not complete the sign-in.", deleted: true, calls: 1,
		reach: sitetest.Misbehaving(simulator.Token, simulator.Fault{Kind: simulator.Status500})},
	{code: "provider_timeout", status: 504, text: "Instagram did not answer in time.", deleted: true, calls: 1, config: sitetest.Config{Options: "timeout 200ms"},
		reach: sitetest.Misbehaving(simulator.Token, simulator.Fault{Kind: simulator.Hang})},
	{code: "provider_unreachable", status: 503, text: "Instagram cannot be reached right now.", deleted: true,
		config: sitetest.Config{Options: "", TokenEndpoint: "http://127.0.0.1:1/oauth/access_token"},
		reach: func(_ *sitetest.Site, b *sitetest.Browser) sitetest.Response {
			return b.Get(b.Window(b.Get("/private")))
		}},
}

func TestE1_EachRefusalHasItsStatusTextCookiesAndCalls(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.code, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			b := s.NewBrowser()
			answer := c.reach(s, b)
			sitetest.WantRefusal(t, answer, c.status, c.text)
			if n := s.Calls(); c.calls >= 0 && n != c.calls {
				t.Errorf("Instagram was asked %d times, want %d", n, c.calls)
			}
			if n := s.Upstream.Count(); n != 0 {
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
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/")
	if got := sitetest.Decode(t, b.Fetch("/instagram_auth/userinfo")); got["id"] != sitetest.UserID || got["username"] != sitetest.Username || got["expires_at"] == "" || got["auth_time"] == "" || fmt.Sprint(got["permissions"]) != "[instagram_business_basic]" || len(got) != 5 {
		t.Errorf("userinfo = %v", got)
	}
	if n := s.Upstream.Count(); n != 0 {
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
			config.Options += "\nerrors handle"
			config.Before = "handle_errors {\n respond \"site says {err.status_code} {http.auth.instagram_auth.error}\" \n}"
			s := sitetest.Start(t, config)
			answer := c.reach(s, s.NewBrowser())
			if want := fmt.Sprintf("site says %d %s", c.status, c.code); answer.StatusCode != c.status || answer.Body != want {
				t.Errorf("answered %s %q, want %q", answer.Status, answer.Body, want)
			}
		})
	}
}

func TestE2_NoForeignTextOnOurPages(t *testing.T) {
	const marker = "xMARKERx"
	s := sitetest.Start(t, sitetest.Config{})
	for name, reach := range map[string]func(b *sitetest.Browser) sitetest.Response{
		"error_description": func(b *sitetest.Browser) sitetest.Response {
			state := sitetest.Query(t, b.Get("/private").Location()).Get("state")
			return b.Get(sitetest.Callback + "?error=access_denied&error_reason=" + marker + "&error_description=" + marker + "&state=" + state)
		},
		"error": func(b *sitetest.Browser) sitetest.Response {
			state := sitetest.Query(t, b.Get("/private").Location()).Get("state")
			return b.Get(sitetest.Callback + "?error=" + marker + "&state=" + state)
		},
		"code": func(b *sitetest.Browser) sitetest.Response {
			return b.Get(sitetest.ReplaceQuery(t, b.Window(b.Get("/private")), "code", marker))
		},
		"Instagram's words": func(b *sitetest.Browser) sitetest.Response {
			back := b.Window(b.Get("/private"))
			s.Instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Answer, Status: 400, ContentType: "application/json",
				Body: `{"error_type":"` + marker + `","code":400,"error_message":"` + marker + `"}`})
			defer s.Instagram.Misbehave(simulator.Token, simulator.Fault{})
			return b.Get(back)
		},
		"another parameter": func(b *sitetest.Browser) sitetest.Response {
			return b.Get(sitetest.Callback + "?code=a&code=b&x=" + marker)
		},
		"state": func(b *sitetest.Browser) sitetest.Response {
			return b.Get(sitetest.Callback + "?code=a&state=" + marker)
		},
		"a cookie": func(b *sitetest.Browser) sitetest.Response {
			b.Plant(sitetest.SessionCookie, marker)
			return b.Get(sitetest.Callback + "?x")
		},
		"headers": func(b *sitetest.Browser) sitetest.Response {
			request := sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?x")
			for _, header := range []string{"X-Request-Id", "User-Agent", "Referer", "X-Forwarded-For", "X-Instagram-User-Id", "Accept-Language"} {
				request.Header.Set(header, marker)
			}
			return b.Do(request)
		},
		"method": func(b *sitetest.Browser) sitetest.Response {
			return b.Do(sitetest.Navigation(t, marker, sitetest.Callback))
		},
		"host": func(b *sitetest.Browser) sitetest.Response {
			request := sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?x")
			request.Host = marker + ".test"
			return b.Do(request)
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := reach(s.NewBrowser())
			if answer.StatusCode < 400 {
				t.Fatalf("answered %s", answer.Status)
			}
			if strings.Contains(strings.ToLower(answer.Body), strings.ToLower(marker)) {
				t.Errorf("the page repeats it:\n%s", answer.Body)
			}
		})
	}
}

func TestE3_PagesHaveTheirHeaders(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "login_page"})
	b := s.NewBrowser()
	for name, answer := range map[string]sitetest.Response{
		"refusal":    b.Get(sitetest.Callback),
		"login page": b.Get("/private"),
		"JSON":       b.Fetch("/private"),
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
		if strings.Contains(answer.Body, "<script") || strings.Contains(answer.Body, "http://") || strings.Contains(answer.Body, "https://") {
			t.Errorf("%s has a script or a foreign address:\n%s", name, answer.Body)
		}
	}
}

func TestTheLoginPageHasOneButtonAndStartsNoLogin(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "login_page"})
	b := s.NewBrowser()
	page := b.Get("/private?x=1")
	if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Body, "/instagram_auth/login") || page.Header.Get("Set-Cookie") != "" {
		t.Errorf("answered %s, Set-Cookie %q:\n%s", page.Status, page.Header.Get("Set-Cookie"), page.Body)
	}
	if !strings.Contains(strings.ToLower(page.Body), "business and creator accounts") {
		t.Error("the page does not say which accounts can sign in")
	}
	start := b.Get("/instagram_auth/login?return_to=%2Fprivate%3Fx%3D1")
	if got := b.Get(b.Window(start)).Location(); got != "/private?x=1#" {
		t.Errorf("came back to %q", got)
	}
}
