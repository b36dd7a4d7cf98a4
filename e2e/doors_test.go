package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A form may lead to this site alone, through redirects as well: where all pages need a
// session, the button must not end in a redirect to Instagram, which Chromium blocks.
func TestL3_SigningOutWorksInABrowserWhereEverythingIsProtected(t *testing.T) {
	s := startSite(t, "", "", greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/page"), allow, atSite)
	run(t, tab, chromedp.Navigate(s.origin+"/instagram_auth/logout"), chromedp.WaitVisible("form button"), chromedp.Click("form button"), chromedp.WaitVisible("a.button"))
	want(t, tab, s.origin+"/instagram_auth/logout", "Signed out")
	shoot(t, tab, "signed-out")
	if names := cookieNames(t, tab, s); len(names) != 0 {
		t.Errorf("cookies %q are left", names)
	}
	run(t, tab, chromedp.Click("a.button"), allow, atSite)
	want(t, tab, s.origin+"/", "Hello "+username)
}

func TestP3_ARefusalLeavesNeitherCodeNorStateInTheAddressBar(t *testing.T) {
	s := startSite(t, "/private*", "deny "+userID, greeting)
	tab := newBrowser(t, "")
	refusedAt := s.origin + "/instagram_auth/refused?note="
	arrives := func() (got page) {
		for deadline := time.Now().Add(20 * time.Second); !strings.HasPrefix(got.address, refusedAt); time.Sleep(50 * time.Millisecond) {
			run(t, tab, chromedp.WaitVisible("a.button"))
			if got = look(t, tab); time.Now().After(deadline) {
				t.Fatalf("at %s: %q", got.address, got.text)
			}
		}
		return look(t, tab)
	}
	run(t, tab, chromedp.Navigate(s.origin+"/private?x=1"), allow)
	first := arrives()
	for _, leak := range []string{"code=", "state=", "#_"} {
		if strings.Contains(first.address, leak) {
			t.Errorf("the address bar shows %s", first.address)
		}
	}
	if !strings.Contains(first.text, "No access") {
		t.Errorf("page = %q", first.text)
	}
	run(t, tab, chromedp.Reload())
	if again := arrives(); again != first {
		t.Errorf("reloaded: %+v, was %+v", again, first)
	}
	// The callback is no step of the way back.
	goBack(t, tab, s.instagram)
}
