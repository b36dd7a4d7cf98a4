package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

const mediaSite = "http://localhost:8082/"

// startMedia runs the example with the visitor's media: its Caddyfile, in which change
// has changed what a test needs otherwise, and its upstream, which asks graph.
func startMedia(t *testing.T, graph http.HandlerFunc, change ...string) (caddy, upstream *process) {
	t.Helper()
	inProject(t)
	binary, err := compile("media", ".", "./example/media", "-race")
	if err != nil {
		t.Fatal(err)
	}
	upstream = start(t, []string{"GRAPH=http://" + serve(t, graph)}, binary)
	upstream.waitFor("127.0.0.1:9002")
	content, err := os.ReadFile(filepath.Join("example", "media.Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(change...).Replace(string(content))
	if (changed == string(content)) != (len(change) == 0) {
		t.Fatal("the example has nothing of what the test changes")
	}
	return startCaddy(t, changed, nil, "127.0.0.1:8082", "127.0.0.1:9102"), upstream
}

// simulated passes a request on to the example's simulator.
var simulated = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
	r.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:9102"})
	r.Out.Host = "localhost:9102"
}}

// signInToMedia signs in on the media site and waits for its page.
func signInToMedia(t *testing.T) (tab context.Context) {
	t.Helper()
	tab = newBrowser(t, "")
	run(t, tab, chromedp.Navigate(mediaSite), chromedp.WaitVisible("a.button"), chromedp.Click("a.button"), allow, chromedp.WaitVisible("header"))
	return tab
}

func TestTheMediaSiteInABrowser(t *testing.T) {
	asked := make(chan url.Values, 8)
	var down atomic.Bool
	caddy, upstream := startMedia(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query()
		if down.Load() {
			panic(http.ErrAbortHandler) // closes the connection
		}
		simulated.ServeHTTP(w, r)
	})
	tab := signInToMedia(t)
	query := <-asked
	token := query.Get("access_token")
	if len(token) < 64 || query.Get("limit") != "6" {
		t.Fatalf("the upstream asks for %v", query)
	}
	want(t, tab, mediaSite, "Jay Posiris")
	want(t, tab, mediaSite, "@"+username+" · 9 media")
	want(t, tab, mediaSite, "Picture 9 of "+username)
	if n := ask(t, tab, chromedp.Evaluate[int](`document.querySelectorAll(".media img").length`)); n != 6 {
		t.Errorf("there are %d media", n)
	}
	// decode waits for a picture, and fails for one that is broken.
	pictures := ask(t, tab, chromedp.Evaluate[[]int](`Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))`, chromedp.EvalAwaitPromise))
	if len(pictures) != 7 {
		t.Errorf("the widths of the pictures are %v", pictures)
	}
	for _, width := range pictures {
		if width == 0 {
			t.Errorf("the widths of the pictures are %v", pictures)
		}
	}
	if ask(t, tab, chromedp.Evaluate[bool](`[...document.images].some(i => !i.hasAttribute("alt") || ![origin + "/instagram_auth/picture"].includes(i.src) && !i.src.startsWith("http://localhost:9102/"))`)) {
		t.Error("a picture has no text, or comes from elsewhere")
	}
	shoot(t, tab, "media")
	pages := []string{ask(t, tab, chromedp.OuterHTML("html"))}

	// Instagram is down: the page says so and is otherwise as before.
	down.Store(true)
	run(t, tab, chromedp.Navigate(mediaSite), chromedp.WaitVisible("header"))
	want(t, tab, mediaSite, "Jay Posiris")
	want(t, tab, mediaSite, "Instagram does not show your media right now.")
	shoot(t, tab, "media-down")
	pages = append(pages, ask(t, tab, chromedp.OuterHTML("html")))

	logs := caddy.out.String() + upstream.out.String()
	for _, line := range []string{"Caddy-Templates-Include", "asking for media: "} {
		if !strings.Contains(logs, line) {
			t.Errorf("the logs lack %q:\n%s", line, logs)
		}
	}
	for where, text := range map[string]string{"logs": logs, "pages": strings.Join(pages, "")} {
		if strings.Contains(text, token) {
			t.Errorf("the %s have the access token", where)
		}
	}
}

func TestTheMediaSiteShowsForeignTextAsText(t *testing.T) {
	const foreign = `<i id="foreign">Jay</i> <% env "HOME" %> {{env "HOME"}}`
	_, _ = startMedia(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": []map[string]string{
			{"caption": foreign, "media_url": "javascript:alert(1)", "permalink": `javascript:alert("<% env %>")`},
		}})
	}, `"Jay Posiris"`, "`"+foreign+"`")
	tab := signInToMedia(t)
	if text := look(t, tab).text; strings.Count(text, foreign) != 2 {
		t.Errorf("the page is %q", text)
	}
	if ask(t, tab, chromedp.Evaluate[bool](`!!document.querySelector("#foreign, [href^=javascript], [src^=javascript]")`)) {
		t.Errorf("foreign text became part of the page:\n%s", ask(t, tab, chromedp.OuterHTML("html")))
	}
}

func TestNobodyBesideCaddyReachesWhatTheMediaSiteIncludes(t *testing.T) {
	_, _ = startMedia(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the upstream asked for %s", r.URL) })
	for _, path := range []string{"/latest", "/LATEST", "//latest", "/latest/"} {
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:8082"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "localhost:8082"
		request.Header.Set("X-Instagram-Access-Token", "forged")
		request.Header.Set("Caddy-Templates-Include", "1")
		// Every address in 127/8 is this machine's; only 127.0.0.1 is Caddy's own.
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if page := body(t, answer); answer.StatusCode != http.StatusUnauthorized || strings.Contains(page, "your media") {
			t.Error(fmt.Sprintf("%s = %s", path, answer.Status), page)
		}
	}
}
