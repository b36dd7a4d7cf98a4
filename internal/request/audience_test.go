package request_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// asked returns a request with header lines, split by "|", and no others.
func asked(t *testing.T, method, path, headers string) *http.Request {
	t.Helper()
	request := sitetest.Navigation(t, method, path)
	request.Header = http.Header{}
	for header := range strings.SplitSeq(headers, "|") {
		if name, value, ok := strings.Cut(header, ": "); ok {
			request.Header.Add(name, value)
		}
	}
	return request
}

const (
	wantsHTML    = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	byWindow     = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document|Sec-Fetch-Site: same-origin|" + wantsHTML
	byFrame      = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe|Sec-Fetch-Site: same-origin|" + wantsHTML
	byScript     = "Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Sec-Fetch-Site: same-origin"
	fromWorker   = "Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: empty|Sec-Fetch-Site: same-origin"
	formKind     = "Content-Type: application/x-www-form-urlencoded"
	notSaved     = "What you sent was not saved."
	anotherSite  = "You came from another site"
	corsQuestion = "Origin: https://app.example|Access-Control-Request-Method: PUT|Access-Control-Request-Headers: content-type|Accept: */*|Sec-Fetch-Mode: cors"
)

// The table of all of them is in internal/audience.
func TestA8_OnlyANavigationIsSentToInstagram(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for name, headers := range map[string]string{
		"a browser of today": byWindow, "an old browser": wantsHTML, "curl": "Accept: */*", "no Accept at all": "",
		"a service worker of Chromium's":               fromWorker + "|" + wantsHTML + "|Referer: " + sitetest.Origin + "/sw.js",
		"a service worker of Firefox's":                "Sec-Fetch-Mode: same-origin|Sec-Fetch-Dest: empty|" + wantsHTML,
		"a service worker with a name like any page's": fromWorker + "|" + wantsHTML + "|Referer: " + sitetest.Origin + "/worker",
	} {
		b := s.NewBrowser()
		start := b.Do(asked(t, http.MethodGet, "/private?x=1", headers))
		if start.StatusCode != http.StatusFound {
			t.Errorf("%s: answered %s", name, start.Status)
		} else if got := b.Get(b.Window(start)).Location(); got != "/private?x=1#" {
			t.Errorf("%s: came back to %q", name, got)
		}
	}
	for name, headers := range map[string]string{
		"an old browser's XHR": wantsHTML + "|X-Requested-With: XMLHttpRequest", "an old browser's poll": "Accept: */*|Referer: " + sitetest.Origin + "/page",
		"a download": fromWorker, "a download that takes anything": fromWorker + "|Accept: */*", "fetch": byScript + "|Accept: */*", "fetch asking for HTML": byScript + "|" + wantsHTML,
		"an image": "Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: image|Accept: image/*", "an old fetch for JSON": "Accept: application/json", "a websocket": "Connection: Upgrade|Upgrade: websocket",
		"a prerender": "Sec-Purpose: prefetch;prerender|" + byWindow, "a frame of another site": strings.ReplaceAll(byFrame, "same-origin", "cross-site"),
	} {
		answer := s.NewBrowser().Do(asked(t, http.MethodGet, "/private", headers))
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: answered %s", name, answer.Status)
			continue
		}
		sitetest.WantLoginRequired(t, answer)
	}
}

func TestA8_AProgramGetsAStatusWhateverItsMethod(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "MOVE", "COPY", "LOCK", "UNLOCK", "REPORT", "QUERY", "OPTIONS"} {
		for _, headers := range []string{"", "Accept: */*", "Accept: */*|Content-Type: application/json", wantsHTML + "|Content-Type: application/json", "Accept: */*|" + formKind} {
			answer := s.NewBrowser().Do(asked(t, method, "/private", headers))
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %q: answered %s", method, headers, answer.Status)
				continue
			}
			sitetest.WantLoginRequired(t, answer)
		}
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestA8_CurlFailsWhereItCannotSignIn(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err) // scripts/test installs it
	}
	s := sitetest.Start(t, sitetest.Config{})
	file := filepath.Join(t.TempDir(), "upload")
	var all sync.WaitGroup // curl waits a second for the permission to send a large body
	for _, size := range []int{10, 5 << 20} {
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, arguments := range [][]string{{"-T", file}, {"-X", "DELETE"}, {"--data-binary", "@" + file}, {"-F", "f=@" + file}, {"--json", "{}"}} {
			all.Go(func() {
				command := exec.Command(curl, append(arguments, "-f", "-s", "-S", "-H", "Host: "+sitetest.Host, "http://"+s.Addr+"/private")...)
				out, err := command.CombinedOutput()
				if err == nil || !strings.Contains(string(out), "401") {
					t.Errorf("curl %.30q: %v, %s", arguments, err, out)
				}
			})
		}
		all.Wait() // the next file has the same name
	}
}

// The return address of what is no navigation is the page that asks, if it is one.
func TestR3_AReturnAddressIsNoScript(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, c := range []struct{ headers, want string }{
		{byScript + "|Referer: " + sitetest.Origin + "/page?x=1", "/instagram_auth/login?return_to=%2Fpage%3Fx%3D1"},
		{byScript + "|Referer: " + sitetest.Origin + "/sw.js", "/instagram_auth/login"},
		{byScript + "|Referer: " + sitetest.Origin + "/sw.js?v=2", "/instagram_auth/login"},
		{byScript + "|Referer: " + sitetest.Origin + "/w.mjs", "/instagram_auth/login"},
		{byScript + "|Referer: https://evil.example/page", "/instagram_auth/login"},
		{byScript + "|Referer: " + sitetest.Origin + "//evil.example", "/instagram_auth/login"},
		{byScript + "|Referer: " + sitetest.Origin + sitetest.Callback, "/instagram_auth/login"},
		{byScript + "|Referer: /page", "/instagram_auth/login"},
		{byScript, "/instagram_auth/login"},
	} {
		if got := sitetest.Decode(t, s.NewBrowser().Do(asked(t, http.MethodGet, "/api", c.headers)))["login_url"]; got != c.want {
			t.Errorf("with %s: login_url %q, want %q", c.headers, got, c.want)
		}
	}
}

func TestHTMXIsSentToTheSignInOfThePageItIsAt(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	const at = "/instagram_auth/login?return_to=%2Flist%3Fx%3D1"
	for _, c := range []struct{ method, headers, want string }{
		{"GET", "Hx-Current-Url: " + sitetest.Origin + "/list?x=1", at},
		{"POST", "Hx-Current-Url: " + sitetest.Origin + "/list?x=1|" + formKind, at},
		{"DELETE", "Referer: " + sitetest.Origin + "/list?x=1", at},
		{"GET", "Hx-Current-Url: https://evil.example/list|Referer: " + sitetest.Origin + "/list?x=1", at},
		{"GET", "Hx-Current-Url: https://evil.example/list", "/instagram_auth/login"},
		{"GET", "Hx-Current-Url: " + sitetest.Origin + "/list#part", "/instagram_auth/login?return_to=%2Flist%23part"},
		{"GET", "Hx-Boosted: true|Hx-Current-Url: " + sitetest.Origin + "/list?x=1", "/instagram_auth/login?return_to=%2Frows"},
		{"GET", "Hx-History-Restore-Request: true|Hx-Current-Url: " + sitetest.Origin + "/list?x=1", "/instagram_auth/login?return_to=%2Frows"},
		{"POST", "Hx-Boosted: true|Hx-Current-Url: " + sitetest.Origin + "/list?x=1|" + formKind, at},
	} {
		answer := s.NewBrowser().Do(asked(t, c.method, "/rows", byScript+"|Accept: */*|Hx-Request: true|"+c.headers))
		if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Hx-Redirect") != c.want {
			t.Errorf("%s with %s: %s to %q, want %q", c.method, c.headers, answer.Status, answer.Header.Get("Hx-Redirect"), c.want)
		}
		sitetest.WantLoginRequired(t, answer)
	}
	// What a page asks for about its visitor moves nobody.
	if answer := s.NewBrowser().Do(asked(t, "GET", "/instagram_auth/userinfo", byScript+"|Accept: */*|Hx-Request: true")); answer.StatusCode != http.StatusUnauthorized || answer.Header["Hx-Redirect"] != nil {
		t.Errorf("userinfo: %s to %q", answer.Status, answer.Header["Hx-Redirect"])
	}
	if answer := s.NewBrowser().Fetch("/rows"); answer.Header["Hx-Redirect"] != nil {
		t.Errorf("another script is sent to %q", answer.Header["Hx-Redirect"])
	}
}

func TestAFrameOfThisSiteShowsALinkOutOfIt(t *testing.T) {
	for _, options := range []string{"", "login_page"} {
		s := sitetest.Start(t, sitetest.Config{Options: options})
		for _, c := range []struct{ path, referer, returnTo string }{
			{"/private?x=1", "", "%2Fprivate%3Fx%3D1"}, {"/private", "|Referer: " + sitetest.Origin + "/around", "%2Faround"},
			{"/instagram_auth/login?return_to=%2Faround", "", "%2Faround"},
		} {
			answer := s.NewBrowser().Do(asked(t, http.MethodGet, c.path, byFrame+c.referer))
			sitetest.WantRefusal(t, answer, http.StatusUnauthorized, "Signing in opens outside of this frame.")
			if link := `<a class="button" href="/instagram_auth/login?return_to=` + c.returnTo + `" target="_top">`; !strings.Contains(answer.Body, link) {
				t.Errorf("no %s in\n%s", link, answer.Body)
			}
			if csp := answer.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; frame-ancestors 'self'") || answer.Header["Set-Cookie"] != nil {
				t.Errorf("policy %q, cookies %q", csp, answer.Header["Set-Cookie"])
			}
		}
		if page := s.NewBrowser().Do(asked(t, http.MethodPost, "/private", byWindow+"|"+formKind)); !strings.HasSuffix(page.Header.Get("Content-Security-Policy"), "; frame-ancestors 'none'") {
			t.Errorf("a page in a window may be framed: %v", page.Header)
		}
	}
}

func TestA8_AFormWithoutASessionGetsAPageThatSaysSo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, c := range []struct{ path, headers, says, link string }{
		{"/form?x=1", byWindow + "|" + formKind, notSaved, "/form?x=1"},
		{"/form", byWindow + "|Content-Type: multipart/form-data; boundary=x", notSaved, "/form"},
		{"/form", wantsHTML + "|Content-Type: multipart/form-data; boundary=x", notSaved, "/form"},
		{"/form", byWindow + "|" + formKind + "|X-Http-Method-Override: DELETE", notSaved, "/form"},
		{"/form", fromWorker + "|" + wantsHTML + "|" + formKind + "|Referer: " + sitetest.Origin + "/sw.js", notSaved, "/form"},
		{"/form", wantsHTML + "|" + formKind + "|Origin: null", notSaved, "/form"},
		{"//evil.example/form", byWindow + "|" + formKind, notSaved, "/"},
		{"/form", strings.Replace(byWindow, "same-origin", "cross-site", 1) + "|" + formKind + "|Origin: https://pay.example", anotherSite, "/form"},
		{"/form", wantsHTML + "|" + formKind + "|Origin: https://idp.example", anotherSite, "/form"},
		{"/form", fromWorker + "|" + wantsHTML + "|" + formKind + "|Origin: https://idp.example", anotherSite, "/form"},
		{"/form", byFrame + "|" + formKind, notSaved, "/form"},
	} {
		request := asked(t, http.MethodPost, c.path, c.headers)
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader("secret=of-the-form")), 18
		answer := s.NewBrowser().Do(request)
		sitetest.WantRefusal(t, answer, http.StatusUnauthorized, c.says)
		if !strings.Contains(answer.Body, `<a class="button" href="`+c.link+`"`) || strings.Contains(answer.Body, "<form") || strings.Contains(answer.Body, "of-the-form") {
			t.Errorf("%s with %s:\n%s", c.path, c.headers, answer.Body)
		}
		if framed := strings.Contains(c.headers, "iframe"); strings.Contains(answer.Body, `target="_top"`) != framed {
			t.Errorf("framed %v:\n%s", framed, answer.Body)
		}
		if answer.Header["Set-Cookie"] != nil || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers = %v", answer.Header)
		}
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestTheLinkOfAFormThatIsProtectedAloneLeadsToTheSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "@write", Before: "@write method POST"})
	answer := s.NewBrowser().Do(asked(t, http.MethodPost, "/comments", byWindow+"|"+formKind))
	sitetest.WantRefusal(t, answer, http.StatusUnauthorized, notSaved)
	if !strings.Contains(answer.Body, `href="/instagram_auth/login?return_to=%2Fcomments"`) {
		t.Errorf("page = %s", answer.Body)
	}
}

func TestAFormThatARewriteMakesAnotherMethodIsAFormStill(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Before: "method DELETE"})
	sitetest.WantRefusal(t, s.NewBrowser().Do(asked(t, http.MethodPost, "/form", byWindow+"|"+formKind)), http.StatusUnauthorized, notSaved)
}

func TestTheErrorRoutesOfTheSiteAnswerAForm(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "errors handle", After: "reverse_proxy {upstream}\nhandle_errors {\nrespond \"own page: {http.auth.instagram_auth.error} {err.status_code}\"\n}",
	})
	for headers, want := range map[string]string{
		byWindow + "|" + formKind: "own page: session_ended 401", byScript + "|" + formKind: "own page: login_required 401",
		strings.Replace(byWindow, "same-origin", "cross-site", 1) + "|" + formKind: "own page: cross_site_post 401",
	} {
		answer := s.NewBrowser().Do(asked(t, http.MethodPost, "/form", headers))
		if answer.StatusCode != http.StatusUnauthorized || answer.Body != want {
			t.Errorf("%s: %s %q, want %q", headers, answer.Status, answer.Body, want)
		}
	}
	answer := s.NewBrowser().Do(asked(t, http.MethodGet, "/rows", byScript+"|Hx-Request: true"))
	if answer.Header.Get("Hx-Redirect") != "/instagram_auth/login" {
		t.Errorf("htmx gets %v", answer.Header)
	}
}

// upload sends a form with a file as browsers do: nothing of the answer is read before
// everything has been sent.
func upload(t *testing.T, addr string, size int, headers string) (*http.Response, error) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "video")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(make([]byte, size))
	_ = form.Close()
	connection, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	head := fmt.Sprintf("POST /form HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n\r\n",
		sitetest.Host, form.FormDataContentType(), body.Len(), strings.ReplaceAll(headers, "|", "\r\n"))
	if _, err := io.WriteString(connection, head); err != nil {
		return nil, err
	}
	if _, err := connection.Write(body.Bytes()); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, err
}

func TestALargeUploadEndsInAPageAndNotInAReset(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, headers := range []string{byWindow, wantsHTML, byScript + "|Accept: */*"} {
		answer, err := upload(t, s.Addr, 40<<20, headers)
		if err != nil {
			t.Errorf("%s: %v", headers, err)
		} else if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: answered %s", headers, answer.Status)
		}
	}
	if n := s.Upstream.Count(); n != 0 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestA4_APreflightOpensNothing(t *testing.T) {
	closed := sitetest.Start(t, sitetest.Config{})
	if answer := closed.NewBrowser().Do(asked(t, http.MethodOptions, "/api", corsQuestion)); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the option: answered %s", answer.Status)
	}
	s := sitetest.Start(t, sitetest.Config{Options: "allow_preflight"})
	answer := s.NewBrowser().Do(asked(t, http.MethodOptions, "/api", corsQuestion+"|X-Instagram-User-Id: 1"))
	if answer.StatusCode != http.StatusOK || s.Upstream.Count() != 1 {
		t.Fatalf("answered %s", answer.Status)
	}
	if got := s.Upstream.Last(t); got.Header.Get("X-Instagram-User-Id") != "" || got.Method != http.MethodOptions {
		t.Errorf("the site got %s %v", got.Method, got.Header)
	}
	for name, request := range map[string]*http.Request{
		"OPTIONS alone":             asked(t, http.MethodOptions, "/api", "Accept: */*"),
		"without a method":          asked(t, http.MethodOptions, "/api", "Origin: https://app.example"),
		"without an origin":         asked(t, http.MethodOptions, "/api", "Access-Control-Request-Method: GET"),
		"in the name of GET":        asked(t, http.MethodOptions, "/api", corsQuestion+"|X-Http-Method-Override: GET"),
		"in the name of GET, again": asked(t, http.MethodOptions, "/api", corsQuestion+"|X-Method-Override: GET"),
		"GET":                       asked(t, http.MethodGet, "/api", corsQuestion),
		"POST":                      asked(t, http.MethodPost, "/api", corsQuestion),
	} {
		if answer := s.NewBrowser().Do(request); answer.StatusCode == http.StatusOK {
			t.Errorf("%s: answered %s", name, answer.Status)
		}
	}
	withBody := asked(t, http.MethodOptions, "/api", corsQuestion)
	withBody.Body, withBody.ContentLength = io.NopCloser(strings.NewReader("x")), 1
	if answer := s.NewBrowser().Do(withBody); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a body: answered %s", answer.Status)
	}
	if n := s.Upstream.Count(); n != 1 {
		t.Errorf("the site was asked %d times", n)
	}
}

func TestA4_APreflightThatARewriteMakesAGetIsNone(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "allow_preflight", Before: "method GET"})
	if answer := s.NewBrowser().Do(asked(t, http.MethodOptions, "/api", corsQuestion)); answer.StatusCode != http.StatusUnauthorized || s.Upstream.Count() != 0 {
		t.Errorf("answered %s", answer.Status)
	}
}
