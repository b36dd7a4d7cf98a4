package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/chromedp/chromedp"
)

// stories are what the recipes promise, by their headings in the cookbook.
var stories = map[string]func(*kitchen){
	"An app behind reverse_proxy":                anApp,
	"PHP with a front controller":                phpApp,
	"A static site with templates":               staticSite,
	"A single-page app with an API":              singlePageApp,
	"A sign-in in a pop-up":                      aPopUp,
	"An API for another host":                    anAPIForAnotherHost,
	"A service worker":                           aServiceWorker,
	"Forms that another site sends":              formsOfAnotherSite,
	"Only some paths":                            somePaths,
	"Several hosts":                              severalHosts,
	"Behind another TLS proxy":                   behindAProxy,
	"Two apps on one site":                       twoApps,
	"Websockets and event streams":               websocketsAndEventStreams,
	"A password or an address as another way in": anotherWayIn,
	"A site with sessions of its own":            shopSessions,
	"Several nodes":                              severalNodes,
}

const seenAs = "[" + userID + "|" + username + "]"

func anApp(k *kitchen) {
	for name, run := range map[string]func(){"Node": k.node, "Go": k.runGo} {
		k.replaced = nil
		run()
		k.cook()
		g := k.guest()
		k.want(name+", a public page", g.get("https://example.com/", forged...), "200 Hello stranger")
		k.want(name+", after signing in", g.get("https://example.com/members", forged...), "200 Hello "+username+", number "+userID)
		k.want(name+", a public page of somebody who is signed in", g.get("https://example.com/"), "200 Hello "+username)
		g.logout()
		k.want(name+", signed out", g.get("https://example.com/"), "200 Hello stranger")
	}
}

func phpApp(k *kitchen) {
	socket, root := startPHP(k.T, k.recipe.files["index.php"])
	k.replace("/srv/www", root)
	k.replace("127.0.0.1:9000", "unix/"+socket)
	k.cook()
	g := k.guest()
	k.want("a public page", g.get("https://example.com/blog/", forged...), "200 /blog/: a stranger")
	k.want("a script without a session", g.fetch("https://example.com/account/settings"), "401 ")
	k.want("the account by PATH_INFO", g.fetch("https://example.com/index.php/account/settings"), "401 ")
	k.want("the account out of a public folder", g.fetch("https://example.com/blog/index.php/account"), "401 ")
	k.want("the account", g.get("https://example.com/account/settings", forged...), "200 /account/settings: "+username+", number "+userID)
}

func staticSite(k *kitchen) {
	k.replace("/srv/www", k.write())
	k.cook()
	g := k.guest()
	if page := g.get("https://example.com/", forged...); !strings.Contains(page, `<a href="/members/">`) || strings.Contains(page, "admin") {
		k.Errorf("front page = %s", page)
	}
	for address, text := range map[string]string{"https://example.com/members/": "Hello " + username + ".", "https://example.com/": "Welcome back, " + username + "."} {
		if page := g.get("https://example.com/members/"); !strings.Contains(page, "Hello "+username) {
			k.Fatalf("members = %s", page)
		}
		if page := g.get(address); !strings.Contains(page, text) {
			k.Errorf("%s = %s", address, page)
		}
	}
}

func singlePageApp(k *kitchen) {
	k.node()
	k.replace("/srv/www", k.write())
	k.cook()
	k.want("the API without a session", k.guest().fetch("https://example.com/api/me"), `401 {"error":"login_required"`)
	tab := k.tab()
	run(k.T, tab, chromedp.Navigate("https://example.com/profile"), chromedp.WaitVisible("#app > a"), chromedp.Click("#app > a"))
	k.caddy.waitUntil("the name on the page", func() bool { // while the page is another one, there is an error
		text, err := chromedp.Run(tab, chromedp.Text("#app"))
		return err == nil && text == "Hello "+username
	})
	want(k.T, tab, "https://example.com/profile", "Hello "+username)
}

func somePaths(k *kitchen) {
	k.serve(whoIsThere)
	k.cook()
	g := k.guest()
	for path, want := range map[string]string{"/": "200 /: [|]", "/members/terms": "200 /members/terms: [|]", "/members/x": "401 ", "/account/": "401 ", "/members/./x": "401 ", "/%6dembers/x": "401 "} {
		k.want(path, g.fetch("https://example.com"+path, forged...), want)
	}
	k.want("a member", g.get("https://example.com/account/"), "200 /account/: "+seenAs)
	k.want("a member elsewhere", g.get("https://example.com/members/terms"), "200 /members/terms: "+seenAs)
}

func severalHosts(k *kitchen) {
	k.serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Host)
		whoIsThere(w, r)
	})
	k.cook()
	g := k.guest()
	k.want("the first host", g.get("https://example.com/members"), "200 example.com/members: "+seenAs)
	k.want("a script on the second one", g.fetch("https://shop.example.com/members"), "401 ")
	k.want("the second host", g.get("https://shop.example.com/members"), "200 shop.example.com/members: "+seenAs)
}

func behindAProxy(k *kitchen) {
	k.serve(whoIsThere)
	k.replace("10.0.0.0/8", "127.0.0.1/32")
	inside := freePort(k.T)
	k.replace("http://example.com {", "http://example.com:"+inside+" {")
	front := &kitchen{T: k.T, recipe: recipe{caddyfile: "example.com {\nreverse_proxy 127.0.0.1:" + inside + "\n}\n"}}
	front.cook()
	k.start()
	k.caddy.waitFor("127.0.0.1:" + inside)
	g := front.guestFrom("127.0.0.2")
	k.want("through the proxy", g.get("https://example.com/members"), "200 /members: "+seenAs)
	k.want("a forged header", g.get("https://example.com/", forged...), "200 /: "+seenAs)
	if log := k.caddy.out.String(); !strings.Contains(log, `"client_ip":"127.0.0.2"`) {
		k.Errorf("the client's address is not known:\n%s", log)
	}
}

func twoApps(k *kitchen) {
	k.serve(func(w http.ResponseWriter, r *http.Request) {
		whoIsThere(w, r)
		_, _ = fmt.Fprintf(w, " [%s|%s]", r.Header.Get("X-Studio-User-Id"), r.Header.Get("X-Studio-Username"))
	})
	k.cook()
	g := k.guest()
	k.want("nobody", g.get("https://example.com/", append(forged, "X-Studio-User-Id", "1")...), "200 /: [|] [|]")
	k.want("a member", g.get("https://example.com/members"), "200 /members: "+seenAs+" [|]")
	k.want("a member in the studio", g.fetch("https://example.com/studio"), "401 ")
	k.want("both", g.get("https://example.com/studio"), "200 /studio: "+seenAs+" "+seenAs)
	g.logout()
	k.want("signed out of one", g.get("https://example.com/"), "200 /: [|] "+seenAs)
}

func anotherWayIn(k *kitchen) {
	k.serve(whoIsThere)
	k.replace("192.0.2.0/24", "127.0.0.3/32")
	// The same password, for a machine that has no second for each guess.
	k.replace(regexp.MustCompile(`\$2a\$14\S+`).FindString(k.recipe.caddyfile), "$2a$04$8O4hYqthHLYR1mwtE/rtZu4T86U1mpK7qgLX4PprcNcz1CmBktNuK")
	k.cook()
	password := func(user, secret string) []string {
		r := new(http.Request)
		r.Header = make(http.Header)
		r.SetBasicAuth(user, secret)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	k.want("the robot", k.guest().fetch("https://example.com/", append(forged, password("robot", "correct horse battery staple")...)...), "200 /: [|]")
	k.want("a wrong password", k.guest().fetch("https://example.com/", password("robot", "guess")...), "401 ")
	k.want("another kind of Authorization", k.guest().fetch("https://example.com/", "Authorization", "Bearer x"), "401 ")
	k.want("an empty Authorization", k.guest().fetch("https://example.com/", "Authorization", ""), "401 ")
	k.want("the office", k.guestFrom("127.0.0.3").fetch("https://example.com/", forged...), "200 /: [|]")
	k.want("an address that the client made up", k.guest().fetch("https://example.com/", "X-Forwarded-For", "127.0.0.3"), "401 ")
	k.want("a person", k.guest().get("https://example.com/"), "200 /: "+seenAs)
}

func shopSessions(k *kitchen) {
	k.node()
	k.cook()
	g := k.guest()
	k.want("a stranger", g.get("https://example.com/basket", forged...), "200 <a href=\"/instagram_auth/login?return_to=/basket\">")
	k.want("a forged callback", g.get("https://example.com/auth/?code=x", forged...), "400 ")
	k.want("after the login", g.get("https://example.com/instagram_auth/login?return_to=/basket"), "200 Your basket, "+username)
	k.want("the site's own session", g.get("https://example.com/"), "200 Your basket, "+username)
}

func severalNodes(k *kitchen) {
	k.serve(whoIsThere)
	k.replace("/var/lib/caddy-shared", k.TempDir())
	k.cook()
	first := k.https
	k.cook()
	second := k.https
	g := k.guest()
	g.port = first
	k.want("signed in on the first node", g.get("https://example.com/members"), "200 /members: "+seenAs)
	g.port = second
	g.client.CloseIdleConnections()
	k.want("on the second one", g.fetch("https://example.com/members"), "200 /members: "+seenAs)
	thief := g.copy()
	g.logout()
	k.want("a copy of the cookie there", thief.fetch("https://example.com/members"), "401 ")
	thief.port = first
	thief.client.CloseIdleConnections()
	k.caddy.waitUntil("a logout that the first node knows of", func() bool {
		return strings.HasPrefix(thief.fetch("https://example.com/members"), "401 ")
	})
}
