package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// aPopUp begins to write a comment, signs in in the pop-up and sends the comment. Instagram cuts
// the two windows apart, as it does in earnest.
func aPopUp(k *kitchen) {
	port := freePort(k.T)
	startCaddy(k.T, fmt.Sprintf("{\nadmin off\nauto_https off\n}\nhttp://localhost:%s {\nheader Cross-Origin-Opener-Policy same-origin\ninstagram_simulator {\napp_id %s\napp_secret %s\nredirect_uri https://example.com/auth/\n}\n}",
		port, appID, appSecret), nil, "127.0.0.1:"+port)
	k.instagrams[0] = "http://localhost:" + port
	k.serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "<!doctype html><title>Sent</title><p id=sent>%s: %s", r.Header.Get("X-Instagram-Username"), r.PostFormValue("text"))
	})
	k.replace("/srv/www", k.write())
	k.cook()

	page := &chromium{k.T, k.tab()}
	run(k.T, page.tab, chromedp.Navigate("https://example.com/"), chromedp.WaitVisible("#sign-in"), chromedp.SendKeys("textarea", "half a sent"))
	page.eval(`(window.isTheSame = true, "")`)
	run(k.T, page.tab, chromedp.Click("#sign-in"))
	id := k.otherPage(page, k.instagrams[0]+"/oauth/authorize")
	ctx, closePopUp := chromedp.NewContext(page.tab, chromedp.WithTargetID(id))
	k.Cleanup(closePopUp)
	run(k.T, ctx) // attaches to the window, for as long as ctx lives
	popUp := &chromium{k.T, bounded(k.T, ctx)}
	popUp.until(`document.querySelector("#allow") !== null`)
	popUp.until(`window.opener === null`) // cut apart
	// The click may close the window before it is answered.
	_, _ = popUp.tryEval(`(document.querySelector('input[type=radio][value="`+username+`"]').click(), document.querySelector("#allow").click(), "")`, 10*time.Second)

	page.until(`document.querySelector("#sign-in").hidden && document.querySelector("#send").textContent === "Send as ` + username + `"`)
	if text := page.eval(`window.isTheSame + " " + location.href + " " + document.querySelector("textarea").value`); text != "true https://example.com/ half a sent" {
		k.Errorf("the page did not stay as it was: %s", text)
	}
	run(k.T, page.tab, chromedp.SendKeys("textarea", "ence"), chromedp.Click("#send"), chromedp.WaitVisible("#sent"))
	want(k.T, page.tab, "https://example.com/comments", username+": half a sentence")

	// The page that closes the window says so where it cannot, and needs no session.
	k.want("the last page", k.guest().get("https://example.com/signed-in.html"), "200 <!doctype html>")
	k.want("a comment without a session", k.guest().fetch("https://example.com/comments"), "401 ")
}

// otherPage waits for another page of the browser of a tab.
func (k *kitchen) otherPage(tab *chromium, address string) (id target.ID) {
	k.Helper()
	k.caddy.waitUntil("a window at "+address, func() bool {
		all, err := chromedp.Targets(tab.tab)
		for _, one := range all {
			if one.Type == "page" && strings.HasPrefix(one.URL, address) {
				id = one.TargetID
			}
		}
		return err == nil && id != ""
	})
	return id
}
