package instagramauth_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const aForm = "application/x-www-form-urlencoded"

// slowly sends a request whose body comes byte by byte, length of them, and returns the
// answer and how long the connection lived. 0 is for a body without an end.
func (s *site) slowly(t *testing.T, method, path, headers string, length int) (answer string, lived time.Duration) {
	connection, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Error(err)
		return "", 0
	}
	defer connection.Close()
	began := time.Now()
	_ = connection.SetDeadline(began.Add(40 * time.Second))
	size, piece := fmt.Sprint("Content-Length: ", length), "a"
	if length == 0 {
		size, piece = "Transfer-Encoding: chunked", "1\r\na\r\n"
	}
	fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n\r\n", method, path, host, size, headers)
	gone := make(chan struct{})
	go func() {
		for sent := 0; sent < length || length == 0; sent++ {
			if _, err := io.WriteString(connection, piece); err != nil {
				return
			}
			select {
			case <-gone:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	close(gone)
	if err != nil {
		return err.Error(), time.Since(began)
	}
	text, _ := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(text)), time.Since(began)
}

func TestK5_ABodyThatComesByteByByteHoldsNoConnection(t *testing.T) {
	s := startSite(t, siteConfig{})
	navigation, form := "Accept: text/html", "Content-Type: "+aForm
	var all sync.WaitGroup
	for _, c := range []struct {
		method, path, headers, want string
		length                      int
	}{
		{"POST", deauthorizePath, form, "400", 1000},
		{"POST", deauthorizePath, form, "400", 0},
		{"POST", deauthorizePath, "Content-Type: text/plain", "415", 1000},
		{"POST", deletionPath, form, "400", 0},
		{"POST", "/instagram_auth/logout", form + "\r\nSec-Fetch-Site: same-origin", "400", 1000},
		{"POST", "/instagram_auth/logout", form + "\r\nSec-Fetch-Site: cross-site", "403", 1000},
		{"POST", callback, form, "405", 1000},
		{"GET", callback + "?code=x", navigation, "400", 1000},
		{"GET", "/instagram_auth/login", navigation, "302", 1000},
		{"PUT", "/instagram_auth/userinfo", form, "405", 0},
		{"POST", "/private", navigation, "401", 1000},
		{"POST", "/private", navigation + "\r\n" + form, "401", 0},
		{"POST", "/private", "Accept: application/json", "401", 0},
	} {
		all.Go(func() {
			answer, lived := s.slowly(t, c.method, c.path, c.headers, c.length)
			if !strings.HasPrefix(answer, c.want) {
				t.Errorf("%s %s (%s), %d bytes: %s after %s, want %s", c.method, c.path, c.headers, c.length, answer, lived, c.want)
			}
		})
	}
	all.Wait()
}

// What goes on to the site has the time that the site gives it.
func TestK5_ASlowBodyForTheSiteArrives(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/private")
	// A byte each 100 ms. Of a body that is cut off, the upstream would make no answer.
	answer, lived := s.slowly(t, "POST", "/private", "Accept: text/html\r\nCookie: "+b.cookieHeader(), 120)
	if answer != "200 hello "+username {
		t.Errorf("an upload of %s was answered %s", lived, answer)
	}
}
