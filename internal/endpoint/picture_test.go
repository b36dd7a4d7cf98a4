package endpoint_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const (
	picturePath = "/instagram_auth/picture"
	keptToken   = "token {\n long_lived\n}"

	// pictureURL has the form and the length of today's.
	pictureURL = "https://scontent-fra3-1.cdninstagram.com/v/t51.2885-19/123456789_1234567890123456_1234567890123456789_n.jpg?stp=dst-jpg_s206x206_tt6" +
		"&_nc_cat=107&ccb=7-5&_nc_sid=bf7eb4&efg=eyJ2ZW5jb2RlX3RhZyI6InByb2ZpbGVfcGljLnd3dy4xMDgwLkMzIn0%3D&_nc_ohc=aAbBcCdDeEfFgGhH&_nc_oc=AdkLmNoPqRsTuVwXyZ" +
		"&_nc_zt=24&_nc_ht=scontent-fra3-1.cdninstagram.com&edm=AL4D0a4EAAAA&_nc_gid=AbCdEfGhIjKlMnOp&oh=00_AfabcdefghijklmnopqrstuvwxyzABCDEFGH&oe=7FFFFFFF"
)

// A picture of each type that is accepted: enough of it to know it by.
var (
	jpegBytes = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01 of somebody"
	pngBytes  = "\x89PNG\r\n\x1a\n of somebody"
)

// withPictures returns the users of the simulator, each with an address of a picture.
func withPictures(addresses ...string) []simulator.User {
	all := sitetest.Users()
	for i, address := range addresses {
		all[i].PictureURL = address
	}
	return all
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// wantNoImage fails the test unless an answer is a refusal in JSON that no cache keeps and
// that has nothing of a picture.
func wantNoImage(t *testing.T, answer sitetest.Response, status int, code string) {
	t.Helper()
	if answer.StatusCode != status || sitetest.Decode(t, answer)["error"] != code {
		t.Errorf("answered %s %q, want %d %s", answer.Status, answer.Body, status, code)
	}
	if h := answer.Header; h.Get("Location") != "" || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v", answer.Header)
	}
}

// wantPictureAt fails the test unless an answer leads to a picture.
func wantPictureAt(t *testing.T, answer sitetest.Response, address string) {
	t.Helper()
	if answer.StatusCode != http.StatusFound || answer.Location() != address || answer.Body != "" {
		t.Errorf("answered %s to %q with %q, want %q", answer.Status, answer.Location(), answer.Body, address)
	}
}

// cdn is a host of pictures on this machine.
type cdn struct {
	url string

	mu       sync.Mutex
	requests []*http.Request
	answer   http.HandlerFunc
}

func newCDN(t *testing.T) *cdn {
	c := &cdn{answer: sends("image/jpeg", jpegBytes)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cdn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests = append(c.requests, r.Clone(r.Context()))
	answer := c.answer
	c.mu.Unlock()
	answer(w, r)
}

// all returns the requests that have reached it.
func (c *cdn) all() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// sends is a host that always answers the same.
func sends(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		_, _ = fmt.Fprint(w, body)
	}
}

func TestAVisitorsPictureIsAnAddressOfTheSite(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: keptToken, Users: withPictures(pictureURL)})
	b := s.NewBrowser()
	b.SignIn("/page")
	asked := s.Instagram.Calls(simulator.UserNode)
	for range 3 {
		answer := b.Image(picturePath)
		wantPictureAt(t, answer, pictureURL)
		for header, want := range map[string]string{
			"Cache-Control": "private, max-age=300", "Vary": "Cookie", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := answer.Header.Get(header); got != want {
				t.Errorf("%s = %q, want %q", header, got, want)
			}
		}
	}
	if n := s.Instagram.Calls(simulator.UserNode) - asked; n != 1 {
		t.Errorf("Instagram was asked %d times", n)
	}
	requests := s.Instagram.Requests(simulator.UserNode)
	if got := sitetest.Query(t, requests[len(requests)-1].URL).Get("fields"); got != "id,user_id,profile_picture_url" {
		t.Errorf("asked for %q", got)
	}
	if s.Upstream.Count() != 0 {
		t.Error("the site was asked")
	}
}

func TestThePictureCanBeServedFromHere(t *testing.T) {
	host := newCDN(t)
	s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture proxy", Users: withPictures(host.url + "/v/jay.jpg?oh=00_Af%3D&oe=7FFFFFFF")})
	b := s.NewBrowser()
	b.SignIn("/page")
	for range 3 {
		answer := b.Image(picturePath)
		if answer.StatusCode != http.StatusOK || answer.Body != jpegBytes || answer.Header.Get("Content-Type") != "image/jpeg" || answer.Header.Get("Cache-Control") != "private, max-age=300" {
			t.Errorf("answered %s %q, headers %v", answer.Status, answer.Body, answer.Header)
		}
	}
	head := b.Image(picturePath, func(r *http.Request) { r.Method = http.MethodHead })
	if head.StatusCode != http.StatusOK || head.Body != "" || head.ContentLength != int64(len(jpegBytes)) || head.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("HEAD: answered %s %q, headers %v", head.Status, head.Body, head.Header)
	}
	requests := host.all()
	if len(requests) != 1 || requests[0].URL.RequestURI() != "/v/jay.jpg?oh=00_Af%3D&oe=7FFFFFFF" {
		t.Fatalf("the host of the picture got %d requests, the first for %s", len(requests), requests[0].URL)
	}
	for name := range requests[0].Header {
		if name != "Accept" && name != "User-Agent" && name != "Connection" {
			t.Errorf("the host of the picture got %s: %s", name, requests[0].Header.Get(name))
		}
	}
}

func TestP6_OnlyTheVisitorGetsTheirPictureAndOnlyOnThisSite(t *testing.T) {
	for _, mode := range []string{"redirect", "proxy"} {
		t.Run(mode, func(t *testing.T) {
			c := sitetest.Config{Options: keptToken + "\npicture " + mode, Users: withPictures(newCDN(t).url + "/jay.jpg")}
			s := sitetest.Start(t, c)
			b := s.NewBrowser()
			wantNoImage(t, b.Image(picturePath), http.StatusUnauthorized, "login_required")
			if answer := b.Get(picturePath); answer.StatusCode != http.StatusUnauthorized || answer.Location() != "" {
				t.Errorf("a navigation of nobody: answered %s to %q", answer.Status, answer.Location())
			}
			b.SignIn("/page")
			asked := s.Calls()
			for _, from := range []string{"cross-site", "same-site", "CROSS-SITE", "unknown"} {
				wantNoImage(t, b.Image(picturePath, setHeader("Sec-Fetch-Site", from)), http.StatusUnauthorized, "login_required")
				link := sitetest.Navigation(t, http.MethodGet, picturePath)
				link.Header.Set("Sec-Fetch-Site", from)
				wantNoImage(t, b.Do(link), http.StatusUnauthorized, "login_required")
			}
			if s.Calls() != asked {
				t.Error("Instagram was asked for another site")
			}
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
				answer := b.Image(picturePath, func(r *http.Request) { r.Method = method })
				if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
					t.Errorf("%s: answered %s", method, answer.Status)
				}
			}
			// Another spelling of the path is the site's.
			for _, path := range []string{"/instagram_auth/%70icture", "/instagram_auth//picture", "/instagram_auth/picture/", "/instagram_auth/Picture"} {
				if answer := b.Image(path); answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Body, "hello") {
					t.Errorf("%s: answered %s %q", path, answer.Status, answer.Body)
				}
			}
			for _, from := range []string{"same-origin", "none", ""} {
				if answer := b.Image(picturePath, setHeader("Sec-Fetch-Site", from)); answer.StatusCode >= 400 {
					t.Errorf("from %q: answered %s", from, answer.Status)
				}
			}
			cookies := b.CookieHeader()
			b.Logout(nil)
			for _, cookies := range []string{b.CookieHeader(), cookies} {
				wantNoImage(t, s.NewBrowser().Image(picturePath, setHeader("Cookie", cookies)), http.StatusUnauthorized, "login_required")
			}

			b.SignIn("/page")
			c.Options += "\ndeny " + sitetest.UserID
			s.Load(c)
			wantNoImage(t, b.Image(picturePath), http.StatusForbidden, "no_access")
		})
	}
}

func TestP6_TwoPeopleNeverGetEachOthersPicture(t *testing.T) {
	host := newCDN(t)
	host.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = fmt.Fprint(w, pngBytes, r.URL.Path)
	}
	people := withPictures(host.url+"/jay", host.url+"/sees", host.url+"/saw")
	for _, mode := range []string{"redirect", "proxy"} {
		s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture " + mode, Users: people, Window: "-"})
		var all sync.WaitGroup
		for _, person := range people {
			for range 2 { // sessions of each, at once
				b := s.NewBrowser()
				b.SignInAs(person.Username)
				all.Go(func() {
					for range 20 {
						answer := b.Image(picturePath)
						if got := answer.Location() + answer.Body; got != person.PictureURL && got != pngBytes+strings.TrimPrefix(person.PictureURL, host.url) {
							t.Errorf("%s, %s: answered %s %q", mode, person.Username, answer.Status, got)
						}
					}
				})
			}
		}
		all.Wait()
		if n := s.Instagram.Calls(simulator.UserNode); n != 2*len(people)+len(people) {
			t.Errorf("%s: Instagram was asked %d times", mode, n)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(host.all()); n != len(people) {
		t.Errorf("%d pictures were fetched", n)
	}
}

// What a page's picture and its script are answered carries what is new of the session: it
// is handed out once, and would be lost otherwise.
func TestP6_ARenewedSessionComesWithThePictureAndWithUserinfo(t *testing.T) {
	for _, path := range []string{picturePath, "/instagram_auth/userinfo"} {
		t.Run(path, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: sitetest.RecheckedToken, Users: withPictures(pictureURL)})
			token := s.TokenOf(s.NewBrowser())
			b := s.NewBrowser()
			b.Plant(sitetest.SessionCookie, s.OlderCookie(token, 10*time.Minute))
			before := s.Instagram.Calls(simulator.UserNode)
			b.Fetch("/instagram_auth/userinfo") // has Instagram asked in the background
			sitetest.Eventually(t, "a look at the profile", func() bool { return s.Instagram.Calls(simulator.UserNode) > before })
			var answer sitetest.Response
			sitetest.Eventually(t, "the renewed cookie", func() bool {
				answer = b.Image(path)
				return answer.Header.Get("Set-Cookie") != ""
			})
			if cache := answer.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
				t.Errorf("a session goes out with Cache-Control %q", cache)
			}
			asked := s.Instagram.Calls(simulator.UserNode)
			for range 3 {
				if page := b.Get("/page"); page.StatusCode != http.StatusOK || page.Header.Get("Set-Cookie") != "" {
					t.Errorf("answered %s, Set-Cookie %q", page.Status, page.Header["Set-Cookie"])
				}
			}
			if n := s.Instagram.Calls(simulator.UserNode); n != asked {
				t.Errorf("Instagram was asked %d times more", n-asked)
			}
		})
	}
}
