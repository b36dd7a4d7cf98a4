package instagramauth_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// browser is a client that keeps cookies as browsers do and follows nothing by
// itself, so that a test sees every step.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
	jar  http.CookieJar
}

// newBrowser returns a browser with an empty jar. What it believes to be TLS to
// the test site is a plain connection to Caddy.
func (s *site) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	toCaddy := func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		// A listener that a reload is about to close resets who waits at it. Nothing has
		// been sent yet.
		for range 20 {
			if conn, err = new(net.Dialer).DialContext(ctx, network, s.addr); !errors.Is(err, syscall.ECONNRESET) {
				break
			}
		}
		return conn, err
	}
	transport := &http.Transport{DialTLSContext: toCaddy}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.browsers.Lock()
	s.transports = append(s.transports, transport)
	s.browsers.Unlock()
	return &browser{t: s.t, site: s, jar: jar, http: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// response is an answer with its body read.
type response struct {
	*http.Response
	body string
}

func (r response) location() string { return r.Header.Get("Location") }

// navigation returns a request as a browser makes it for a person. A path belongs
// to the test site.
func navigation(t *testing.T, method, address string) *http.Request {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = origin + address
	}
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	request.Header.Set("Sec-Fetch-Mode", "navigate")
	request.Header.Set("Sec-Fetch-Dest", "document")
	return request
}

func (b *browser) do(request *http.Request) response {
	b.t.Helper()
	answer, err := b.http.Do(request)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		// While Caddy reloads, the old server closes a connection that it has just
		// accepted. Browsers ask again, too.
		if request.GetBody != nil {
			request.Body, _ = request.GetBody()
		}
		answer, err = b.http.Do(request)
	}
	if err != nil {
		b.t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatalf("reading the answer to %s %s: %v", request.Method, request.URL, err)
	}
	return response{answer, string(body)}
}

// get navigates to an address.
func (b *browser) get(address string) response {
	b.t.Helper()
	return b.do(navigation(b.t, http.MethodGet, address))
}

// fetch asks for an address as a page's script does.
func (b *browser) fetch(address string) response {
	b.t.Helper()
	request := navigation(b.t, http.MethodGet, address)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(request)
}

// window follows a redirect to the authorization window, where the simulator
// presses Allow, and returns the address that Instagram sends the browser back to.
func (b *browser) window(start response) string {
	b.t.Helper()
	if start.location() == "" || start.Request.URL.Host != host {
		b.t.Fatalf("no redirect to the window: %s %s", start.Status, start.body)
	}
	back := b.get(start.location())
	if back.StatusCode != http.StatusFound {
		b.t.Fatalf("the window answered %s %s", back.Status, back.body)
	}
	return back.location()
}

// signIn takes a login from a protected page back to it and returns the answer of
// the callback.
func (b *browser) signIn(path string) response {
	b.t.Helper()
	arrived := b.get(b.window(b.get(path)))
	if arrived.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("the callback answered %s %s", arrived.Status, arrived.body)
	}
	return arrived
}

// cookies returns the names of the cookies that the browser would send to the site.
func (b *browser) cookies() (names []string) {
	u, _ := url.Parse(origin)
	for _, c := range b.jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// cookie returns the value of a cookie that the browser would send to the site.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(origin)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// cookieHeader returns the Cookie header that the browser would send to the site.
func (b *browser) cookieHeader() string {
	u, _ := url.Parse(origin)
	var pairs []string
	for _, c := range b.jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// forget drops a cookie, as a browser does that does not keep it.
func (b *browser) forget(name string) {
	u, _ := url.Parse(origin)
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Path: "/", MaxAge: -1}})
}

// plant puts a cookie into the browser.
func (b *browser) plant(name, value string) {
	u, _ := url.Parse(origin)
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// raw sends bytes to Caddy as they are and returns its answer.
func (s *site) raw(t *testing.T, text string) response {
	t.Helper()
	connection, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", text, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", text, err)
	}
	return response{answer, string(body)}
}

// wantRefusal fails the test unless an answer is a refusal page with this text.
func wantRefusal(t *testing.T, answer response, status int, text string) {
	t.Helper()
	if answer.StatusCode != status {
		t.Errorf("answered %s, want %d", answer.Status, status)
	}
	if !strings.Contains(answer.body, text) {
		t.Errorf("page does not say %q:\n%s", text, answer.body)
	}
}

// decode returns the JSON object of an answer.
func decode(t *testing.T, answer response) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.body), &object); err != nil {
		t.Fatalf("%s with body %q: %v", answer.Status, answer.body, err)
	}
	return object
}

// calls returns how many requests Instagram has received on a login's way.
func (s *site) calls() int {
	return s.instagram.Calls(simulator.Token) + s.instagram.Calls(simulator.UserNode)
}
