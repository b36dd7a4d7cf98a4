package instagramauth_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestHandoffLetsTheSiteStartItsOwnSession(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "@anonymous", before: "@anonymous not header_regexp Cookie site_session=", options: "after_login handoff"})
	s.upstream.respond(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == callback {
			http.SetCookie(w, &http.Cookie{Name: "site_session", Value: r.Header.Get("X-Instagram-User-Id"), Path: "/", Secure: true})
			http.Redirect(w, r, r.URL.Query().Get("return_to"), http.StatusSeeOther)
			return
		}
		_, _ = w.Write([]byte("cookie " + r.Header.Get("Cookie")))
	})
	b := s.newBrowser()
	handed := b.get(b.window(b.get("/page?x=1")))
	if handed.StatusCode != http.StatusSeeOther || handed.location() != "/page?x=1#" {
		t.Fatalf("the site answered %s to %q", handed.Status, handed.location())
	}
	request := s.upstream.last(t)
	if request.Header.Get("X-Instagram-User-Id") != userID || request.Header.Get("X-Instagram-Username") != username {
		t.Errorf("the site got %v", request.Header)
	}
	if strings.Contains(request.URL.String(), "code=") || strings.Contains(request.URL.String(), "state=") || request.Header.Get("Cookie") != "" {
		t.Errorf("the site was asked for %s with cookies %q", request.URL, request.Header.Get("Cookie"))
	}
	if b.cookie(sessionCookie) != "" {
		t.Error("there is a session cookie of ours")
	}
	if page := b.get("/page?x=1"); page.body != "cookie site_session="+userID {
		t.Errorf("page = %q", page.body)
	}
	if handed.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("Referrer-Policy = %q", handed.Header.Get("Referrer-Policy"))
	}
}

func TestN6_HandoffTakesTheCodeOutOfTheOriginalAddressToo(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff", after: "respond {http.request.orig_uri}|{http.request.uri}|{http.auth.user.id}"})
	b := s.newBrowser()
	handed := b.get(b.window(b.get("/instagram_auth/login?return_to=/page")))
	if want := "/auth/?return_to=%2Fpage|/auth/?return_to=%2Fpage|" + userID; handed.body != want {
		t.Errorf("the site saw %q, want %q", handed.body, want)
	}
}

func TestN6_HandoffIsTakenByNobodyElse(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff"})
	b := s.newBrowser()
	forged := navigation(t, http.MethodGet, callback+"?return_to=/x&code=a")
	forged.Header.Set("X-Instagram-User-Id", "1")
	wantRefusal(t, b.do(forged), http.StatusBadRequest, loginExpired)
	if n := s.upstream.count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
	// Without a matcher nothing is protected: there is no session to ask for.
	if page := b.get("/page"); page.StatusCode != http.StatusOK {
		t.Errorf("answered %s", page.Status)
	}
	// A session cookie from before does not count.
	request := navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookieFor(t, somebody()))
	if page := b.do(request); page.body != "hello " {
		t.Errorf("page = %q", page.body)
	}
}

func TestHandoffReplacesOnlyTheParametersOfTheCallback(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff", before: "rewrite " + callback + " /index.php?route={path}&{query}"})
	b := s.newBrowser()
	start := b.get("/instagram_auth/login?return_to=/page")
	b.get(b.window(start))
	if got := s.upstream.last(t).URL.String(); got != "/index.php?route=%2Fauth%2F&return_to=%2Fpage" {
		t.Errorf("the site was asked for %s", got)
	}
}

func TestP1_ASiteThatFailsAtAHandoffDoesNotPutTheCodeIntoTheLog(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff", after: "reverse_proxy " + freeAddr(t), logFilter: productionFormat(t)})
	b := s.newBrowser()
	back := b.window(b.get("/instagram_auth/login"))
	wantRefusal(t, b.get(back), http.StatusInternalServerError, "Something went wrong.")
	if lines := s.logged("the site failed at a login that was handed off to it"); len(lines) != 1 {
		t.Errorf("the operator is told %d times", len(lines))
	}
	for line := range strings.Lines(s.logs()) {
		if strings.Contains(line, "http.log.error") {
			t.Errorf("Caddy logs the error with the address: %s", line)
		}
	}
}

func TestA7_SigningInAgainByButtonIsNoLoopAfterAHandoff(t *testing.T) {
	s := startSite(t, siteConfig{options: "after_login handoff"})
	b := s.newBrowser()
	for i := range 4 {
		if answer := b.get(b.window(b.get("/instagram_auth/login"))); answer.StatusCode != http.StatusOK {
			t.Fatalf("login %d was answered %s %q", i+1, answer.Status, answer.body)
		}
	}
}
