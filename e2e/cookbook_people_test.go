package e2e

import (
	"net/http"
	"strings"

	"github.com/chromedp/chromedp"
)

// The recipes for what is no ordinary navigation.

func anAPIForAnotherHost(k *kitchen) {
	k.serve(func(w http.ResponseWriter, r *http.Request) {
		// The browser also shows the front page, to which the sign-in leads back.
		if strings.HasPrefix(r.URL.Path, "/api") && r.Method != http.MethodPut {
			k.Errorf("the API was asked with %s", r.Method)
		}
		_, _ = w.Write([]byte("Saved for " + r.Header.Get("X-Instagram-Username")))
	})
	k.replace("/srv/www", k.write())
	k.cook()
	g := k.guest()
	k.want("a question", g.ask(http.MethodOptions, "https://example.com/api/name", "Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT"), "204")
	k.want("OPTIONS alone", g.ask(http.MethodOptions, "https://example.com/api/name", "Accept", "*/*"), "401 ")
	tab := newBrowser(k.T, "", chromedp.Flag("host-resolver-rules", "MAP *.example.com:443 127.0.0.1:"+k.https+",MAP example.com:443 127.0.0.1:"+k.https))
	shows := func(text string) {
		k.caddy.waitUntil(text, func() bool {
			got, err := chromedp.Run(tab, chromedp.Text("#app"))
			return err == nil && got == text
		})
	}
	run(k.T, tab, chromedp.Navigate("https://app.example.com/"))
	shows("Sign in with Instagram")
	run(k.T, tab, chromedp.Click("#app > a"))
	k.caddy.waitUntil("the site again", func() bool {
		at, err := chromedp.Run(tab, chromedp.Location())
		return err == nil && strings.TrimSuffix(at, "#") == "https://example.com/"
	})
	run(k.T, tab, chromedp.Navigate("https://app.example.com/"))
	shows("Saved for " + username)
}

func aServiceWorker(k *kitchen) {
	k.replace("/srv/www", k.write())
	k.cook()
	w := &chromium{k.T, k.tab()}
	w.open("https://example.com/")
	w.until(`navigator.serviceWorker.controller !== null`)
	w.eval(`(document.querySelector("#members").click(), "")`)
	w.until(`location.pathname === "/members/" && document.querySelector("#inside") !== null`)
	if kept := w.eval(`caches.open("pages").then(c => c.keys()).then(k => k.map(r => new URL(r.url).pathname).join(" "))`); strings.Contains(kept, "auth") {
		k.Errorf("the worker keeps %s", kept)
	}
}

func formsOfAnotherSite(k *kitchen) {
	k.node()
	k.cook()
	w := &chromium{k.T, k.tab()}
	w.open("https://example.com/shop/")
	w.until(`document.body.innerText === "Thank you, ` + username + `"`)
	w.open(evilForm(k.T, "https://example.com/shop/paid", "origin"))
	w.until(`location.pathname === "/shop/thanks" && document.body.innerText === "Thank you, ` + username + `"`)
	w.open(evilForm(k.T, "https://example.com/shop/basket", "origin"))
	w.until(`document.body.innerText.includes("You came from another site")`)
}
