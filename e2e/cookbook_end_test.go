package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// noticesTheEnd has the page of the recipe open while its session ends in each way.
func noticesTheEnd(k *kitchen) {
	k.serve(whoIsThere)
	k.replace("/srv/www", k.write())
	k.cook()
	page := &chromium{k.T, k.tab()}
	says := func(text string) {
		k.Helper()
		page.until(`document.querySelector("#app").innerText.trim() === "` + text + `"`)
	}
	const link, comeBack = "Sign in with Instagram", `(window.dispatchEvent(new Event("focus")), "")`
	run(k.T, page.tab, chromedp.Navigate("https://example.com/"))
	says(link)
	// The click on a window in the background brings it to the front, and then the page asks.
	page.clickWhile("#app > a", `ask().then(() => "")`)
	says("Hello " + username)

	// Signed out in another tab, which takes the cookie away.
	other, closeOther := chromedp.NewContext(page.tab)
	defer closeOther()
	run(k.T, other, chromedp.Navigate("https://example.com/instagram_auth/logout"), chromedp.Click("button[type=submit], form button"))
	(&chromium{k.T, bounded(k.T, other)}).until(`location.pathname === "/"`)
	page.eval(comeBack)
	says("You are signed out. " + link)

	// Signed out on all devices, from another one.
	run(k.T, page.tab, chromedp.Click("#app > a"))
	says("Hello " + username)
	k.signOutEverywhere()
	page.eval(comeBack)
	says("You were signed out on all devices. " + link)

	// The session reaches its end, and the page says so by itself: where the browser has deleted
	// the cookie then, and where it still has it.
	for _, deleted := range []bool{true, false} {
		k.plant(page, 0, 8*time.Second, deleted)
		page.eval(comeBack)
		says("Hello " + username)
		says("Your session is over. " + link)
	}

	// The device slept for longer than the idle limit.
	k.plant(page, time.Hour, 12*time.Hour, false)
	page.eval(comeBack)
	says("You were away for too long. " + link)
	k.want("the API", k.guest().fetch("https://example.com/api/x"), `401 {"error":"login_required","message":"Please sign in.","reason":"no_session"`)
}

// clickWhile evaluates an expression between the press and the release of the mouse.
func (c *chromium) clickWhile(selector, expression string) {
	c.t.Helper()
	x, y, found := strings.Cut(c.eval(fmt.Sprintf(`(({x, y, width, height}) => (x + width / 2) + " " + (y + height / 2))(document.querySelector(%q).getBoundingClientRect())`, selector)), " ")
	left, errX := strconv.ParseFloat(x, 64)
	top, errY := strconv.ParseFloat(y, 64)
	if !found || errX != nil || errY != nil {
		c.t.Fatalf("%s is at %q, %q", selector, x, y)
	}
	run(c.t, c.tab, chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, left, top, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	c.eval(expression)
	run(c.t, c.tab, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, left, top, chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// plant gives the browser of a tab the session of somebody who signed in some time ago and has made
// no request since. If deleted is true, the browser deletes the cookie at the end of its lifetime.
func (k *kitchen) plant(tab *chromium, ago, lifetime time.Duration, deleted bool) {
	k.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: lifetime,
		Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		k.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{Identity: session.Identity{UserID: userID, AppScopedID: userID, Username: username}})
	if err != nil {
		k.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	name, value, _ := strings.Cut(pair, "=")
	yes := true
	set := network.SetCookieParams{Name: name, Value: value, URL: "https://example.com/", Path: "/", Secure: &yes, HTTPOnly: &yes}
	if deleted {
		set.Expires = cdp.TimeSinceEpoch(time.Now().Add(lifetime).Unix())
	}
	ask(k.T, tab.tab, func(ctx context.Context, target *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, target, network.SetCookie, set)
	})
}

// signOutEverywhere has the same person sign in on another device, and sign out on all of them.
func (k *kitchen) signOutEverywhere() {
	k.Helper()
	g := k.guest()
	k.want("another device", g.get("https://example.com/api/x"), "200 ")
	form := strings.NewReader(url.Values{"everywhere": {"1"}}.Encode())
	request, err := http.NewRequest(http.MethodPost, "https://example.com/instagram_auth/logout", form)
	if err != nil {
		k.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := g.client.Do(request)
	if err != nil {
		k.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		k.Errorf("signing out everywhere was answered %s", answer.Status)
	}
}
