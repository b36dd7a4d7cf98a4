package endpoint_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// crowd returns n users with pictures at one host.
func crowd(n int, host string) (all []simulator.User) {
	for i := range n {
		all = append(all, simulator.User{
			ID: fmt.Sprint(17841400000000100 + int64(i)), AppScopedID: fmt.Sprint(25025300000000100 + int64(i)), Username: fmt.Sprint("visitor.", i), AccountType: "Business",
			PictureURL: fmt.Sprint(host, "/", i, ".jpg"),
		})
	}
	return all
}

func TestD3_PicturesLeaveRoomForLogins(t *testing.T) {
	const atATime = 8
	host, release := newCDN(t), make(chan struct{})
	host.answer = func(w http.ResponseWriter, r *http.Request) {
		<-release
		sends("image/jpeg", jpegBytes)(w, r)
	}
	people := crowd(atATime+2, host.url)
	s := sitetest.Start(t, sitetest.Config{Options: keptToken + "\npicture proxy", Users: people, Window: "-"})
	var browsers []*sitetest.Browser
	for _, person := range people[:atATime+1] {
		b := s.NewBrowser()
		b.SignInAs(person.Username)
		browsers = append(browsers, b)
	}
	var all sync.WaitGroup
	for _, b := range browsers[:atATime] {
		all.Go(func() {
			if answer := b.Image(picturePath); answer.StatusCode != http.StatusOK {
				t.Errorf("answered %s %q", answer.Status, answer.Body)
			}
		})
	}
	sitetest.Eventually(t, "all places are taken", func() bool { return len(host.all()) == atATime })
	answer := browsers[atATime].Image(picturePath)
	wantNoImage(t, answer, http.StatusServiceUnavailable, "provider_unreachable")
	if answer.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q", answer.Header.Get("Retry-After"))
	}
	s.NewBrowser().SignInAs(people[atATime+1].Username)
	close(release)
	all.Wait()
	// What was refused for want of a place is not kept as an answer.
	if answer := browsers[atATime].Image(picturePath); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: answered %s %q", answer.Status, answer.Body)
	}
}

func TestF6_AReloadEndsNobodysWaitForAPicture(t *testing.T) {
	host, release := newCDN(t), make(chan struct{})
	host.answer = func(w http.ResponseWriter, r *http.Request) {
		<-release
		sends("image/jpeg", jpegBytes)(w, r)
	}
	c := sitetest.Config{Options: keptToken + "\npicture proxy", Users: withPictures(host.url + "/p.jpg")}
	s := sitetest.Start(t, c)
	b := s.NewBrowser()
	b.SignIn("/page")
	cookies, waited := b.CookieHeader(), make(chan sitetest.Response, 2)
	ask := func() { waited <- s.NewBrowser().Image(picturePath, setHeader("Cookie", cookies)) }
	go ask()
	sitetest.Eventually(t, "the host is asked", func() bool { return len(host.all()) == 1 })
	c.Options += "\nlogin_page"
	s.Load(c)
	go ask()
	// Nobody knows when the second request has come to wait: it may also come later.
	close(release)
	for range 2 {
		if answer := <-waited; answer.StatusCode != http.StatusOK || answer.Body != jpegBytes {
			t.Errorf("answered %s %q", answer.Status, answer.Body)
		}
	}
	if n := len(host.all()); n != 1 {
		t.Errorf("the host was asked %d times", n)
	}
}

func TestTheMetricsTellOfPictures(t *testing.T) {
	host := newCDN(t)
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Options: keptToken + "\npicture proxy", Users: withPictures(host.url + "/p.jpg"), Global: "metrics"})
	b := s.NewBrowser()
	b.SignIn("/page")
	before := sitetest.Counted(t, admin)
	b.Image(picturePath)
	b.Image(picturePath)
	host.answer = sends("text/html", "no")
	b.Logout(nil)
	b.SignIn("/page")
	b.Image(picturePath)
	after := sitetest.Counted(t, admin)
	for series, want := range map[string]string{
		`provider_calls_total{endpoint="picture",result="ok"}`: " 1", `provider_calls_total{endpoint="picture",result="bad_answer"}`: " 1",
		`provider_calls_total{endpoint="user_node",result="ok"}`: "1 4", `provider_call_duration_seconds_count{endpoint="picture"}`: " 2", `requests_total{outcome="refused"}`: " 1",
	} {
		if got := before[series] + " " + after[series]; got != want {
			t.Errorf("%s: %q, want %q", series, got, want)
		}
	}
	for series := range sitetest.Scrape(t, admin) {
		if strings.Contains(series, sitetest.UserID) || strings.Contains(series, host.url) {
			t.Errorf("a label tells %s", series)
		}
	}
}
