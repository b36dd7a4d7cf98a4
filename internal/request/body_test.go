package request_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const aForm = "application/x-www-form-urlencoded"

func TestK5_ABodyThatComesByteByByteHoldsNoConnection(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	navigation, form := "Accept: text/html", "Content-Type: "+aForm
	var all sync.WaitGroup
	for _, c := range []struct {
		method, path, headers, want string
		length                      int
	}{
		{"POST", sitetest.DeauthorizePath, form, "400", 1000},
		{"POST", sitetest.DeauthorizePath, form, "400", 0},
		{"POST", sitetest.DeauthorizePath, "Content-Type: text/plain", "415", 1000},
		{"POST", sitetest.DataDeletionPath, form, "400", 0},
		{"POST", "/instagram_auth/logout", form + "\r\nSec-Fetch-Site: same-origin", "400", 1000},
		{"POST", "/instagram_auth/logout", form + "\r\nSec-Fetch-Site: cross-site", "403", 1000},
		{"POST", sitetest.Callback, form, "405", 1000},
		{"GET", sitetest.Callback + "?code=x", navigation, "400", 1000},
		{"GET", "/instagram_auth/login", navigation, "302", 1000},
		{"PUT", "/instagram_auth/userinfo", form, "405", 0},
		{"POST", "/private", navigation, "401", 1000},
		{"POST", "/private", navigation + "\r\n" + form, "401", 0},
		{"POST", "/private", "Accept: application/json", "401", 0},
	} {
		all.Go(func() {
			answer, lived := s.Slowly(t, c.method, c.path, c.headers, c.length)
			if !strings.HasPrefix(answer, c.want) {
				t.Errorf("%s %s (%s), %d bytes: %s after %s, want %s", c.method, c.path, c.headers, c.length, answer, lived, c.want)
			}
		})
	}
	all.Wait()
}

// What goes on to the site has the time that the site gives it.
func TestK5_ASlowBodyForTheSiteArrives(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/private")
	// A byte each 100 ms. Of a body that is cut off, the upstream would make no answer.
	answer, lived := s.Slowly(t, "POST", "/private", "Accept: text/html\r\nCookie: "+b.CookieHeader(), 120)
	if answer != "200 hello "+sitetest.Username {
		t.Errorf("an upload of %s was answered %s", lived, answer)
	}
}
