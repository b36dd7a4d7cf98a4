package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A phone with the browser of Instagram's app, as a log of 2025 has it, and with an ordinary one.
const (
	inTheApp = "Mozilla/5.0 (Linux; Android 14; V2207 Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/143.0.7499.114 Mobile Safari/537.36 Instagram 410.1.0.63.71 Android (34/14; 300dpi; 720x1489; vivo; V2207; V2207; mt6768; in_ID; 846519340; IABMV/1)"
)

func TestASignInThatChangesBrowsersIsExplained(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	usual := newBrowser(t, "")
	run(t, usual, chromedp.Navigate(s.origin+"/private?x=1"), chromedp.WaitVisible("#allow"))
	// The app takes the window over, and with it the way back.
	window := look(t, usual).address
	app := newBrowser(t, "", chromedp.UserAgent(inTheApp), chromedp.WindowSize(390, 844))
	run(t, app, chromedp.Navigate(window), allow, chromedp.WaitVisible("a.button"))
	got := look(t, app)
	if !strings.Contains(got.text, "The sign-in began in another browser, or took too long.") || strings.Contains(got.address, "code=") || strings.Contains(got.address, "state=") {
		t.Fatalf("at %s: %s", got.address, got.text)
	}
	shoot(t, app, "elsewhere")
	if address := ask(t, app, chromedp.Text(".address")); address != s.origin+"/private?x=1" {
		t.Errorf("the address to copy is %q", address)
	}
	if open := ask(t, app, chromedp.Evaluate[string](`document.querySelector("a.second").getAttribute("href")`)); open != "instagram://extbrowser/?url="+url.QueryEscape(s.origin+"/private?x=1") {
		t.Errorf("the link for the app is %q", open)
	}
	// A second attempt within the app works.
	run(t, app, chromedp.Click("a.button"), allow, atSite)
	want(t, app, s.origin+"/private?x=1", "Hello "+username)
	// So does the address in the usual browser, which knows nothing of that session.
	run(t, usual, chromedp.Navigate(s.origin+"/private?x=1"), allow, atSite)
	want(t, usual, s.origin+"/private?x=1", "Hello "+username)
}
