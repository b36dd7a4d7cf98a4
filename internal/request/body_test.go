package request_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	aForm       = "application/x-www-form-urlencoded"
	aNavigation = "Accept: text/html"
	withForm    = "Content-Type: " + aForm
)

// slowRequests never reach the site, and their bodies come byte by byte.
var slowRequests = []struct {
	method, path, headers, want string
	length                      int
}{
	{"POST", sitetest.DeauthorizePath, withForm, "400", 1000},
	{"POST", sitetest.DeauthorizePath, withForm, "400", 0},
	{"POST", sitetest.DeauthorizePath, "Content-Type: text/plain", "415", 1000},
	{"POST", sitetest.DataDeletionPath, withForm, "400", 0},
	{"POST", "/instagram_auth/logout", withForm + "\r\nSec-Fetch-Site: same-origin", "400", 1000},
	{"POST", "/instagram_auth/logout", withForm + "\r\nSec-Fetch-Site: cross-site", "403", 1000},
	{"POST", sitetest.Callback, withForm, "405", 1000},
	{"GET", sitetest.Callback + "?code=x", aNavigation, "400", 1000},
	{"GET", "/instagram_auth/login", aNavigation, "302", 1000},
	{"PUT", "/instagram_auth/userinfo", withForm, "405", 0},
	{"POST", "/private", aNavigation, "401", 1000},
	{"POST", "/private", aNavigation + "\r\n" + withForm, "401", 0},
	{"POST", "/private", "Accept: application/json", "401", 0},
}

// slowAnswers are the answers to slow requests.
type slowAnswers struct {
	answers  []string // to slowRequests
	lived    []time.Duration
	upload   string // to a body that goes on to the site
	uploaded time.Duration
	unsent   int // the status of a body that is not sent
}

var (
	sendSlowly sync.Once
	slow       slowAnswers
)

// slowBodies sends the requests of all tests of slow bodies at the same time: each takes ten
// seconds.
func slowBodies(t *testing.T) *slowAnswers {
	t.Helper()
	sendSlowly.Do(func() {
		s := sitetest.Start(t, sitetest.Config{})
		b := s.NewBrowser()
		b.SignIn("/private")
		slow.answers, slow.lived = make([]string, len(slowRequests)), make([]time.Duration, len(slowRequests))
		var all sync.WaitGroup
		for i, c := range slowRequests {
			all.Go(func() { slow.answers[i], slow.lived[i] = s.Slowly(t, c.method, c.path, c.headers, c.length) })
		}
		all.Go(func() {
			// A byte each 100 ms. Of a body that is cut off, the upstream would make no answer.
			slow.upload, slow.uploaded = s.Slowly(t, "POST", "/private", "Accept: text/html\r\nCookie: "+b.CookieHeader(), 120)
		})
		all.Go(func() {
			slow.unsent = s.Raw(t, "PUT /private HTTP/1.1\r\nHost: "+sitetest.Host+"\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n").StatusCode
		})
		all.Wait()
	})
	return &slow
}

func TestK5_ABodyThatComesByteByByteHoldsNoConnection(t *testing.T) {
	sent := slowBodies(t)
	for i, c := range slowRequests {
		if answer := sent.answers[i]; !strings.HasPrefix(answer, c.want) {
			t.Errorf("%s %s (%s), %d bytes: %s after %s, want %s", c.method, c.path, c.headers, c.length, answer, sent.lived[i], c.want)
		}
	}
}

// What goes on to the site has the time that the site gives it.
func TestK5_ASlowBodyForTheSiteArrives(t *testing.T) {
	if answers := slowBodies(t); answers.upload != "200 hello "+sitetest.Username {
		t.Errorf("an upload of %s was answered %s", answers.uploaded, answers.upload)
	}
}

// A client that waits for the permission to send its body is refused before it has sent any.
func TestABodyThatHasNotBeenSentIsNotAskedFor(t *testing.T) {
	if status := slowBodies(t).unsent; status != http.StatusUnauthorized {
		t.Errorf("answered %d", status)
	}
}
