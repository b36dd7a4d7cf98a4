package answer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// shownAgain returns the address that a browser is led to from a refusal.
func shownAgain(t *testing.T, answer sitetest.Response) string {
	t.Helper()
	address, ok := strings.CutPrefix(answer.Header.Get("Refresh"), "0; url=")
	if !ok || !strings.HasPrefix(address, "/instagram_auth/refused?note=") {
		t.Fatalf("%s: Refresh = %q", answer.Status, answer.Header.Get("Refresh"))
	}
	return address
}

func TestP3_ARefusedCallbackIsShownAgainWithoutCodeAndState(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.code, func(t *testing.T) {
			s := sitetest.Start(t, c.config)
			b := s.NewBrowser()
			answer := c.reach(s, b)
			u := answer.Request.URL
			onCallback := strings.HasPrefix(u.Path, sitetest.Callback) && u.RawQuery != "" && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html")
			if stays := c.code == "too_early" || c.code == "too_many" || c.code == "store_unavailable" || c.code == "method"; !onCallback || stays {
				if got := answer.Header.Get("Refresh"); got != "" {
					t.Errorf("Refresh = %q", got)
				}
				return
			}
			address := shownAgain(t, answer)
			for _, secret := range []string{"code=", "state=", u.Query().Get("state"), u.Query().Get("code")} {
				if len(secret) > 4 && strings.Contains(address, secret) {
					t.Errorf("the address %s has %q", address, secret)
				}
			}
			logged, calls := len(s.Logged("sign-in refused")), s.Calls()
			for _, again := range []sitetest.Response{b.Get(address), b.Get(address), s.NewBrowser().Get(address)} {
				if again.StatusCode != c.status || again.Body != answer.Body {
					t.Errorf("again: %s\n%s\nwas\n%s", again.Status, again.Body, answer.Body)
				}
				if retry := again.Header.Get("Retry-After"); (retry == "") != (answer.Header.Get("Retry-After") == "") {
					t.Errorf("Retry-After = %q, was %q", retry, answer.Header.Get("Retry-After"))
				}
				if again.Header.Get("Refresh") != "" || len(again.Header["Set-Cookie"]) != 0 || again.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("again: %v", again.Header)
				}
			}
			if len(s.Logged("sign-in refused")) != logged || s.Calls() != calls {
				t.Error("showing it again counts as another refusal")
			}
		})
	}
}

func TestE2_NobodyElseCanMakeUpARefusal(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	state := sitetest.Query(t, b.Get("/page").Location()).Get("state")
	good := shownAgain(t, b.Get(sitetest.Callback+"?error=access_denied&error_reason=user_denied&state="+state))
	for name, address := range map[string]string{
		"none": "/instagram_auth/refused", "empty": "/instagram_auth/refused?note=", "made up": "/instagram_auth/refused?note=no_access",
		"changed": strings.Replace(good, "note=", "note=A", 1), "cut": good[:60], "a cookie": "/instagram_auth/refused?note=" + b.Cookie(sitetest.SessionCookie), "broken": "/instagram_auth/refused?note=%zz",
	} {
		sitetest.WantRefusal(t, b.Get(address), http.StatusBadRequest, sitetest.LoginExpired)
		if answer := b.Get(address); strings.Contains(answer.Body, "no_access") {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	// What stands beside the note leads nowhere else.
	note, _, _ := strings.Cut(good, "&")
	for _, hostile := range []string{"//evil.example", "https://evil.example/", "/auth/", `/\evil.example`} {
		if answer := b.Get(note + "&return_to=" + hostile); !strings.Contains(answer.Body, `href="/instagram_auth/login"`) {
			t.Errorf("%s:\n%s", hostile, answer.Body)
		}
	}
	if answer := b.Fetch(good); answer.StatusCode != http.StatusForbidden || sitetest.Decode(t, answer)["error"] != "cancelled" {
		t.Errorf("a program gets %s %s", answer.Status, answer.Body)
	}
	if answer := b.Do(sitetest.Navigation(t, http.MethodPost, good)); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", answer.Status)
	}
}

func TestP3_AProgramAndAnErrorPageOfTheSiteSeeTheSameStatus(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "errors handle", Before: "handle_errors {\n respond \"site says {err.status_code} {http.auth.instagram_auth.error}\" \n}"})
	b := s.NewBrowser()
	state := sitetest.Query(t, b.Get("/page").Location()).Get("state")
	answer := b.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&state=" + state)
	again := b.Get(shownAgain(t, answer))
	if answer.StatusCode != http.StatusForbidden || answer.Body != "site says 403 cancelled" || again.StatusCode != answer.StatusCode || again.Body != answer.Body {
		t.Errorf("%s %q, again %s %q", answer.Status, answer.Body, again.Status, again.Body)
	}
	if program := b.Fetch(sitetest.Callback + "?error=access_denied&state=" + state); program.Header.Get("Refresh") != "" {
		t.Errorf("a program is led on: %v", program.Header)
	}
}
