package sitetest

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
type Browser struct {
	T    *testing.T
	site *Site
	HTTP *http.Client
	Jar  http.CookieJar
}

// newBrowser returns a browser with an empty jar. What it believes to be TLS to
// the test site is a plain connection to Caddy.
func (s *Site) NewBrowser() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.T.Fatal(err)
	}
	toCaddy := func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		// A listener that a reload is about to close resets who waits at it. Nothing has
		// been sent yet.
		for range 20 {
			if conn, err = new(net.Dialer).DialContext(ctx, network, s.Addr); !errors.Is(err, syscall.ECONNRESET) {
				break
			}
		}
		return conn, err
	}
	transport := &http.Transport{DialTLSContext: toCaddy}
	s.T.Cleanup(transport.CloseIdleConnections)
	s.browsers.Lock()
	s.transports = append(s.transports, transport)
	s.browsers.Unlock()
	return &Browser{T: s.T, site: s, Jar: jar, HTTP: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// response is an answer with its body read.
type Response struct {
	*http.Response
	Body string
}

func (r Response) Location() string { return r.Header.Get("Location") }

// navigation returns a request as a browser makes it for a person. A path belongs
// to the test site.
func Navigation(t *testing.T, method, address string) *http.Request {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = Origin + address
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

func (b *Browser) Do(request *http.Request) Response {
	b.T.Helper()
	answer, err := b.HTTP.Do(request)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		// While Caddy reloads, the old server closes a connection that it has just
		// accepted. Browsers ask again, too.
		if request.GetBody != nil {
			request.Body, _ = request.GetBody()
		}
		answer, err = b.HTTP.Do(request)
	}
	if err != nil {
		b.T.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.T.Fatalf("reading the answer to %s %s: %v", request.Method, request.URL, err)
	}
	return Response{answer, string(body)}
}

// get navigates to an address.
func (b *Browser) Get(address string) Response {
	b.T.Helper()
	return b.Do(Navigation(b.T, http.MethodGet, address))
}

// fetch asks for an address as a page's script does.
func (b *Browser) Fetch(address string) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodGet, address)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(request)
}

// window follows a redirect to the authorization window, where the simulator
// presses Allow, and returns the address that Instagram sends the browser back to.
func (b *Browser) Window(start Response) string {
	b.T.Helper()
	if start.Location() == "" || start.Request.URL.Host != Host {
		b.T.Fatalf("no redirect to the window: %s %s", start.Status, start.Body)
	}
	back := b.Get(start.Location())
	if back.StatusCode != http.StatusFound {
		b.T.Fatalf("the window answered %s %s", back.Status, back.Body)
	}
	return back.Location()
}

// signIn takes a login from a protected page back to it and returns the answer of
// the callback.
func (b *Browser) SignIn(path string) Response {
	b.T.Helper()
	arrived := b.Get(b.Window(b.Get(path)))
	if arrived.StatusCode != http.StatusSeeOther {
		b.T.Fatalf("the callback answered %s %s", arrived.Status, arrived.Body)
	}
	return arrived
}

// cookies returns the names of the cookies that the browser would send to the site.
func (b *Browser) Cookies() (names []string) {
	u, _ := url.Parse(Origin)
	for _, c := range b.Jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// cookie returns the value of a cookie that the browser would send to the site.
func (b *Browser) Cookie(name string) string {
	u, _ := url.Parse(Origin)
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// cookieHeader returns the Cookie header that the browser would send to the site.
func (b *Browser) CookieHeader() string {
	u, _ := url.Parse(Origin)
	var pairs []string
	for _, c := range b.Jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// forget drops a cookie, as a browser does that does not keep it.
func (b *Browser) Forget(name string) {
	u, _ := url.Parse(Origin)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Path: "/", MaxAge: -1}})
}

// plant puts a cookie into the browser.
func (b *Browser) Plant(name, value string) {
	u, _ := url.Parse(Origin)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// raw sends bytes to Caddy as they are and returns its answer.
func (s *Site) Raw(t *testing.T, text string) Response {
	t.Helper()
	connection, err := net.Dial("tcp", s.Addr)
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
	return Response{answer, string(body)}
}

// wantRefusal fails the test unless an answer is a refusal page with this text.
func WantRefusal(t *testing.T, answer Response, status int, text string) {
	t.Helper()
	if answer.StatusCode != status {
		t.Errorf("answered %s, want %d", answer.Status, status)
	}
	if !strings.Contains(answer.Body, text) {
		t.Errorf("page does not say %q:\n%s", text, answer.Body)
	}
}

// decode returns the JSON object of an answer.
func Decode(t *testing.T, answer Response) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.Body), &object); err != nil {
		t.Fatalf("%s with body %q: %v", answer.Status, answer.Body, err)
	}
	return object
}

// calls returns how many requests Instagram has received on a login's way.
func (s *Site) Calls() int {
	return s.Instagram.Calls(simulator.Token) + s.Instagram.Calls(simulator.UserNode)
}
