package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestHandoffLetsTheSiteStartItsOwnSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "@anonymous", Before: "@anonymous not header_regexp Cookie site_session=", Options: "after_login handoff"})
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == sitetest.Callback {
			http.SetCookie(w, &http.Cookie{Name: "site_session", Value: r.Header.Get("X-Instagram-User-Id"), Path: "/", Secure: true})
			http.Redirect(w, r, r.URL.Query().Get("return_to"), http.StatusSeeOther)
			return
		}
		_, _ = w.Write([]byte("cookie " + r.Header.Get("Cookie")))
	})
	b := s.NewBrowser()
	handed := b.Get(b.Window(b.Get("/page?x=1")))
	if handed.StatusCode != http.StatusSeeOther || handed.Location() != "/page?x=1#" {
		t.Fatalf("the site answered %s to %q", handed.Status, handed.Location())
	}
	request := s.Upstream.Last(t)
	if request.Header.Get("X-Instagram-User-Id") != sitetest.UserID || request.Header.Get("X-Instagram-Username") != sitetest.Username {
		t.Errorf("the site got %v", request.Header)
	}
	if strings.Contains(request.URL.String(), "code=") || strings.Contains(request.URL.String(), "state=") || request.Header.Get("Cookie") != "" {
		t.Errorf("the site was asked for %s with cookies %q", request.URL, request.Header.Get("Cookie"))
	}
	if b.Cookie(sitetest.SessionCookie) != "" {
		t.Error("there is a session cookie of the handler")
	}
	if page := b.Get("/page?x=1"); page.Body != "cookie site_session="+sitetest.UserID {
		t.Errorf("page = %q", page.Body)
	}
	if handed.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("Referrer-Policy = %q", handed.Header.Get("Referrer-Policy"))
	}
}

func TestN6_HandoffTakesTheCodeOutOfTheOriginalAddressToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff", After: "respond {http.request.orig_uri}|{http.request.uri}|{http.auth.user.id}"})
	b := s.NewBrowser()
	handed := b.Get(b.Window(b.Get("/instagram_auth/login?return_to=/page")))
	if want := "/auth/?return_to=%2Fpage|/auth/?return_to=%2Fpage|" + sitetest.UserID; handed.Body != want {
		t.Errorf("the site saw %q, want %q", handed.Body, want)
	}
}

func TestHandoffSaysWhenTheVisitorSignedIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff", After: "respond {http.auth.user.signed_in_at}"})
	b := s.NewBrowser()
	began := time.Now().Truncate(time.Second)
	at, err := time.Parse(time.RFC3339, b.Get(b.Window(b.Get("/instagram_auth/login"))).Body)
	if err != nil || at.Location() != time.UTC || at.Before(began) || at.After(time.Now()) {
		t.Errorf("signed in at %v, %v", at, err)
	}
}

func TestN6_HandoffIsTakenByNobodyElse(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff"})
	b := s.NewBrowser()
	forged := sitetest.Navigation(t, http.MethodGet, sitetest.Callback+"?return_to=/x&code=a")
	forged.Header.Set("X-Instagram-User-Id", "1")
	sitetest.WantRefusal(t, b.Do(forged), http.StatusBadRequest, sitetest.LoginExpired)
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
	// Without a matcher nothing is protected: there is no session to ask for.
	if page := b.Get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
	// A session cookie from before does not count.
	request := sitetest.Navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", sitetest.CookieFor(t, sitetest.Somebody()))
	if page := b.Do(request); page.Body != "hello " {
		t.Errorf("page = %q", page.Body)
	}
}

func TestHandoffReplacesOnlyTheParametersOfTheCallback(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff", Before: "rewrite " + sitetest.Callback + " /index.php?route={path}&{query}"})
	b := s.NewBrowser()
	start := b.Get("/instagram_auth/login?return_to=/page")
	b.Get(b.Window(start))
	if got := s.Upstream.Last(t).URL.String(); got != "/index.php?route=%2Fauth%2F&return_to=%2Fpage" {
		t.Errorf("the site was asked for %s", got)
	}
}

func TestP1_ASiteThatFailsAtAHandoffDoesNotPutTheCodeIntoTheLog(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff", After: "reverse_proxy " + sitetest.FreeAddr(t), LogFilter: sitetest.ProductionLogFormat(t)})
	b := s.NewBrowser()
	back := b.Window(b.Get("/instagram_auth/login"))
	sitetest.WantRefusal(t, b.Get(back), http.StatusInternalServerError, "Something went wrong")
	if lines := s.Logged("your site failed to handle a login that was passed to it"); len(lines) != 1 {
		t.Errorf("the operator is told %d times", len(lines))
	}
	for line := range strings.Lines(s.Logs()) {
		if strings.Contains(line, "http.log.error") {
			t.Errorf("Caddy logs the error with the address: %s", line)
		}
	}
}

func TestA7_SigningInAgainByButtonIsNoLoopAfterAHandoff(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff"})
	b := s.NewBrowser()
	for i := range 4 {
		if answer := b.Get(b.Window(b.Get("/instagram_auth/login"))); answer.StatusCode != http.StatusOK {
			t.Fatalf("login %d was answered %s %q", i+1, answer.Status, answer.Body)
		}
	}
}
