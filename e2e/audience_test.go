package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// window is a window of a real browser.
type window interface {
	// open navigates, wherever that leads.
	open(address string)
	// eval returns what an expression is in the page. It may be a promise.
	eval(expression string) string
	// until waits for an expression to be true.
	until(expression string)
}

// chromium is a window of Chromium.
type chromium struct {
	t   *testing.T
	tab context.Context
}

// open follows a link to an address, as a person does. It does not wait for events of the
// navigation, which may not come where a service worker answers.
func (c *chromium) open(address string) {
	c.t.Helper()
	c.eval(fmt.Sprintf(`(window.isLeft = true, Object.assign(document.createElement("a"), {href: %q}).click(), "")`, address))
	c.until(`window.isLeft === undefined && document.readyState === "complete"`)
}

func (c *chromium) tryEval(expression string, within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(c.tab, within)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](`Promise.resolve(`+expression+`).then(String, e => "error: " + e)`, chromedp.EvalAwaitPromise))
}

func (c *chromium) eval(expression string) string {
	c.t.Helper()
	got, err := c.tryEval(expression, time.Minute)
	if err != nil {
		c.t.Fatalf("Chromium: %s: %v", expression, err)
	}
	return got
}

func (c *chromium) until(expression string) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := c.tryEval(expression, 5*time.Second)
		if err == nil && got == "true" {
			return
		}
		if time.Now().After(deadline) {
			at, _ := c.tryEval("location.href + ' ' + document.body.innerText", 5*time.Second)
			c.t.Fatalf("Chromium: not %s: %q, %v; at %s", expression, got, err, at)
		}
	}
}

// inBrowsers runs a test in each browser, with an empty profile each time.
func inBrowsers(t *testing.T, test func(*testing.T, window)) {
	t.Helper()
	t.Run("Chromium", func(t *testing.T) { test(t, &chromium{t, newBrowser(t, "")}) })
	t.Run("Firefox", func(t *testing.T) { test(t, newFirefox(t)) })
}

// pages are a site with public pages, a service worker and a protected part. Pages say who
// they were made for.
func pages(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/worker.js", "/remaking.js":
		w.Header().Set("Content-Type", "text/javascript")
		how := "fetch(e.request)"
		if r.URL.Path == "/remaking.js" {
			how = "fetch(e.request, {signal: AbortSignal.timeout(20000)})"
		}
		_, _ = fmt.Fprintf(w, `addEventListener("install", () => skipWaiting());
			addEventListener("activate", e => e.waitUntil(clients.claim()));
			addEventListener("fetch", e => e.respondWith(%s.catch(() => caches.match(e.request))));`, how)
	case "/htmx.js", "/htmx2.js":
		file := map[string]string{"/htmx.js": "axe/node_modules/htmx.org/dist/htmx.min.js", "/htmx2.js": "axe/node_modules/htmx2/dist/htmx.min.js"}[r.URL.Path]
		http.ServeFile(w, r, file)
	case "/around":
		_, _ = fmt.Fprint(w, `<!doctype html><title>Around</title><p id="here">around</p><iframe src="/private/inside"></iframe>`)
	case "/list", "/list2":
		script := map[string]string{"/list": "/htmx.js", "/list2": "/htmx2.js"}[r.URL.Path]
		_, _ = fmt.Fprintf(w, `<!doctype html><title>List</title><script src="%s"></script><p id="here">list</p><button hx-get="/private/rows" hx-target="#here">more</button>`, script)
	default:
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Page</title><p id="who">[%s]</p><a id="download" href="/private/file" download="f">file</a>
			<form id="form" method="post" action="/private/form?x=1" enctype="multipart/form-data"><input name="text" value="secret words"><input type="file" name="file"></form>`,
			r.Header.Get("X-Instagram-Username"))
	}
}

// pagesSite is a site with these pages.
type pagesSite struct {
	site
	caddy *process
}

// startPages runs Caddy with the site on plain HTTP: a loopback host is as good as TLS to
// browsers, and HTTP/1.1 is what they speak then.
func startPages(t *testing.T, options string) *pagesSite {
	t.Helper()
	port, instagram := freePort(t), freePort(t)
	s := &pagesSite{site: site{origin: "http://localhost:" + port, instagram: "http://localhost:" + instagram, port: port}}
	s.caddy = startCaddy(t, fmt.Sprintf("{\nadmin off\nauto_https off\n}\n%s {\nlog\ninstagram_auth /private* {\napp_id %s\napp_secret %s\nredirect_uri %s/auth/\nendpoints %s\n%s\n}\nreverse_proxy %s\n}\n%s {\ninstagram_simulator {\napp_id %s\napp_secret %s\nredirect_uri %s/auth/\n}\n}\n",
		s.origin, appID, appSecret, s.origin, s.instagram, options, serve(t, http.HandlerFunc(pages)), s.instagram, appID, appSecret, s.origin), nil, "127.0.0.1:"+port, "127.0.0.1:"+instagram)
	return s
}

// register installs a service worker and waits until the page is controlled by it.
func register(w window, script string) {
	w.eval(`navigator.serviceWorker.register("` + script + `").then(() => navigator.serviceWorker.ready).then(() => "")`)
	w.until(`navigator.serviceWorker.controller !== null`)
}

// signIn presses Allow in the window of Instagram and waits for a page of the site.
func signIn(w window, s *pagesSite, back string) {
	w.until(`location.href.startsWith("` + s.instagram + `/oauth/authorize") && document.querySelector("#allow") !== null`)
	w.eval(`(document.querySelector('input[type=radio][value="` + username + `"]').click(), document.querySelector("#allow").click(), "")`)
	w.until(`location.href.split("#")[0] === "` + s.origin + back + `" && document.readyState === "complete"`)
}

func TestA8_SigningInWorksThroughAServiceWorker(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		for _, script := range []string{"/worker.js", "/remaking.js"} {
			s := startPages(t, "")
			w.open(s.origin + "/")
			register(w, script)
			if got := w.eval(`fetch("/private/api").then(a => a.json().then(o => a.status + " " + o.login_url))`); got != "401 /instagram_auth/login" {
				t.Errorf("%s: a script gets %q", script, got)
			}
			w.open(s.origin + "/private/page?x=1")
			signIn(w, s, "/private/page?x=1")
			if got := w.eval(`document.querySelector("#who").innerText`); got != "["+username+"]" {
				t.Errorf("%s: the page was made for %s", script, got)
			}
			w.eval(`fetch("/instagram_auth/logout", {method: "POST", redirect: "manual"}).then(() => "")`)
		}
	})
}

// TestA8_ADownloadThroughAServiceWorkerStartsNoLogin is about Chromium: to Firefox, a download is
// like any other link. A window of Chromium that was told to download is not used any further.
func TestA8_ADownloadThroughAServiceWorkerStartsNoLogin(t *testing.T) {
	for _, script := range []string{"/worker.js", "/remaking.js"} {
		s := startPages(t, "")
		c := &chromium{t, newBrowser(t, "")}
		c.open(s.origin + "/")
		register(c, script)
		c.eval(`(document.querySelector("#download").click(), "")`)
		s.caddy.waitUntil("a download", func() bool { return strings.Contains(s.caddy.out.String(), `"uri":"/private/file"`) })
		if names := cookieNames(t, c.tab, &s.site); len(names) != 0 {
			t.Errorf("%s: a download set %q", script, names)
		}
	}
}

func TestA8_AFormThroughABrowserEndsInAPage(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		for _, script := range []string{"", "/worker.js"} {
			w.open(s.origin + "/")
			if script != "" {
				register(w, script)
			}
			w.eval(`(document.querySelector("#form").submit(), "")`)
			w.until(`document.body.innerText.includes("What you sent was not saved.")`)
			w.eval(`(document.querySelector("a.button").click(), "")`)
			signIn(w, s, "/private/form?x=1")
			w.eval(`fetch("/instagram_auth/logout", {method: "POST", redirect: "manual"}).then(() => "")`)
		}
	})
}

func TestALargeUploadInABrowserEndsInAPage(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		for _, size := range []string{"40 << 20", "60 << 20"} {
			w.open(s.origin + "/")
			w.eval(`(() => { const files = new DataTransfer(); files.items.add(new File([new Uint8Array(` + size + `)], "video")); document.querySelector("input[type=file]").files = files.files; document.querySelector("#form").submit(); return "" })()`)
			w.until(`document.body.innerText.includes("What you sent was not saved.")`)
		}
	})
}

func TestAFrameLeadsOutOfItself(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		w.open(s.origin + "/around")
		w.until(`frames[0].document.body !== null && frames[0].document.body.innerText.includes("Signing in opens outside of this frame.")`)
		w.eval(`(frames[0].document.querySelector("a.button").click(), "")`)
		signIn(w, s, "/around")
		w.until(`frames[0].document.body !== null && frames[0].document.body.innerText.includes("[` + username + `]")`)
	})
}

func TestHTMXSignsIn(t *testing.T) {
	if _, err := os.Stat("axe/node_modules/htmx.org"); err != nil {
		t.Fatalf("%v: run npm ci in e2e/axe", err)
	}
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		for _, page := range []string{"/list", "/list2"} {
			w.open(s.origin + page)
			w.until(`document.readyState === "complete" && typeof htmx === "object"`)
			w.eval(`(document.querySelector("button").click(), "")`)
			signIn(w, s, page)
			w.until(`typeof htmx === "object"`)
			w.eval(`(document.querySelector("button").click(), "")`)
			w.until(`document.querySelector("#here").innerText.includes("[` + username + `]")`)
			w.eval(`fetch("/instagram_auth/logout", {method: "POST", redirect: "manual"}).then(() => "")`)
		}
	})
}

// evilForm is a page of another site, which sends a form here at once.
func evilForm(t *testing.T, target, policy string) string {
	t.Helper()
	return "http://" + serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Referrer-Policy", policy)
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Elsewhere</title><form method="post" action="%s"><input name="x" value="y"></form><script>document.forms[0].submit()</script>`, target)
	}))
}

func TestL2_AFormOfAnotherSiteSignsNobodyOut(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		w.open(s.origin + "/private/page")
		signIn(w, s, "/private/page")
		for _, policy := range []string{"unsafe-url", "no-referrer"} {
			w.open(evilForm(t, s.origin+"/instagram_auth/logout", policy))
			w.until(`document.body.innerText.includes("Please use the sign-out page.")`)
			w.open(s.origin + "/private/page")
			w.until(`document.querySelector("#who") !== null`)
			if got := w.eval(`document.querySelector("#who").innerText`); got != "["+username+"]" {
				t.Fatalf("after a form of another site with %s: %s", policy, got)
			}
		}
	})
}

func TestAFormOfAnotherSiteIsToldSo(t *testing.T) {
	inBrowsers(t, func(t *testing.T, w window) {
		s := startPages(t, "")
		w.open(s.origin + "/private/page")
		signIn(w, s, "/private/page")
		w.open(evilForm(t, s.origin+"/private/paid?order=1", "origin"))
		w.until(`document.body.innerText.includes("You came from another site")`)
		w.eval(`(document.querySelector("a.button").click(), "")`)
		w.until(`location.href === "` + s.origin + `/private/paid?order=1" && document.querySelector("#who") !== null`)
		if got := w.eval(`document.querySelector("#who").innerText`); !strings.Contains(got, username) {
			t.Errorf("the session did not live: %s", got)
		}
	})
}
