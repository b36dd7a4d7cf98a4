package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// greeting is a page of the site that says what it received.
const greeting = `header Content-Type text/html
	respond <<HTML
		<!doctype html><title>Site</title><h1>Hello {http.request.header.X-Instagram-Username}</h1>
		<p id="id">{http.request.header.X-Instagram-User-Id}</p><p id="path">{http.request.uri}</p>
		HTML 200`

// newBrowser starts Chromium with an empty profile and returns a tab of it.
func newBrowser(t *testing.T, preferences string, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	profile := t.TempDir()
	if preferences != "" {
		if err := os.MkdirAll(filepath.Join(profile, "Default"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(preferences), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.NoSandbox,
	}
	// The debugger loses sight of a page that comes out of this cache.
	options = append(options, chromedp.Flag("disable-features", "BackForwardCache"))
	for _, flag := range []string{"disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "ignore-certificate-errors"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return bounded(t, ctx)
}

// bounded ends what a tab does before the test would hang.
func bounded(t *testing.T, ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// step is one thing that a person or a test does in a tab.
type step = chromedp.Action[chromedp.Void]

// run takes steps in a tab.
func run(t *testing.T, ctx context.Context, steps ...step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// ask returns what a tab answers.
func ask[T any](t *testing.T, ctx context.Context, question chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, question)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// eventually waits until a tab answers an expression with true. A tab that goes to another origin
// changes its process where the opener policy says so. Until the new page is there it answers with
// an error, and what waits for nodes never sees the new ones.
func eventually(t *testing.T, tab context.Context, expression string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(tab, chromedp.Evaluate[bool](expression))
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			address, _ := chromedp.Run(tab, chromedp.Evaluate[string]("location.href"))
			t.Fatalf("at %s: %s does not become true: %v", address, expression, err)
		}
	}
}

// see waits until a page has an element.
func see(t *testing.T, tab context.Context, selector string) {
	t.Helper()
	eventually(t, tab, "document.readyState !== `loading` && document.querySelector(`"+selector+"`) !== null")
}

// click waits for elements and clicks them, one after the other.
func click(t *testing.T, tab context.Context, selectors ...string) {
	t.Helper()
	for _, selector := range selectors {
		see(t, tab, selector)
		// The answer may get lost where the click leads to another page.
		_, _ = chromedp.Run(tab, chromedp.Evaluate[any]("document.querySelector(`"+selector+"`).click()"))
	}
}

// page is what a tab shows.
type page struct{ address, hash, text string }

func look(t *testing.T, ctx context.Context) page {
	t.Helper()
	shown := ask(t, ctx, chromedp.Evaluate[[]string]("[location.href, location.hash, document.body.innerText]"))
	return page{shown[0], shown[1], shown[2]}
}

// want fails the test unless a tab shows a text at an address.
func want(t *testing.T, ctx context.Context, address, text string) {
	t.Helper()
	got := look(t, ctx)
	if strings.TrimSuffix(got.address, "#") != address || !strings.Contains(got.text, text) {
		t.Errorf("at %s: %q; want %q at %s", got.address, got.text, text, address)
	}
	for _, leak := range []string{"code=", "state=", "#_"} {
		if strings.Contains(got.address, leak) {
			t.Errorf("the address bar shows %s", got.address)
		}
	}
}

// allow chooses the first account in the authorization window and presses Allow.
var allow = chromedp.Steps(
	chromedp.WaitVisible("#allow"),
	chromedp.Click(`input[type=radio][value="`+username+`"]`),
	chromedp.Click("#allow"),
)

// atSite waits for a page of the site's own.
var atSite = chromedp.WaitVisible("#id")

func TestAPersonSignsInWithABrowser(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/private?x=1"), chromedp.WaitVisible("#allow"))
	if at := look(t, tab).address; !strings.HasPrefix(at, s.instagram+"/oauth/authorize?") {
		t.Fatalf("the window is at %s", at)
	}
	shoot(t, tab, "window")
	run(t, tab, allow, atSite)
	want(t, tab, s.origin+"/private?x=1", "Hello "+username)
	if got := look(t, tab); got.hash != "" {
		t.Errorf("location.hash = %q", got.hash)
	}
	wantSessionCookie(t, tab, s)

	// Back and forward after the login do no harm.
	run(t, tab, chromedp.Navigate(s.origin+"/public"), atSite)
	goBack(t, tab, s.origin+"/private")
	want(t, tab, s.origin+"/private?x=1", "Hello "+username)
	goBack(t, tab, s.instagram)
	run(t, tab, allow, atSite)
	if got := look(t, tab); !strings.HasPrefix(got.address, s.origin+"/") || !strings.Contains(got.text, "Hello "+username) {
		t.Errorf("after going back to the window: %s %q", got.address, got.text)
	}
}

// goBack presses the back button and waits for the page that it leads to. A page
// that the browser has kept fires no load event, so the address is what to wait for.
func goBack(t *testing.T, tab context.Context, to string) {
	t.Helper()
	ask(t, tab, chromedp.Evaluate[any]("history.back()"))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		at, err := chromedp.Run(tab, chromedp.Location())
		if err == nil && strings.HasPrefix(at, to) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("going back ended at %s, want %s: %v", at, to, err)
		}
	}
}

// wantSessionCookie checks the attributes that Chromium has stored. [S5]
func wantSessionCookie(t *testing.T, tab context.Context, s *site) {
	t.Helper()
	got := cookiesOf(t, tab, s)
	for _, c := range got {
		if c.Name != cookie {
			t.Errorf("there is a cookie %s after the page has arrived", c.Name)
			continue
		}
		if !c.Secure || !c.HTTPOnly || c.Path != "/" || c.Domain != "localhost" || c.SameSite != network.CookieSameSiteLax || c.Size > 512 {
			t.Errorf("cookie = %+v", c)
		}
		return
	}
	t.Errorf("no session cookie among %d", len(got))
}

func cookiesOf(t *testing.T, tab context.Context, s *site) []*network.Cookie {
	t.Helper()
	return ask(t, tab, func(ctx context.Context, target *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{s.origin}})
	}).Cookies
}

func cookieNames(t *testing.T, tab context.Context, s *site) (names []string) {
	t.Helper()
	for _, c := range cookiesOf(t, tab, s) {
		names = append(names, c.Name)
	}
	return names
}

func TestAPersonCancelsAndFindsAWayBack(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/private"), chromedp.WaitVisible("#cancel"), chromedp.Click("#cancel"), chromedp.WaitVisible("a.button"))
	if got := look(t, tab); !strings.Contains(got.text, "has learned nothing new about you.") {
		t.Fatalf("page = %q", got.text)
	}
	shoot(t, tab, "cancelled")
	run(t, tab, chromedp.Click("a.button"), allow, atSite)
	want(t, tab, s.origin+"/private", "Hello "+username)
}

func TestTwoTabsFinishBoth(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	one := newBrowser(t, "")
	two, closeTab := chromedp.NewContext(one)
	t.Cleanup(closeTab)
	run(t, one, chromedp.Navigate(s.origin+"/private?tab=1"), chromedp.WaitVisible("#allow"))
	run(t, two, chromedp.Navigate(s.origin+"/private?tab=2"), chromedp.WaitVisible("#allow"))
	run(t, one, allow, atSite)
	want(t, one, s.origin+"/private?tab=1", "Hello "+username)
	run(t, two, allow, atSite)
	want(t, two, s.origin+"/private?tab=2", "Hello "+username)
}

func TestABrowserThatBlocksCookiesSeesAPageAndNoLoop(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	tab := newBrowser(t, `{"profile":{"default_content_setting_values":{"cookies":2}}}`)
	run(t, tab, chromedp.Navigate(s.origin+"/private"), allow, chromedp.WaitVisible("a.button"))
	if got := look(t, tab); !strings.Contains(got.text, "This sign-in is no longer valid. Please start again.") || !strings.Contains(got.text, "cookies") {
		t.Errorf("page = %q", got.text)
	}
	shoot(t, tab, "blocked")
}

func TestTheLoginPageInABrowser(t *testing.T) {
	s := startSite(t, "/private*", "login_page", greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/private?x=1"), chromedp.WaitVisible("a.button"))
	shoot(t, tab, "login")
	run(t, tab, chromedp.Click("a.button"), allow, atSite)
	want(t, tab, s.origin+"/private?x=1", "Hello "+username)
}

func TestAPersonalAccountIsToldWhy(t *testing.T) {
	s := startSite(t, "/private*", "", greeting)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/private"), chromedp.WaitVisible("#allow"))
	personal := ask(t, tab, chromedp.Evaluate[string](`[...document.querySelectorAll("input[type=radio]")].at(-1).value`))
	run(t, tab, chromedp.Click(`input[type=radio][value="`+personal+`"]`), chromedp.Click("#allow"), chromedp.WaitNotPresent("#allow"), chromedp.WaitVisible("form button"), chromedp.Click("form button"), chromedp.WaitVisible("a.button"))
	if got := look(t, tab); !strings.Contains(got.text, "Only professional accounts") {
		t.Errorf("page = %q at %s", got.text, got.address)
	}
	shoot(t, tab, "refused")
}

// shoot saves what a tab shows, in light and dark, narrow and wide, below the folder
// that SCREENSHOTS names, for people to look at. A page that is wider than a narrow
// window fails the test.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 1280} {
			run(t, ctx, colours(scheme), chromedp.EmulateViewport(width, 720))
			overflow := ask(t, ctx, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > innerWidth"))
			if overflow {
				t.Errorf("%s is wider than %d px", name, width)
			}
			if dir := os.Getenv("SCREENSHOTS"); dir != "" {
				picture := ask(t, ctx, chromedp.CaptureScreenshot())
				file := filepath.Join(dir, name+"-"+scheme+"-"+map[int64]string{320: "narrow", 1280: "wide"}[width]+".png")
				if err := os.WriteFile(file, picture, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
	}
	run(t, ctx, colours("light"), chromedp.EmulateViewport(1280, 720))
}

// colours makes a tab prefer a colour scheme.
func colours(scheme string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
