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
	iOSApp           = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.32.2485"
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
		"a state of an earlier version":    {b, instagramOnIOS, sitetest.Callback + "?code=" + code + "&state=" + state[:session.EarlierStateLength]},
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

// The page offers an address of this site alone, and asks no app for anything else.
func TestR1_ThePageOpensNothingButThisSite(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: sitetest.TrustForwarded})
	client := 0
	page := func(agent, returnTo string, change func(*http.Request)) string {
		client++
		b := s.NewBrowser()
		request := sitetest.FromClient(sitetest.Navigation(t, http.MethodGet, b.Window(getAs(b, safari, "/instagram_auth/login?return_to="+url.QueryEscape(returnTo)))), client)
		request.Header.Set("User-Agent", agent)
		change(request)
		return s.NewBrowser().Do(request).Body
	}
	same := func(*http.Request) {}
	for _, c := range []struct{ name, agent, returnTo, address, open string }{
		{"Instagram", instagramOnIOS, "/a?b=c&d", "https://example.test/a?b=c&amp;d", "instagram://extbrowser/?url=https%3A%2F%2Fexample.test%2Fa%3Fb%3Dc%26d"},
		{"Android", facebookOnDroid, "/a?b=c&d", "https://example.test/a?b=c&amp;d", "intent://example.test/a?b=c&amp;d#Intent;scheme=https;end"},
		{"another app on iOS", iOSApp, "/a;b", "https://example.test/a;b", "x-safari-https://example.test/a;b"},
		{"orders to Android", facebookOnDroid, "/a#Intent;package=com.evil;end", "https://example.test/a#Intent;package=com.evil;end", "intent://example.test/a#Intent;scheme=https;end"},
		{"encoded orders to Android", facebookOnDroid, "/a%23Intent;package=com.evil;end", "https://example.test/a%23Intent;package=com.evil;end", "intent://example.test/a%23Intent;package=com.evil;end#Intent;scheme=https;end"},
		{"a link of Android in the query", facebookOnDroid, "/?u=intent://evil.example/#Intent;end", "https://example.test/?u=intent://evil.example/#Intent;end", "intent://example.test/?u=intent://evil.example/#Intent;scheme=https;end"},
		{"quotes", facebookOnDroid, `/?"><b>'`, "https://example.test/?&#34;&gt;&lt;b&gt;&#39;", "intent://example.test/?%22%3E%3Cb%3E%27#Intent;scheme=https;end"},
		{"another site", facebookOnDroid, "https://evil.example/", "https://example.test/", "intent://example.test/#Intent;scheme=https;end"},
		{"two slashes", instagramOnIOS, "//evil.example/", "https://example.test/", "instagram://extbrowser/?url=https%3A%2F%2Fexample.test%2F"},
	} {
		body := page(c.agent, c.returnTo, same)
		if want := `<bdi class="address" dir="ltr">` + c.address + `</bdi>`; !strings.Contains(body, want) {
			t.Errorf("%s: no %s in\n%s", c.name, want, body)
		}
		if want := `<a class="button second" href="` + c.open + `" target="_top">Open in your browser</a>`; !strings.Contains(body, want) {
			t.Errorf("%s: no %s in\n%s", c.name, want, body)
		}
		if n := strings.Count(body, "://example.test") + strings.Count(body, "%3A%2F%2Fexample.test"); n != 2 {
			t.Errorf("%s: %d addresses\n%s", c.name, n, body)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"a proxy's header": func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "evil.example") },
		"another host":     func(r *http.Request) { r.Host = "evil.example" },
		"capitals":         func(r *http.Request) { r.Host = "EXAMPLE.test:443" },
		"a port":           func(r *http.Request) { r.Host = "example.test:8443" },
		"a quote":          func(r *http.Request) { r.Host = `example.test"onload=` },
	} {
		if body := page(facebookOnDroid, "/", change); strings.Contains(body, "evil.example/") || strings.Contains(body, "://evil") || strings.Contains(body, ":8443/") || strings.Contains(body, `"onload`) || strings.Contains(body, "//EXAMPLE") {
			t.Errorf("%s is on the page\n%s", name, body)
		}
	}
}

func TestARefusedCallbackIsLeftAndSaysTheSame(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	first, second := s.NewBrowser(), s.NewBrowser()
	answer := getAs(second, facebookOnDroid, first.Window(getAs(first, safari, "/private?x=1")))
	_, moved, ok := strings.Cut(answer.Header.Get("Refresh"), "url=")
	if !ok || strings.Contains(moved, "code=") {
		t.Fatalf("Refresh is %q", answer.Header.Get("Refresh"))
	}
	again := getAs(second, facebookOnDroid, moved)
	sitetest.WantRefusal(t, again, http.StatusBadRequest, otherBrowserText)
	for _, part := range []string{"intent://example.test/private?x=1#Intent;scheme=https;end", ">https://example.test/private?x=1<", "return_to=%2Fprivate%3Fx%3D1"} {
		if !strings.Contains(again.Body, part) || !strings.Contains(answer.Body, part) {
			t.Errorf("a page without %s:\n%s\n%s", part, answer.Body, again.Body)
		}
	}
	if policy := again.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "intent") {
		t.Errorf("policy %s", policy)
	}
	// The usual browser is told the same, and is not sent anywhere else: it is there already.
	if usual := getAs(s.NewBrowser(), safari, moved); !strings.Contains(usual.Body, otherBrowserText) || strings.Contains(usual.Body, "Open in your browser") {
		t.Errorf("in the usual browser:\n%s", usual.Body)
	}
}

func TestTheSignInPageTellsTheBrowserOfAnAppAlone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "login_page"})
	const note = "You are in the browser of an app."
	if body := getAs(s.NewBrowser(), instagramOnIOS, "/private?x=1").Body; !strings.Contains(body, note) || !strings.Contains(body, ">https://example.test/private?x=1<") || !strings.Contains(body, "instagram://extbrowser/?url=https%3A%2F%2Fexample.test%2Fprivate%3Fx%3D1") {
		t.Errorf("in an app:\n%s", body)
	}
	for _, agent := range []string{safari, "", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"} {
		if body := getAs(s.NewBrowser(), agent, "/private").Body; strings.Contains(body, note) || strings.Contains(body, "Open in your browser") || !strings.Contains(body, "Sign in with Instagram") {
			t.Errorf("%s:\n%s", agent, body)
		}
	}
}

func TestAProgramIsToldInJSON(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	request := sitetest.Navigation(t, http.MethodGet, b.Window(getAs(b, safari, "/private")))
	for name := range request.Header {
		request.Header.Del(name)
	}
	request.Header.Set("User-Agent", facebookOnDroid)
	request.Header.Set("Accept", "application/json")
	got := sitetest.Decode(t, s.NewBrowser().Do(request))
	if got["error"] != "other_browser" || got["message"] != otherBrowserText || got["login_url"] != "/instagram_auth/login?return_to=%2Fprivate" {
		t.Errorf("JSON %v", got)
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
