package instagramauth_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// What is checked a second time, or beside the ordinary way.

// sealed starts a login whose return path nobody has checked, as somebody with the
// secret could, and returns the address that Instagram sends the browser back to.
func (b *browser) sealed(returnTo string) (back string) {
	b.t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	state, lines, err := cookies.Start(session.Login{RedirectURI: redirectURI, ReturnTo: returnTo}, new(session.Found))
	if err != nil {
		b.t.Fatal(err)
	}
	name, value, _ := strings.Cut(strings.Split(lines[0], ";")[0], "=")
	b.plant(name, value)
	window := b.get("/instagram_auth/login").location()
	return b.get(strings.Replace(window, query(b.t, window).Get("state"), state, 1)).location()
}

var sealedReturns = []string{"//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "/.//evil.example", "/%2e//evil.example", "javascript:alert(1)", "evil.example", ""}

func TestR2_ASealedReturnPathIsCheckedBeforeItIsUsed(t *testing.T) {
	s := startSite(t, siteConfig{})
	for _, returnTo := range append([]string{"/instagram_auth/login", callback + "?code=x"}, sealedReturns...) {
		b := s.newBrowser()
		answer := b.get(b.sealed(returnTo))
		if answer.StatusCode != http.StatusSeeOther || answer.location() != "/#" {
			t.Errorf("%q: answered %s to %q", returnTo, answer.Status, answer.location())
		}
	}
	b := s.newBrowser()
	if got := b.get(b.sealed("/good?x=1")).location(); got != "/good?x=1#" {
		t.Errorf("a good one came back to %q", got)
	}
}

func TestR2_ASealedReturnPathIsCheckedBeforeItIsHandedOff(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff"})
	for _, returnTo := range sealedReturns {
		b := s.newBrowser()
		if answer := b.get(b.sealed(returnTo)); answer.StatusCode != http.StatusOK {
			t.Fatalf("%q: answered %s", returnTo, answer.Status)
		}
		if got := s.upstream.last(t).URL.Query()["return_to"]; len(got) != 1 || got[0] != "/" {
			t.Errorf("%q: the site got return_to %q", returnTo, got)
		}
	}
	b := s.newBrowser()
	b.get(b.sealed("/good?x=1"))
	if got := s.upstream.last(t).URL.Query().Get("return_to"); got != "/good?x=1" {
		t.Errorf("of a good one the site got %q", got)
	}
}

func TestD2_TheLimitIsOfAnAddressAndNoHeaderChangesIt(t *testing.T) {
	s := startSite(t, siteConfig{})
	// deny takes a login to the callback and back out of it.
	deny := func(b *browser, forwarded string) int {
		state := query(t, b.get("/").location()).Get("state")
		request := navigation(t, http.MethodGet, callback+"?error=access_denied&state="+url.QueryEscape(state))
		if forwarded != "" {
			request.Header.Set("X-Forwarded-For", forwarded)
			request.Header.Set("X-Real-IP", forwarded)
			request.Header.Set("Forwarded", "for="+forwarded)
		}
		return b.do(request).StatusCode
	}
	limited := false
	for i := range 30 {
		limited = limited || deny(s.newBrowser(), fmt.Sprint("203.0.113.", i)) == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("thirty logins of one address were taken, each with another X-Forwarded-For")
	}
	if got := deny(s.newBrowser(), ""); got != http.StatusTooManyRequests {
		t.Errorf("without the header: answered %d", got)
	}
	second := s.newBrowser()
	second.http.Transport.(*http.Transport).DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, network, s.addr)
	}
	if got := deny(second, "203.0.113.1"); got != http.StatusForbidden {
		t.Errorf("a second address was answered %d", got)
	}
}

func TestD3_VisitorsWhoLeaveDoNotOpenTheBreaker(t *testing.T) {
	asked := make(chan struct{})
	instagram := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // only then does the server notice a client that leaves
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer instagram.Close()
	s := startSite(t, siteConfig{tokenEndpoint: instagram.URL})
	const visitors = 8 // more failures than the breaker takes
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := make(chan struct{})
	for range visitors {
		b := s.newBrowser()
		request := navigation(t, http.MethodGet, b.window(b.get("/"))).WithContext(ctx)
		go func() {
			if answer, err := b.http.Do(request); err == nil {
				_ = answer.Body.Close()
			}
			gone <- struct{}{}
		}()
		<-asked
	}
	leave()
	for range visitors {
		<-gone
	}
	s.waitForLog("sign-in refused", visitors) // a moment later, in case one comes back
	if lines := s.logged("breaker opened: calls to instagram have failed in a row; logins are refused until one succeeds"); len(lines) != 0 {
		t.Errorf("the breaker opened: %v", lines)
	}
}

// waitForLog waits until there are as many log lines with this message.
func (s *site) waitForLog(message string, n int) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(s.logged(message)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d lines %q, want %d", len(s.logged(message)), message, n)
		}
	}
}

func TestP4_ErrorsOfTheSiteBelongToOneVisitorToo(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/private*", after: "route {\n error 418\n}", before: "handle_errors {\n respond \"sorry\"\n}"})
	for cookie, cache := range map[string]string{"": "", cookieFor(t, somebody()): "private"} {
		request := navigation(t, http.MethodGet, "/public")
		request.Header.Set("Cookie", cookie)
		answer := s.newBrowser().do(request)
		if answer.StatusCode != http.StatusTeapot || answer.body != "sorry" {
			t.Fatalf("answered %s %q", answer.Status, answer.body)
		}
		if answer.Header.Get("Vary") != "Cookie" || answer.Header.Get("Cache-Control") != cache {
			t.Errorf("Vary %q, Cache-Control %q, want %q", answer.Header.Get("Vary"), answer.Header.Get("Cache-Control"), cache)
		}
	}
}
