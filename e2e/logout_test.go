package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestL1_ALogoutInOneTabIsOneInTheOther(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	one := newBrowser(t, "")
	two, closeTab := chromedp.NewContext(one)
	t.Cleanup(closeTab)
	run(t, one, chromedp.Navigate(s.origin+"/private"), allow, atSite)
	run(t, two, chromedp.Navigate(s.origin+"/private?tab=2"), atSite)
	want(t, two, s.origin+"/private?tab=2", "Hello "+username)

	run(t, one, chromedp.Navigate(s.origin+"/instagram_auth/logout"), chromedp.WaitVisible("form button"))
	want(t, one, s.origin+"/instagram_auth/logout", "You are signed in as @"+username+".")
	shoot(t, one, "logout")
	run(t, one, chromedp.Click("form button"), atSite)
	want(t, one, s.origin+"/", "Hello")
	if names := cookieNames(t, one, s); len(names) != 0 {
		t.Errorf("cookies %q are left", names) // [S6]
	}

	// The next click in the other tab leads to the authorization window.
	run(t, two, chromedp.Navigate(s.origin+"/private?tab=2"), chromedp.WaitVisible("#allow"))
	run(t, two, allow, atSite)
	want(t, two, s.origin+"/private?tab=2", "Hello "+username)
}

func TestL1_SigningOutEverywhereInABrowser(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	phone, desk := newBrowser(t, ""), newBrowser(t, "")
	run(t, phone, chromedp.Navigate(s.origin+"/private"), allow, atSite)
	run(t, desk, chromedp.Navigate(s.origin+"/private"), allow, atSite)
	run(t, desk, chromedp.Navigate(s.origin+"/instagram_auth/logout"), chromedp.WaitVisible("form button"),
		chromedp.Click("input[name=everywhere]"), chromedp.Click("form button"), atSite)
	run(t, phone, chromedp.Navigate(s.origin+"/private"), chromedp.WaitVisible("#allow"))
	run(t, desk, chromedp.Navigate(s.origin+"/private"), allow, atSite)
	want(t, desk, s.origin+"/private", "Hello "+username)
}

func TestS6_ARefusedAccountHasNoCookieLeft(t *testing.T) {
	s := startSite(t, "/private*", "deny "+userID, greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/private"), allow, chromedp.WaitVisible("a.button"))
	shoot(t, tab, "no-access")
	if names := cookieNames(t, tab, s); len(names) != 0 {
		t.Errorf("cookies %q are left", names)
	}
}

func TestTheDeletionPageInABrowser(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	ring, err := session.NewKeyring([]string{appSecret})
	if err != nil {
		t.Fatal(err)
	}
	address := s.origin + "/instagram_auth/data_deletion?code=" + ring.Codes().New(session.DeletedByAll, time.Now())
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(address))
	if got := look(t, tab); !strings.Contains(got.text, "Your data was deleted on ") {
		t.Errorf("page = %q", got.text)
	}
	shoot(t, tab, "deletion")
}
