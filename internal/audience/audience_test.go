package audience

import (
	"net/http"
	"strings"
	"testing"
)

const (
	html       = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	chromium   = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	urlencoded = "Content-Type: application/x-www-form-urlencoded"
	multipart  = "Content-Type: multipart/form-data; boundary=x"
	document   = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document"
	passedOn   = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: empty|Sec-Fetch-Site: same-origin"    // by Chromium's workers
	remade     = "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: empty|Sec-Fetch-Site: same-origin" // by Firefox's, and by those that change something
	framed     = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|Sec-Fetch-Site: same-origin"
	cors       = "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Sec-Fetch-Site: same-origin"
	own        = "Referer: https://example.test/page"
	preflight  = "Origin: https://app.example|Access-Control-Request-Method: PUT|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: */*"
)

// What browsers send was taken down from Chromium 156 and Firefox 153, with and without a
// service worker in between.
func TestA8_WhoAsks(t *testing.T) {
	for _, c := range []struct {
		name, method, headers string
		want                  Audience
	}{
		{"a browser of today", "GET", document + "|" + html, Navigation},
		{"a browser that asks for the head", "HEAD", document + "|" + html, Navigation},
		{"navigation without a destination", "GET", "Sec-Fetch-Mode: navigate|" + html, Navigation},
		{"an old browser", "GET", html, Navigation},
		{"an old browser at a link of this site", "GET", html + "|" + own, Navigation},
		{"a browser within an app", "GET", html + "|X-Requested-With: com.example.app", Navigation},
		{"HTML in capitals", "GET", "Accept: Text/HTML", Navigation},
		{"XHTML alone", "GET", "Accept: application/xhtml+xml", Navigation},
		{"Accept in two lines", "GET", "Accept: application/xml|Accept: text/html", Navigation},
		{"curl", "GET", "Accept: */*", Navigation},
		{"curl for the head", "HEAD", "Accept: */*", Navigation},
		{"no Accept at all", "GET", "", Navigation},
		{"curl with another site's Referer", "GET", "Accept: */*|Referer: https://other.example/", Navigation},

		// Service workers.
		{"a worker of Chromium's", "GET", passedOn + "|" + chromium, Navigation},
		{"a worker of Firefox's", "GET", remade + "|" + html, Navigation},
		{"a worker with a time limit", "GET", remade + "|" + chromium + "|Referer: https://example.test/sw.js", Navigation},
		{"a download through Chromium", "GET", passedOn, Program},
		{"a download that takes anything", "GET", passedOn + "|Accept: */*", Program},
		{"a worker that asks by address", "GET", cors + "|Accept: */*|Referer: https://example.test/sw.js", Program},
		{"a form through a worker of Chromium's", "POST", passedOn + "|" + chromium + "|" + urlencoded, Form},
		{"a form through a worker of Firefox's", "POST", remade + "|" + html + "|" + multipart, Form},

		// Programs.
		{"an old browser's XHR", "GET", html + "|X-Requested-With: XMLHttpRequest", Program},
		{"an old browser's poll", "GET", "Accept: */*|" + own, Program},
		{"an old browser's poll on another port", "GET", "Accept: */*|Referer: https://example.test:443/page", Program},
		{"an old browser's poll without Accept", "GET", own, Program},
		{"a program with a credential", "GET", "Accept: */*|Authorization: Bearer x", Program},
		{"an image", "GET", "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Accept: image/*,*/*;q=0.8", Program},
		{"a script", "GET", "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: script|Accept: */*", Program},
		{"fetch", "GET", cors + "|Accept: */*", Program},
		{"fetch without Accept", "GET", cors, Program},
		{"fetch asking for HTML", "GET", cors + "|" + html, Program},
		{"Turbo", "GET", cors + "|Accept: text/html, application/xhtml+xml", Program},
		{"Turbo's form", "POST", cors + "|Accept: text/vnd.turbo-stream.html, text/html, application/xhtml+xml|" + urlencoded, Program},
		{"Livewire", "POST", cors + "|Accept: */*|Content-Type: application/json|X-Livewire: ", Program},
		{"same-origin fetch", "GET", remade + "|Accept: */*", Program},
		{"an old fetch for JSON", "GET", "Accept: application/json", Program},
		{"HTML that is not wanted", "GET", "Accept: application/json, text/html;q=0", Program},
		{"HTML that is not wanted, at length", "GET", "Accept: text/html; q=0.000", Program},
		{"an event stream", "GET", "Accept: text/event-stream", Program},
		{"a feed reader", "GET", "Accept: application/rss+xml", Program},
		{"a websocket", "GET", "Connection: Upgrade|Upgrade: websocket|Sec-Fetch-Mode: websocket|Sec-Fetch-Dest: websocket", Program},
		{"an old websocket", "GET", "Connection: Upgrade|Upgrade: websocket", Program},
		{"a prefetch", "GET", "Sec-Purpose: prefetch|" + document + "|" + html, Program},
		{"a prerender", "GET", "Sec-Purpose: prefetch;prerender|" + document, Program},
		{"an old prefetch", "GET", "Purpose: prefetch|" + html, Program},
		{"an old prefetch of Firefox's", "GET", "X-Moz: prefetch|" + html, Program},
		{"a preview of Safari's", "GET", "X-Purpose: preview|" + html, Program},
		{"a worker's script", "GET", "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: serviceworker|Accept: */*", Program},
		{"a worker's script that takes HTML", "GET", "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: worker|" + html, Program},
		{"a manifest", "GET", "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: manifest", Program},
		{"a destination alone", "GET", "Sec-Fetch-Dest: document|" + html, Program},
		{"an object", "GET", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: object|Sec-Fetch-Site: same-origin|" + html, Program},

		// Frames.
		{"a frame of this site", "GET", framed + "|" + html, Frame},
		{"an old frame of this site", "GET", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: frame|Sec-Fetch-Site: same-origin|" + html, Frame},
		{"a frame of another site", "GET", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|Sec-Fetch-Site: cross-site|" + html, Program},
		{"a frame of a sister site", "GET", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|Sec-Fetch-Site: same-site|" + html, Program},
		{"a frame that does not say", "GET", "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|" + html, Program},
		{"a form in a frame", "POST", framed + "|" + html + "|" + urlencoded, FramedForm},

		// Forms.
		{"a form", "POST", document + "|" + html + "|" + urlencoded, Form},
		{"an upload", "POST", document + "|" + html + "|" + multipart, Form},
		{"a form of plain text", "POST", document + "|" + html + "|Content-Type: text/plain", Form},
		{"a form with a character set", "POST", document + "|" + html + "|Content-Type: Application/X-WWW-Form-URLEncoded; charset=UTF-8", Form},
		{"an old browser's form", "POST", html + "|" + urlencoded, Form},
		{"an old browser's upload", "POST", html + "|" + multipart + "|" + own, Form},
		{"a form that means another method", "POST", document + "|" + html + "|" + urlencoded + "|X-Http-Method-Override: DELETE", Form},
		{"an old browser's XHR that sends a form", "POST", html + "|" + urlencoded + "|X-Requested-With: XMLHttpRequest", Program},
		{"curl -d", "POST", "Accept: */*|" + urlencoded, Program},
		{"curl -F", "POST", "Accept: */*|" + multipart, Program},
		{"a form without Accept", "POST", urlencoded, Program},
		{"JSON", "POST", "Accept: */*|Content-Type: application/json", Program},
		{"JSON for HTML", "POST", html + "|Content-Type: application/json", Program},
		{"nothing", "POST", "", Program},
		{"nothing in a window", "POST", document + "|" + html, Program},

		// Methods.
		{"curl -T", "PUT", "Accept: */*", Program},
		{"PUT without Accept", "PUT", "", Program},
		{"PUT of a form", "PUT", document + "|" + html + "|" + urlencoded, Program},
		{"DELETE", "DELETE", "Accept: */*", Program},
		{"PATCH", "PATCH", html, Program},
		{"PROPFIND", "PROPFIND", "Accept: */*|Depth: 1", Program},
		{"MKCOL", "MKCOL", "", Program},
		{"REPORT", "REPORT", html, Program},
		{"QUERY", "QUERY", html + "|" + urlencoded, Program},
		{"a method in small letters", "get", html, Program},
		{"TRACE", "TRACE", html, Program},

		{"htmx", "GET", cors + "|Accept: */*|Hx-Request: true", HTMX},
		{"htmx in an old browser", "GET", "Accept: text/html, */*|Hx-Request: true|" + own, HTMX},
		{"htmx sends a form", "POST", cors + "|Accept: */*|Hx-Request: true|" + urlencoded, HTMX},
		{"htmx deletes", "DELETE", cors + "|Hx-Request: true", HTMX},
		{"no htmx", "GET", cors + "|Hx-Request: false", Program},
		{"htmx looks ahead", "GET", cors + "|Hx-Request: true|Purpose: prefetch", Program},

		// Preflights.
		{"a preflight", "OPTIONS", preflight, Preflight},
		{"a preflight of an old browser", "OPTIONS", "Origin: null|Access-Control-Request-Method: GET|Access-Control-Request-Headers: x-a", Preflight},
		{"OPTIONS", "OPTIONS", "Accept: */*", Program},
		{"OPTIONS in a window", "OPTIONS", document + "|" + html, Program},
		{"OPTIONS of WebDAV", "OPTIONS", "Depth: 0|Origin: https://app.example", Program},
		{"a preflight without an origin", "OPTIONS", "Access-Control-Request-Method: PUT", Program},
		{"a preflight with two origins", "OPTIONS", preflight + "|Origin: https://b.example", Program},
		{"a preflight with two methods", "OPTIONS", preflight + "|Access-Control-Request-Method: GET", Program},
		{"a preflight that means another method", "OPTIONS", preflight + "|X-Http-Method-Override: GET", Program},
		{"a preflight that means nothing", "OPTIONS", preflight + "|X-Method-Override: ", Program},
		{"a preflight that means another method in the spelling of CGI", "OPTIONS", preflight + "|X_HTTP_METHOD: GET", Program},
		{"a preflight that upgrades", "OPTIONS", preflight + "|Upgrade: websocket", Program},
		{"a GET that asks for leave", "GET", preflight, Program},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Of(request(c.method, c.headers), c.method); got != c.want {
				t.Errorf("audience %d, want %d", got, c.want)
			}
		})
	}
}

// request returns a request of a method with header lines, split by "|".
func request(method, headers string) *http.Request {
	r := &http.Request{Method: method, Host: "example.test", Header: make(http.Header)}
	for header := range strings.SplitSeq(headers, "|") {
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Add(name, value)
		}
	}
	return r
}

func TestA4_APreflightHasNoBody(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"a length":          func(r *http.Request) { r.ContentLength = 1 },
		"an unknown length": func(r *http.Request) { r.ContentLength = -1 },
		"an encoding":       func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
	} {
		r := request("OPTIONS", preflight)
		change(r)
		if got := Of(r, r.Method); got != Program {
			t.Errorf("with %s: audience %d", name, got)
		}
	}
}

// A rewrite before this handler changes what the site sees and not who asks.
func TestA8_TheMethodOfTheRequestLineDecides(t *testing.T) {
	r := request("DELETE", document+"|"+html+"|"+urlencoded)
	if got := Of(r, "POST"); got != Form {
		t.Errorf("audience %d of a form that a rewrite made a DELETE", got)
	}
	r = request("GET", preflight)
	if got := Of(r, "OPTIONS"); got != Preflight {
		t.Errorf("audience %d of a preflight that a rewrite made a GET", got)
	}
}

func TestAFormOfAnotherSite(t *testing.T) {
	for _, c := range []struct {
		headers string
		want    bool
	}{
		{"Sec-Fetch-Site: cross-site|Origin: https://pay.example", true},
		{"Sec-Fetch-Site: cross-site|Origin: null", true},
		{"Sec-Fetch-Site: cross-site", true},
		{"Sec-Fetch-Site: same-origin|Origin: https://example.test", false},
		{"Sec-Fetch-Site: same-origin|Origin: null", false},               // of a page with Referrer-Policy: no-referrer
		{"Sec-Fetch-Site: same-origin|Origin: https://pay.example", true}, // through a service worker
		{"Sec-Fetch-Site: same-site|Origin: https://app.example.test", false},
		{"Sec-Fetch-Site: none", false},
		{"Origin: https://pay.example", true},
		{"Origin: https://example.test.evil.example", true},
		{"Origin: https://example.test", false},
		{"Origin: https://EXAMPLE.test:443", false},
		{"Origin: null", false},
		{"", false},
		{"Origin: %", true},
	} {
		if got := IsFromAnotherSite(request("POST", c.headers)); got != c.want {
			t.Errorf("%s: %v", c.headers, got)
		}
	}
}

func FuzzA8_Audience(f *testing.F) {
	for _, seed := range [][8]string{
		{"", "", "navigate", "document", "", "text/html", "", ""}, {"", "", "navigate", "iframe", "", "text/html", "", ""}, {"", "", "no-cors", "image", "", "*/*", "", ""}, {"", "", "cors", "empty", "", "application/json", "application/json", ""},
		{"", "", "navigate", "empty", "", "text/html", "", ""}, {"", "", "same-origin", "empty", "", "text/html;q=0", "", ""}, {"", "", "navigate", "", "", "", "", ""}, {"websocket", "", "", "", "", "text/html", "", ""}, {"", "prefetch;prerender", "navigate", "document", "", "text/html", "", ""},
		{"", "", "", "", "xmlhttprequest", "text/html", "text/plain", ""}, {"", "", "", "", "", "*/*", "", "https://example.test/"}, {"", "", "", "", "", "text/event-stream", "", ""}, {"", "", "", "document", "", "text/html", "multipart/form-data; boundary=x", ""},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
			f.Add(method, seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[6], seed[7])
		}
	}
	f.Fuzz(func(t *testing.T, method, upgrade, purpose, mode, dest, with, accept, kind, referer string) {
		r := request(method, "")
		for name, value := range map[string]string{"Upgrade": upgrade, "Sec-Purpose": purpose, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest, "X-Requested-With": with, "Accept": accept, "Content-Type": kind, "Referer": referer} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		got, fetched := Of(r, method), mode != "" || dest != ""
		named := strings.Contains(strings.ToLower(accept), "html")
		for why, never := range map[string]bool{
			"it changes something":         method != "GET" && method != "HEAD",
			"it leaves the protocol":       upgrade != "",
			"nobody has asked for it yet":  strings.Contains(purpose, "prefetch"),
			"a script asks":                mode == "cors" || mode == "no-cors" || mode == "websocket",
			"it is a part of another page": dest != "" && dest != "document" && dest != "empty",
			"it takes no page":             !named && (fetched && dest != "document" || !fetched && accept != "" && strings.TrimSpace(accept) != "*/*"),
			"a script says so":             !fetched && strings.EqualFold(with, "xmlhttprequest"),
			"a page of this site polls":    !fetched && !named && strings.HasPrefix(referer, "https://example.test/") && !strings.ContainsAny(referer, "%\x00\x7f"),
		} {
			if never && got == Navigation {
				t.Errorf("%s %v is a navigation, but %s", method, r.Header, why)
			}
		}
		quiet := upgrade == "" && !strings.Contains(purpose, "prefetch") && purpose != "preview"
		if method == "GET" && quiet && (mode == "navigate" && dest == "document" || !fetched && with == "" && accept == "text/html") && got != Navigation {
			t.Errorf("%v is no navigation", r.Header)
		}
		if got.SendsForm() && (method != "POST" || !named || kind == "") {
			t.Errorf("%s %v is a form", method, r.Header)
		}
	})
}
