package instagramauth_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestA1_StateIsBoundToBrowser(t *testing.T) {
	s := startSite(t, siteConfig{})
	one, two := s.newBrowser(), s.newBrowser()

	first, second := one.get("/private?secret=page"), one.get("/private?secret=page")
	state := query(t, first.location()).Get("state")
	if other := query(t, second.location()).Get("state"); state == other {
		t.Errorf("two starts have the same state %q", state)
	}
	if a, b := first.Header.Get("Set-Cookie"), second.Header.Get("Set-Cookie"); a == b || a == "" {
		t.Errorf("two starts have the same cookie %q", a)
	}
	raw, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(raw) != 32 {
		t.Errorf("state %q is not 32 bytes", state)
	}
	if strings.Contains(string(raw), "private") || strings.Contains(state, "private") {
		t.Errorf("state %q shows the return path", state)
	}

	stolen := two.get(one.window(first))
	wantRefusal(t, stolen, http.StatusBadRequest, "This sign-in is no longer valid. Please start again.")
	if n := s.calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestA2_TheAuthorizationURLHasExactlyOurParameters(t *testing.T) {
	s := startSite(t, siteConfig{})
	start := s.newBrowser().get("/private?scope=x&client_id=evil&state=1&redirect_uri=https://evil.example&force_reauth=1")
	got := query(t, start.location())
	want := map[string]string{
		"client_id": appID, "redirect_uri": redirectURI, "response_type": "code", "scope": "instagram_business_basic",
	}
	for name, value := range want {
		if !slices.Equal(got[name], []string{value}) {
			t.Errorf("%s = %q, want %q once", name, got[name], value)
		}
	}
	if len(got["state"]) != 1 || len(got) != len(want)+1 {
		t.Errorf("parameters = %v", got)
	}
}

func TestA2_OptionsOfTheWindowComeFromTheConfigurationAlone(t *testing.T) {
	s := startSite(t, siteConfig{options: "authorize force_reauth true\nscope instagram_business_basic instagram_business_manage_comments"})
	got := query(t, s.newBrowser().get("/?force_reauth=false").location())
	if got.Get("force_reauth") != "true" || got.Get("scope") != "instagram_business_basic,instagram_business_manage_comments" {
		t.Errorf("parameters = %v", got)
	}
}

func TestA3_RedirectURIComesFromTheConfiguration(t *testing.T) {
	s := startSite(t, siteConfig{})
	for name, value := range map[string]string{
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "81", "X-Forwarded-Prefix": "/x",
		"Forwarded": "host=evil.example;proto=http", "X-Original-Url": "https://evil.example/", "X-Rewrite-Url": "//evil.example/", "X-Host": "evil.example",
	} {
		request := navigation(t, http.MethodGet, "/private")
		request.Header.Set(name, value)
		start := s.newBrowser().do(request)
		if got := query(t, start.location()).Get("redirect_uri"); got != redirectURI {
			t.Errorf("with %s: redirect_uri = %q", name, got)
		}
	}
	b := s.newBrowser()
	b.signIn("/private")
	if sent := s.tokenForm(); sent.Get("redirect_uri") != redirectURI {
		t.Errorf("the token request carried redirect_uri %q", sent.Get("redirect_uri"))
	}
	request := navigation(t, http.MethodGet, "/private")
	request.Host = "unlisted.test"
	if answer := s.newBrowser().do(request); answer.StatusCode != http.StatusFound || answer.location() != origin+"/private" {
		t.Errorf("answered %s to %q", answer.Status, answer.location())
	}
}

func TestA3_TwoHostsInParallelNeverGetTheOtherOnesURI(t *testing.T) {
	s := startSite(t, siteConfig{block: fmt.Sprintf(`instagram_auth {
		app_id %s
		app_secret %s
		redirect_uri %s https://other.test/auth/
		endpoints {endpoints}
	}`, appID, appSecret, redirectURI)})
	var wait sync.WaitGroup
	for worker := range 10 {
		at := []string{origin, "https://other.test"}[worker%2]
		b := s.newBrowser()
		wait.Go(func() {
			for range 100 {
				answer, err := b.http.Do(navigation(t, http.MethodGet, at+"/private"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if got := query(t, answer.Header.Get("Location")).Get("redirect_uri"); got != at+callback {
					t.Errorf("on %s: redirect_uri = %q", at, got)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestA4_NoClientControlledThingOpensAProtectedPath(t *testing.T) {
	s := startSite(t, siteConfig{})
	headers := []string{
		"User-Agent: kube-probe/1.0", "User-Agent: GoogleHC/1.0", "User-Agent: ", "Accept: text/event-stream", "Accept: application/json", "Accept: image/*",
		"Upgrade: websocket", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: same-origin", "Sec-Purpose: prefetch", "Purpose: prefetch",
		"Authorization: Bearer x", "Authorization: Basic eDp5", "X-Forwarded-Uri: /public", "X-Forwarded-Method: OPTIONS", "X-Forwarded-For: 127.0.0.1",
		"X-Original-Url: /auth/", "X-Rewrite-Url: /instagram_auth/login", "X-Http-Method-Override: OPTIONS", "X-Instagram-User-Id: 1",
		"X-Instagram-Username: admin", "X-Auth-Request-User: admin", "Remote-User: admin", "Cookie: __Host-Http-instagram_auth=1",
		"Cookie: instagram_auth=1", "Origin: https://example.test", "Host: example.test:443", "Access-Control-Request-Method: GET", "Early-Data: 1",
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request := navigation(t, http.MethodGet, "/private")
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
		s.wantClosed(header, s.newBrowser().do(request))
	}
	for _, method := range []string{"OPTIONS", "HEAD", "TRACE", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "MADEUP"} {
		s.wantClosed(method, s.newBrowser().do(navigation(t, method, "/private")))
	}
	for _, target := range []string{"/private?access_token=IGAA", "/private?code=x&state=y", "/private/../auth", "/private%2f..%2fauth/", "//private", "/PRIVATE", "/private;/auth/"} {
		s.wantClosed(target, s.newBrowser().get(target))
	}
	for _, line := range []string{"GET /private#/auth/ HTTP/1.1", "GET http://example.test/private HTTP/1.1"} {
		s.wantClosed(line, s.raw(t, line+"\r\nHost: example.test\r\nConnection: close\r\n\r\n"))
	}
	if n := s.upstream.count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

// wantClosed fails the test unless an answer keeps a visitor out.
func (s *site) wantClosed(what string, answer response) {
	s.t.Helper()
	switch answer.StatusCode {
	case http.StatusFound, http.StatusSeeOther, http.StatusUnauthorized, http.StatusForbidden:
	default:
		s.t.Errorf("%s: answered %s", what, answer.Status)
	}
}

func TestA5_RedirectsToInstagramNeverCarryABodyOn(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, c := range []struct {
		method, referer string
		status          int
		returnTo        string
	}{
		{"GET", "", http.StatusFound, "/form"},
		{"HEAD", "", http.StatusFound, "/form"},
		{"POST", origin + "/page?x=1", http.StatusSeeOther, "/page?x=1"},
		{"POST", "https://evil.example/page", http.StatusSeeOther, "/"},
		{"POST", origin + "//evil.example", http.StatusSeeOther, "/"},
		{"POST", origin + callback, http.StatusSeeOther, "/"},
		{"POST", "", http.StatusSeeOther, "/"},
		{"PUT", "/page", http.StatusSeeOther, "/"},
		{"DELETE", origin + "/page", http.StatusSeeOther, "/page"},
	} {
		t.Run(c.method+" from "+c.referer, func(t *testing.T) {
			b := s.newBrowser()
			request := navigation(t, c.method, "/form")
			if c.referer != "" {
				request.Header.Set("Referer", c.referer)
			}
			start := b.do(request)
			if start.StatusCode != c.status {
				t.Fatalf("answered %s, want %d", start.Status, c.status)
			}
			if got := b.get(b.window(start)).location(); got != c.returnTo+"#" {
				t.Errorf("came back to %q, want %q", got, c.returnTo)
			}
		})
	}
}

func TestA5_TheBodyOfARequestIsNotRead(t *testing.T) {
	s := startSite(t, siteConfig{})
	body := &countingReader{left: 10 << 20}
	request := navigation(t, http.MethodPost, "/form")
	request.Body, request.ContentLength = io.NopCloser(body), int64(body.left)
	answer, err := s.newBrowser().http.Do(request)
	// The client may find the connection closed while it still writes.
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther {
			t.Errorf("answered %s", answer.Status)
		}
	}
	if n := s.upstream.count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

// countingReader is a long body of zeros.
type countingReader struct{ left int }

func (r *countingReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), r.left)
	r.left -= n
	return n, nil
}

func TestA7_ABrowserThatLosesItsSessionIsToldSoAfterTwoRounds(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	for round := range 2 {
		start := b.get("/private")
		if start.StatusCode != http.StatusFound {
			t.Fatalf("round %d: answered %s", round+1, start.Status)
		}
		b.get(b.window(start))
		b.forget(sessionCookie)
	}
	wantRefusal(t, b.get("/private"), http.StatusBadRequest, "Your browser did not keep our cookie.")
	if n := s.instagram.Calls("token"); n > 2 {
		t.Errorf("codes were exchanged %d times", n)
	}
	if again := b.get("/private"); again.StatusCode != http.StatusFound {
		t.Errorf("trying again after the page answered %s", again.Status)
	}
}

func TestA7_AClientWithoutCookiesIsRedirectedOnceForEachRequest(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.http.Jar = nil
	back := b.window(b.get("/private"))
	wantRefusal(t, b.get(back), http.StatusBadRequest, "This sign-in is no longer valid. Please start again.")
}

func TestA7_TheMarkOfALoginGoesWhenTheSessionHasArrived(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	for range 4 {
		b.signIn("/private")
		if page := b.get("/private"); page.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", page.Status)
		}
		b.forget(sessionCookie)
	}
}

func TestA8_OnlyANavigationIsSentToInstagram(t *testing.T) {
	s := startSite(t, siteConfig{})
	const navigate, refused = http.StatusFound, http.StatusUnauthorized
	for _, c := range []struct {
		name    string
		headers string
		status  int
	}{
		{"a browser of today", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|Accept: text/html", navigate},
		{"navigation without a destination", "Sec-Fetch-Mode: navigate|Accept: text/html", navigate},
		{"an old browser", "Accept: text/html,application/xhtml+xml", navigate},
		{"curl", "Accept: */*", navigate},
		{"no Accept at all", "", navigate},
		{"an old browser's XHR", "Accept: text/html|X-Requested-With: XMLHttpRequest", refused},
		{"an iframe", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|Accept: text/html", refused},
		{"a frame", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: frame|Accept: text/html", refused},
		{"an object", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: object", refused},
		{"an image", "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Accept: image/*,*/*;q=0.8", refused},
		{"a script", "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: script|Accept: */*", refused},
		{"a style", "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: style|Accept: text/css", refused},
		{"fetch", "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: */*", refused},
		{"fetch asking for HTML", "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: text/html", refused},
		{"same-origin fetch", "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: empty|Accept: */*", refused},
		{"an old fetch for JSON", "Accept: application/json", refused},
		{"an event stream", "Accept: text/event-stream", refused},
		{"a websocket", "Connection: Upgrade|Upgrade: websocket|Sec-Fetch-Mode: websocket|Sec-Fetch-Dest: websocket", refused},
		{"an old websocket", "Connection: Upgrade|Upgrade: websocket", refused},
		{"a prefetch", "Sec-Purpose: prefetch|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|Accept: text/html", refused},
		{"a prerender", "Sec-Purpose: prefetch;prerender|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", refused},
		{"a worker", "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: worker", refused},
		{"a manifest", "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: manifest", refused},
		{"a destination alone", "Sec-Fetch-Dest: document|Accept: text/html", refused},
		{"a feed reader", "Accept: application/rss+xml", refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := navigation(t, http.MethodGet, "/private")
			request.Header = http.Header{}
			for header := range strings.SplitSeq(c.headers, "|") {
				if name, value, ok := strings.Cut(header, ": "); ok {
					request.Header.Set(name, value)
				}
			}
			answer := s.newBrowser().do(request)
			if answer.StatusCode != c.status {
				t.Fatalf("answered %s, want %d", answer.Status, c.status)
			}
			if c.status == refused {
				wantLoginRequired(t, answer)
			}
		})
	}
}

func wantLoginRequired(t *testing.T, answer response) {
	t.Helper()
	got := decode(t, answer)
	if got["error"] != "login_required" || got["login_url"] == "" || got["message"] != "Please sign in." {
		t.Errorf("body = %s", answer.body)
	}
	if answer.Header.Get("Www-Authenticate") != "Instagram" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v", answer.Header)
	}
	if got := answer.Header.Get("Set-Cookie"); got != "" {
		t.Errorf("Set-Cookie = %q", got)
	}
}

func TestA8_AThousandFetchesSetNoCookie(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	for range 1000 {
		wantLoginRequired(t, b.fetch("/private"))
	}
}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("parsing %q: %v", address, err)
	}
	return u.Query()
}
