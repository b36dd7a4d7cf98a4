package instagramauth_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestA1_StateIsBoundToBrowser(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	one, two := s.NewBrowser(), s.NewBrowser()

	first, second := one.Get("/private?secret=page"), one.Get("/private?secret=page")
	state := sitetest.Query(t, first.Location()).Get("state")
	if other := sitetest.Query(t, second.Location()).Get("state"); state == other {
		t.Errorf("two starts have the same state %q", state)
	}
	if a, b := first.Header.Get("Set-Cookie"), second.Header.Get("Set-Cookie"); a == b || a == "" {
		t.Errorf("two starts have the same cookie %q", a)
	}
	nonce, err := base64.RawURLEncoding.DecodeString(state[:43])
	rest, restErr := base64.RawURLEncoding.DecodeString(state[43:])
	if err != nil || restErr != nil || len(nonce) != 32 {
		t.Errorf("state %q does not begin with 32 bytes", state)
	}
	if strings.Contains(string(rest), "private") || strings.Contains(state, "private") {
		t.Errorf("state %q shows the return path", state)
	}

	stolen := two.Get(one.Window(first))
	sitetest.WantRefusal(t, stolen, http.StatusBadRequest, "This sign-in is no longer valid. Please start again.")
	if n := s.Calls(); n != 0 {
		t.Errorf("Instagram was asked %d times", n)
	}
}

func TestA2_TheAuthorizationURLHasExactlyOurParameters(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	start := s.NewBrowser().Get("/private?scope=x&client_id=evil&state=1&redirect_uri=https://evil.example&force_reauth=1")
	got := sitetest.Query(t, start.Location())
	want := map[string]string{
		"client_id": sitetest.AppID, "redirect_uri": sitetest.RedirectURI, "response_type": "code", "scope": "instagram_business_basic",
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
	s := sitetest.Start(t, sitetest.Config{Options: "authorize force_reauth true\nscope instagram_business_basic instagram_business_manage_comments"})
	got := sitetest.Query(t, s.NewBrowser().Get("/?force_reauth=false").Location())
	if got.Get("force_reauth") != "true" || got.Get("scope") != "instagram_business_basic,instagram_business_manage_comments" {
		t.Errorf("parameters = %v", got)
	}
}

func TestA3_RedirectURIComesFromTheConfiguration(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for name, value := range map[string]string{
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "81", "X-Forwarded-Prefix": "/x",
		"Forwarded": "host=evil.example;proto=http", "X-Original-Url": "https://evil.example/", "X-Rewrite-Url": "//evil.example/", "X-Host": "evil.example",
	} {
		request := sitetest.Navigation(t, http.MethodGet, "/private")
		request.Header.Set(name, value)
		start := s.NewBrowser().Do(request)
		if got := sitetest.Query(t, start.Location()).Get("redirect_uri"); got != sitetest.RedirectURI {
			t.Errorf("with %s: redirect_uri = %q", name, got)
		}
	}
	b := s.NewBrowser()
	b.SignIn("/private")
	if sent := s.TokenForm(); sent.Get("redirect_uri") != sitetest.RedirectURI {
		t.Errorf("the token request carried redirect_uri %q", sent.Get("redirect_uri"))
	}
	request := sitetest.Navigation(t, http.MethodGet, "/private")
	request.Host = "unlisted.test"
	if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusFound || answer.Location() != sitetest.Origin+"/private" {
		t.Errorf("answered %s to %q", answer.Status, answer.Location())
	}
}

func TestA3_TwoHostsInParallelNeverGetTheOtherOnesURI(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Block: fmt.Sprintf(`instagram_auth {
		app_id %s
		app_secret %s
		redirect_uri %s https://other.test/auth/
		endpoints {endpoints}
	}`, sitetest.AppID, sitetest.AppSecret, sitetest.RedirectURI)})
	var wait sync.WaitGroup
	for worker := range 10 {
		at := []string{sitetest.Origin, "https://other.test"}[worker%2]
		b := s.NewBrowser()
		wait.Go(func() {
			for range 100 {
				answer, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, at+"/private"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if got := sitetest.Query(t, answer.Header.Get("Location")).Get("redirect_uri"); got != at+sitetest.Callback {
					t.Errorf("on %s: redirect_uri = %q", at, got)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestA4_NoClientControlledThingOpensAProtectedPath(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	headers := []string{
		"User-Agent: kube-probe/1.0", "User-Agent: GoogleHC/1.0", "User-Agent: ", "Accept: text/event-stream", "Accept: application/json", "Accept: image/*",
		"Upgrade: websocket", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: same-origin", "Sec-Purpose: prefetch", "Purpose: prefetch",
		"Authorization: Bearer x", "Authorization: Basic eDp5", "X-Forwarded-Uri: /public", "X-Forwarded-Method: OPTIONS", "X-Forwarded-For: 127.0.0.1",
		"X-Original-Url: /auth/", "X-Rewrite-Url: /instagram_auth/login", "X-HTTP-Method-Override: OPTIONS", "X-Instagram-User-Id: 1",
		"X-Instagram-Username: admin", "X-Auth-Request-User: admin", "Remote-User: admin", "Cookie: __Host-HTTP-instagram_auth=1",
		"Cookie: instagram_auth=1", "Origin: https://example.test", "Host: example.test:443", "Access-Control-Request-Method: GET", "Early-Data: 1",
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request := sitetest.Navigation(t, http.MethodGet, "/private")
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
		s.WantClosed(header, s.NewBrowser().Do(request))
	}
	for _, method := range []string{"OPTIONS", "HEAD", "TRACE", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "MADEUP"} {
		s.WantClosed(method, s.NewBrowser().Do(sitetest.Navigation(t, method, "/private")))
	}
	for _, target := range []string{"/private?access_token=IGAA", "/private?code=x&state=y", "/private/../auth", "/private%2f..%2fauth/", "//private", "/PRIVATE", "/private;/auth/"} {
		s.WantClosed(target, s.NewBrowser().Get(target))
	}
	for _, line := range []string{"GET /private#/auth/ HTTP/1.1", "GET http://example.test/private HTTP/1.1"} {
		s.WantClosed(line, s.Raw(t, line+"\r\nHost: example.test\r\nConnection: close\r\n\r\n"))
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestA5_RedirectsToInstagramNeverCarryABodyOn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, method := range []string{"GET", "HEAD"} {
		b := s.NewBrowser()
		start := b.Do(sitetest.Navigation(t, method, "/form"))
		if start.StatusCode != http.StatusFound {
			t.Fatalf("%s answered %s", method, start.Status)
		}
		if got := b.Get(b.Window(start)).Location(); got != "/form#" {
			t.Errorf("%s came back to %q", method, got)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "QUERY"} {
		if answer := s.NewBrowser().Do(sitetest.Navigation(t, method, "/form")); answer.StatusCode != http.StatusUnauthorized || answer.Location() != "" {
			t.Errorf("%s answered %s to %q", method, answer.Status, answer.Location())
		}
	}
}

func TestA7_ABrowserThatLosesItsSessionIsToldSoAfterTwoRounds(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	for round := range 2 {
		start := b.Get("/private")
		if start.StatusCode != http.StatusFound {
			t.Fatalf("round %d: answered %s", round+1, start.Status)
		}
		b.Get(b.Window(start))
		b.Forget(sitetest.SessionCookie)
	}
	sitetest.WantRefusal(t, b.Get("/private"), http.StatusBadRequest, "Your browser did not keep our cookie.")
	if n := s.Instagram.Calls("token"); n > 2 {
		t.Errorf("codes were exchanged %d times", n)
	}
	if again := b.Get("/private"); again.StatusCode != http.StatusFound {
		t.Errorf("trying again after the page answered %s", again.Status)
	}
}

func TestA7_AClientWithoutCookiesIsRedirectedOnceForEachRequest(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.HTTP.Jar = nil
	back := b.Window(b.Get("/private"))
	sitetest.WantRefusal(t, b.Get(back), http.StatusBadRequest, "This sign-in is no longer valid. Please start again.")
}

func TestA7_TheMarkOfALoginGoesWhenTheSessionHasArrived(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	for range 4 {
		b.SignIn("/private")
		if page := b.Get("/private"); page.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", page.Status)
		}
		b.Forget(sitetest.SessionCookie)
	}
}

func TestA8_AThousandFetchesSetNoCookie(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	for range 1000 {
		sitetest.WantLoginRequired(t, b.Fetch("/private"))
	}
}

func TestAVisitorSignsInAndLandsOnThePageFirstAskedFor(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()

	arrived := b.SignIn("/private?a=1")
	if got, want := arrived.Location(), "/private?a=1#"; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	page := b.Get("/private?a=1")
	if page.StatusCode != http.StatusOK || page.Body != "hello "+sitetest.Username {
		t.Errorf("page = %s %q", page.Status, page.Body)
	}
	if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != sitetest.UserID {
		t.Errorf("X-Instagram-User-Id = %q, want %q", got, sitetest.UserID)
	}
}
