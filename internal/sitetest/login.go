package sitetest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Window follows a redirect to the authorization window, where the simulator
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

// SignIn takes a login from a protected page back to it and returns the answer of
// the callback.
func (b *Browser) SignIn(path string) Response {
	b.T.Helper()
	arrived := b.Get(b.Window(b.Get(path)))
	if arrived.StatusCode != http.StatusSeeOther {
		b.T.Fatalf("the callback answered %s %s", arrived.Status, arrived.Body)
	}
	return arrived
}

// SignInAs signs in where the authorization window asks which user presses Allow.
func (b *Browser) SignInAs(username string) {
	b.T.Helper()
	request := Navigation(b.T, http.MethodPost, b.Get("/page").Location())
	SetBody(request, url.Values{"action": {"allow"}, "user": {username}}.Encode())
	if arrived := b.Get(b.Do(request).Location()); arrived.StatusCode != http.StatusSeeOther {
		b.T.Fatalf("the callback answered %s %s", arrived.Status, arrived.Body)
	}
}

// Allowing presses Allow in the authorization window with only these boxes ticked, and
// returns the answer of the callback.
func (b *Browser) Allowing(start Response, permissions ...string) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodPost, start.Location())
	SetBody(request, url.Values{"action": {"allow"}, "user": {Username}, "permission": permissions}.Encode())
	back := b.Do(request)
	if back.StatusCode != http.StatusFound {
		b.T.Fatalf("the window answered %s %s", back.Status, back.Body)
	}
	return b.Get(back.Location())
}

// Back begins a login, goes through the window and returns the way back. A made-up code stands
// for a window where nobody was.
func (b *Browser) Back(address, code string) *http.Request {
	b.T.Helper()
	start := b.Do(Forwarded(address, Navigation(b.T, http.MethodGet, "/private?x=1")))
	if code == "" {
		return Forwarded(address, Navigation(b.T, http.MethodGet, b.Window(start)))
	}
	state := Query(b.T, start.Location()).Get("state")
	return Forwarded(address, Navigation(b.T, http.MethodGet, Callback+"?code="+code+"&state="+url.QueryEscape(state)))
}

// Begin starts a login and returns the address of its callback.
func (b *Browser) Begin(path string) (back string) {
	b.T.Helper()
	return b.Window(b.Get(path))
}

// BreakOff opens the callback and closes the connection during the token exchange.
func (b *Browser) BreakOff(back string) {
	b.T.Helper()
	s := b.site
	before := s.Instagram.Calls(simulator.Token)
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		b.T.Fatal(err)
	}
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", Navigation(b.T, http.MethodGet, back).URL.RequestURI(), Host, b.CookieHeader())
	Eventually(b.T, "the exchange", func() bool { return s.Instagram.Calls(simulator.Token) > before })
	_ = connection.Close()
}

// Sealed starts a login whose return path nobody has checked, as somebody with the
// secret could, and returns the address that Instagram sends the browser back to.
func (b *Browser) Sealed(returnTo string) (back string) {
	b.T.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour,
	})
	if err != nil {
		b.T.Fatal(err)
	}
	state, lines, err := cookies.Start(session.Login{RedirectURI: RedirectURI, ReturnTo: returnTo}, new(session.Found))
	if err != nil {
		b.T.Fatal(err)
	}
	name, value, _ := strings.Cut(strings.Split(lines[0], ";")[0], "=")
	b.Plant(name, value)
	window := b.Get("/instagram_auth/login").Location()
	return b.Get(strings.Replace(window, Query(b.T, window).Get("state"), state, 1)).Location()
}

// Deny takes a login to the callback and back out of it, through a proxy that sends these
// headers, and returns the status.
func (s *Site) Deny(b *Browser, header http.Header) int {
	state := Query(s.T, b.Get("/instagram_auth/login").Location()).Get("state")
	request := Navigation(s.T, http.MethodGet, Callback+"?error=access_denied&state="+url.QueryEscape(state))
	for name, values := range header {
		request.Header[name] = values
	}
	return b.Do(request).StatusCode
}

// Logout presses the button of the sign-out page.
func (b *Browser) Logout(form url.Values) Response {
	b.T.Helper()
	return b.Do(b.LogoutRequest(form))
}

// LogoutRequest returns the request that the button of the sign-out page sends.
func (b *Browser) LogoutRequest(form url.Values) *http.Request {
	request := Navigation(b.T, http.MethodPost, LogoutPath)
	SetBody(request, form.Encode())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return request
}

// SignOut presses the button of the sign-out page with this Cookie header.
func (s *Site) SignOut(cookie string) Response {
	s.T.Helper()
	b := s.NewBrowser()
	request := b.LogoutRequest(nil)
	request.Header.Set("Cookie", cookie)
	return b.Do(request)
}

// LogoutPath is the path of the sign-out.
const LogoutPath = "/instagram_auth/logout"
