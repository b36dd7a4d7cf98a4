package login_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// What is checked a second time, or beside the ordinary way.

var sealedReturns = []string{"//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "/.//evil.example", "/%2e//evil.example", "javascript:alert(1)", "evil.example", ""}

func TestR2_ASealedReturnPathIsCheckedBeforeItIsUsed(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, returnTo := range append([]string{"/instagram_auth/login", sitetest.Callback + "?code=x"}, sealedReturns...) {
		b := s.NewBrowser()
		answer := b.Get(b.Sealed(returnTo))
		if answer.StatusCode != http.StatusSeeOther || answer.Location() != "/#" {
			t.Errorf("%q: answered %s to %q", returnTo, answer.Status, answer.Location())
		}
	}
	b := s.NewBrowser()
	if got := b.Get(b.Sealed("/good?x=1")).Location(); got != "/good?x=1#" {
		t.Errorf("a good one came back to %q", got)
	}
}

func TestR2_ASealedReturnPathIsCheckedBeforeItIsHandedOff(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff"})
	for _, returnTo := range sealedReturns {
		b := s.NewBrowser()
		if answer := b.Get(b.Sealed(returnTo)); answer.StatusCode != http.StatusOK {
			t.Fatalf("%q: answered %s", returnTo, answer.Status)
		}
		if got := s.Upstream.Last(t).URL.Query()["return_to"]; len(got) != 1 || got[0] != "/" {
			t.Errorf("%q: the site got return_to %q", returnTo, got)
		}
	}
	b := s.NewBrowser()
	b.Get(b.Sealed("/good?x=1"))
	if got := s.Upstream.Last(t).URL.Query().Get("return_to"); got != "/good?x=1" {
		t.Errorf("of a good one the site got %q", got)
	}
}

func TestD2_TheLimitIsOfAnAddressAndNoHeaderChangesIt(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	// deny takes a login to the callback and back out of it.
	deny := func(b *sitetest.Browser, forwarded string) int {
		state := sitetest.Query(t, b.Get("/").Location()).Get("state")
		request := sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?error=access_denied&state="+url.QueryEscape(state))
		if forwarded != "" {
			request.Header.Set("X-Forwarded-For", forwarded)
			request.Header.Set("X-Real-IP", forwarded)
			request.Header.Set("Forwarded", "for="+forwarded)
		}
		return b.Do(request).StatusCode
	}
	limited := false
	for i := range 30 {
		limited = limited || deny(s.NewBrowser(), fmt.Sprint("203.0.113.", i)) == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("thirty logins of one address were taken, each with another X-Forwarded-For")
	}
	if got := deny(s.NewBrowser(), ""); got != http.StatusTooManyRequests {
		t.Errorf("without the header: answered %d", got)
	}
	second := s.NewBrowser()
	second.HTTP.Transport.(*http.Transport).DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, network, s.Addr)
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
	s := sitetest.Start(t, sitetest.Config{TokenEndpoint: instagram.URL})
	const visitors = 8 // more failures than the breaker takes
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := make(chan struct{})
	for range visitors {
		b := s.NewBrowser()
		request := sitetest.Navigation(t, http.MethodGet, b.Window(b.Get("/"))).WithContext(ctx)
		go func() {
			if answer, err := b.HTTP.Do(request); err == nil {
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
	s.WaitForLog("sign-in refused", visitors) // a moment later, in case one comes back
	if lines := s.Logged("breaker opened: calls to Instagram have failed in a row; logins are refused until one succeeds"); len(lines) != 0 {
		t.Errorf("the breaker opened: %v", lines)
	}
}

func TestP4_ErrorsOfTheSiteBelongToOneVisitorToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", After: "route {\n error 418\n}", Before: "handle_errors {\n respond \"sorry\"\n}"})
	for cookie, cache := range map[string]string{"": "", sitetest.CookieFor(t, sitetest.Somebody()): "private"} {
		request := sitetest.Navigation(t, http.MethodGet, "/public")
		request.Header.Set("Cookie", cookie)
		answer := s.NewBrowser().Do(request)
		if answer.StatusCode != http.StatusTeapot || answer.Body != "sorry" {
			t.Fatalf("answered %s %q", answer.Status, answer.Body)
		}
		if answer.Header.Get("Vary") != "Cookie" || answer.Header.Get("Cache-Control") != cache {
			t.Errorf("Vary %q, Cache-Control %q, want %q", answer.Header.Get("Vary"), answer.Header.Get("Cache-Control"), cache)
		}
	}
}
