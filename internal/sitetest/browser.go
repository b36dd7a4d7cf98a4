package sitetest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// Browser is a client that keeps cookies as browsers do and follows nothing by
// itself, so that a test sees every step.
type Browser struct {
	T    *testing.T
	site *Site
	HTTP *http.Client
	Jar  http.CookieJar
}

// NewBrowser returns a browser with an empty jar. What it believes to be TLS to
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

// Do sends a request and reads the whole answer.
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

// Get navigates to an address.
func (b *Browser) Get(address string) Response {
	b.T.Helper()
	return b.Do(Navigation(b.T, http.MethodGet, address))
}

// Fetch requests an address like a script of a page.
func (b *Browser) Fetch(address string) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodGet, address)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	request.Header.Set("Sec-Fetch-Dest", "empty")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(request)
}

// Image requests an address like an <img> of a page of the site.
func (b *Browser) Image(address string, changes ...func(*http.Request)) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodGet, address)
	request.Header.Set("Accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")
	request.Header.Set("Sec-Fetch-Mode", "no-cors")
	request.Header.Set("Sec-Fetch-Dest", "image")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, change := range changes {
		change(request)
	}
	return b.Do(request)
}

// Asked navigates to an address with an Accept-Language header.
func (b *Browser) Asked(t *testing.T, path, language string) Response {
	t.Helper()
	request := Navigation(t, http.MethodGet, path)
	request.Header.Set("Accept-Language", language)
	return b.Do(request)
}

// Follow navigates through redirects of the site and to Instagram, until there is a page or
// somebody gives up. It returns the number of visits to the authorization window.
func (b *Browser) Follow(address string) (answer Response, windows int) {
	b.T.Helper()
	for range 30 {
		if answer = b.Get(address); answer.Location() == "" {
			return answer, windows
		}
		next, err := answer.Request.URL.Parse(answer.Location())
		if err != nil {
			b.T.Fatal(err)
		}
		if strings.Contains(next.Path, "/oauth/authorize") {
			windows++
		}
		address = next.String()
	}
	b.T.Fatalf("a loop: %d times at the window, now at %s", windows, address)
	return answer, windows
}

// Cookies returns the names of the cookies that the browser would send to the site.
func (b *Browser) Cookies() (names []string) {
	u, _ := url.Parse(Origin)
	for _, c := range b.Jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// Cookie returns the value of a cookie that the browser would send to the site.
func (b *Browser) Cookie(name string) string {
	u, _ := url.Parse(Origin)
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// CookieHeader returns the Cookie header that the browser would send to the site.
func (b *Browser) CookieHeader() string {
	u, _ := url.Parse(Origin)
	var pairs []string
	for _, c := range b.Jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// Forget drops a cookie, like a browser that does not keep it.
func (b *Browser) Forget(name string) {
	u, _ := url.Parse(Origin)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Path: "/", MaxAge: -1}})
}

// Plant puts a cookie into the browser.
func (b *Browser) Plant(name, value string) {
	u, _ := url.Parse(Origin)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// Plant requests all pages of the site with the addresses of callbacks in each part of the request.
func (s *Site) Plant(b *Browser, addresses ...string) {
	for _, address := range addresses {
		once := url.QueryEscape(address)
		for _, page := range []string{"/page", "/shop/page", "/old/page", "/late/page", "/dead", "/php/index.php", "/fails", "/panic"} {
			_, rawQuery, _ := strings.Cut(address, "?")
			rawQuery, _, _ = strings.Cut(rawQuery, "#")
			for _, with := range []string{rawQuery, "to=" + once, "to=" + url.QueryEscape(once), "x;" + strings.ReplaceAll(rawQuery, "&", ";"), "q=" + url.QueryEscape(asText(s.T, Query(s.T, address)))} {
				request := Navigation(s.T, http.MethodGet, page+"?"+with)
				request.Header.Set("Referer", address)
				request.Header.Set("X-Original-Url", "/login?return_to="+once)
				request.Header.Set("X-Trace", asText(s.T, map[string]string{"url": address}))
				// A panic closes the connection, and with it the answer.
				if answer, err := b.HTTP.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
			}
		}
	}
}
