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
	for _, method := range []string{"GET", "HEAD"} {
		b := s.newBrowser()
		start := b.do(navigation(t, method, "/form"))
		if start.StatusCode != http.StatusFound {
			t.Fatalf("%s answered %s", method, start.Status)
		}
		if got := b.get(b.window(start)).location(); got != "/form#" {
			t.Errorf("%s came back to %q", method, got)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "QUERY"} {
		if answer := s.newBrowser().do(navigation(t, method, "/form")); answer.StatusCode != http.StatusUnauthorized || answer.location() != "" {
			t.Errorf("%s answered %s to %q", method, answer.Status, answer.location())
		}
	}
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
