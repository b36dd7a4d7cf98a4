package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Browsers as they introduce themselves. That of Instagram is from shalanah/inapp-debugger #22.
const (
	safari           = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Mobile/15E148 Safari/604.1"
	instagramOnIOS   = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/23E254 Instagram 424.1.0.31.54 (iPhone18,4; iOS 26_4_1; en_GB; en-GB; scale=3.00; 1260x2736; IABMV/1; 933996394) NW/3 Safari/604.1"
	facebookOnDroid  = "Mozilla/5.0 (Linux; Android 14; SM-A135M Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.134 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/470.0.0.50.109;]"
	otherBrowserText = "The sign-in began in another browser, or took too long."
)

// getAs opens an address in a browser that introduces itself.
func getAs(b *sitetest.Browser, agent, address string) sitetest.Response {
	b.T.Helper()
	request := sitetest.Navigation(b.T, http.MethodGet, address)
	request.Header.Set("User-Agent", agent)
	return b.Do(request)
}

func TestALoginThatBeganInAnotherBrowserIsExplained(t *testing.T) {
	for _, c := range []struct{ name, start, back, counted string }{
		{"from Safari into Instagram's app", safari, instagramOnIOS, "instagram"},
		{"from Facebook's app to Safari", facebookOnDroid, safari, "facebook"},
		{"from one app to another", facebookOnDroid, instagramOnIOS, "instagram"},
		{"an app that has lost its cookie", instagramOnIOS, instagramOnIOS, "instagram"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Global: "metrics"})
			first, second := s.NewBrowser(), s.NewBrowser()
			back := first.Window(getAs(first, c.start, "/private?x=1"))
			answer := getAs(second, c.back, back)
			sitetest.WantRefusal(t, answer, http.StatusBadRequest, otherBrowserText)
			if link := `href="/instagram_auth/login?return_to=%2Fprivate%3Fx%3D1"`; !strings.Contains(answer.Body, link) {
				t.Errorf("no way on to the page that was wanted:\n%s", answer.Body)
			}
			if second.Cookie(sitetest.SessionCookie) != "" || s.Calls() != 0 {
				t.Errorf("the browser has a session, or Instagram was asked %d times", s.Calls())
			}
			if name := `in_app_browser_total{browser="` + c.counted + `"}`; sitetest.Counted(t, admin)[name] != "1" {
				t.Errorf("%s is not counted: %v", name, sitetest.Counted(t, admin))
			}
			// The login has not been used: the browser that began it can still finish it.
			if got := getAs(first, c.start, back).Location(); got != "/private?x=1#" {
				t.Errorf("the login leads to %q", got)
			}
		})
	}
}

func TestC1_ACallbackThatMayBeForgedIsExpiredAsBefore(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: sitetest.TrustForwarded})
	b := s.NewBrowser()
	back := b.Window(getAs(b, instagramOnIOS, "/private"))
	state, code := sitetest.Query(t, back).Get("state"), sitetest.Query(t, back).Get("code")
	used := s.NewBrowser()
	usedBack := used.Window(getAs(used, instagramOnIOS, "/private"))
	getAs(used, instagramOnIOS, usedBack)
	under := s.NewBrowser() // a login of its own under way
	getAs(under, instagramOnIOS, "/private")
	ordinary := s.NewBrowser()
	ordinaryBack := ordinary.Window(getAs(ordinary, safari, "/private"))
	for name, c := range map[string]struct {
		browser       *sitetest.Browser
		agent, target string
	}{
		"a made-up state":                  {s.NewBrowser(), instagramOnIOS, sitetest.Callback + "?code=x&state=" + strings.Repeat("x", session.StateLength)},
		"a state that was changed":         {s.NewBrowser(), instagramOnIOS, sitetest.Callback + "?code=" + code + "&state=" + state[:100] + flipped(state[100]) + state[101:]},
		"a nonce of another state":         {s.NewBrowser(), instagramOnIOS, sitetest.Callback + "?code=" + code + "&state=" + sitetest.Query(t, usedBack).Get("state")[:43] + state[43:]},
		"a login that was finished":        {s.NewBrowser(), instagramOnIOS, usedBack},
		"another login under way":          {under, instagramOnIOS, back},
		"between two ordinary browsers":    {s.NewBrowser(), safari, ordinaryBack},
		"an error of Instagram's window":   {s.NewBrowser(), instagramOnIOS, sitetest.Callback + "?error=access_denied&error_reason=user_denied&state=" + state},
		"an app that only claims to be so": {s.NewBrowser(), "Instagram 424.1.0.31.54 Android", ordinaryBack},
	} {
		answer := getAs(c.browser, c.agent, c.target)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Body, sitetest.LoginExpired) || strings.Contains(answer.Body, otherBrowserText) {
			t.Errorf("%s: answered %s\n%s", name, answer.Status, answer.Body)
		}
	}
	if n := s.Instagram.Calls(simulator.Token); n != 1 {
		t.Errorf("%d codes were exchanged, want that of the finished login", n)
	}
}

// flipped returns another letter of the alphabet of states.
func flipped(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestC1_ASignedInVisitorSeesNoPageAboutBrowsers(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	first, second := s.NewBrowser(), s.NewBrowser()
	back := first.Window(getAs(first, safari, "/private"))
	second.SignIn("/private")
	if answer := getAs(second, instagramOnIOS, back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("answered %s\n%s", answer.Status, answer.Body)
	}
}

func TestC3_AStateOfAnotherHostIsNotExplained(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Redirects: []string{"https://other.test/auth/"}, Block: strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, sitetest.RedirectURI+" https://other.test/auth/", 1) + "\nreverse_proxy {upstream}"})
	b := s.NewBrowser()
	back := b.Window(getAs(b, instagramOnIOS, "/private"))
	answer := getAs(s.NewBrowser(), instagramOnIOS, strings.Replace(back, sitetest.Origin, "https://other.test", 1))
	if answer.StatusCode != http.StatusBadRequest || strings.Contains(answer.Body, otherBrowserText) {
		t.Errorf("answered %s\n%s", answer.Status, answer.Body)
	}
}

// What the state keeps of the return address is the visitor's own, but anybody can send it on.
func TestR2_TheReturnAddressOfAStateLeadsNowhereElse(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: sitetest.TrustForwarded})
	for client, hostile := range []string{
		"//evil.example/x", `/\evil.example`, "https://evil.example/", "/x/..//evil.example", "/instagram_auth/logout", "javascript:alert(1)", "/\r\nSet-Cookie: a=b", "/%0d%0a", "/#Intent;package=com.evil;end", "/?\"><script>",
	} {
		b := s.NewBrowser()
		back := b.Window(getAs(b, safari, "/instagram_auth/login?return_to="+url.QueryEscape(hostile)))
		request := sitetest.FromClient(sitetest.Navigation(t, http.MethodGet, back), client)
		request.Header.Set("User-Agent", facebookOnDroid)
		answer := s.NewBrowser().Do(request)
		sitetest.WantRefusal(t, answer, http.StatusBadRequest, otherBrowserText)
		for _, part := range []string{"evil.example/", "javascript:", "<script", "com.evil;end#", `"//`} {
			if strings.Contains(strings.ReplaceAll(answer.Body, "%2F%2Fevil.example", ""), part) {
				t.Errorf("%q: the page has %q\n%s", hostile, part, answer.Body)
			}
		}
	}
}
