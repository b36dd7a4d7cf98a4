package endpoint_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// crowds are Cookie lines in which our cookie stands behind many others.
func crowds(good string) map[string][]string {
	return map[string][]string{
		"behind 200":                   {strings.Repeat("a=1; ", 200) + good},
		"behind 10,000":                {strings.Repeat("a=1; ", 10_000) + good},
		"between 10,000 and 10,000":    {strings.Repeat("a=1; ", 10_000) + good + strings.Repeat("; b=2", 10_000)},
		"in the last of 300 lines":     append(sitetest.Repeat("a=1", 300), good),
		"behind 900 KB":                {strings.Repeat("a=1;", 225_000) + good},
		"behind nothing but borders":   {strings.Repeat("; ", 50_000) + good},
		"behind names that look alike": {strings.Repeat("x"+sitetest.SessionCookie+"=1; ", 1000) + good},
	}
}

// largeHeaders lets clients send as much as operators may want to take.
const largeHeaders = "servers {\n max_header_size 1MB \n}"

func TestL3_SigningOutFindsTheSessionBehindAnyNumberOfCookies(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: largeHeaders})
	for name, lines := range crowds("") {
		t.Run(name, func(t *testing.T) {
			b := s.NewBrowser()
			b.SignIn("/page")
			good := b.CookieHeader()
			lines = crowds(good)[name]
			// The session is one wherever the cookie stands.
			if answer := s.Send(sitetest.Navigation(t, http.MethodGet, "/page"), lines); answer.StatusCode != http.StatusOK {
				t.Errorf("answered %s", answer.Status)
			}
			if got := strings.Join(s.Upstream.Last(t).Header["Cookie"], "; "); strings.Contains("; "+got, "; "+sitetest.SessionCookie) {
				t.Error("the site sees our cookie")
			}
			if answer := s.Send(b.LogoutRequest(nil), lines); answer.StatusCode != http.StatusOK {
				t.Errorf("signing out was answered %s", answer.Status)
			}
			s.WantAlive(good, false)
		})
	}
}

// Over HTTP/2 each cookie comes in a field of its own. Every cookie of the handler is cut, however
// many stand in front of it, and every byte of the rest stays.
func TestH5_NoNumberOfCookiesHidesOursFromBeingCut(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Global: "servers {\n protocols h1 h2c \n max_header_size 1MB \n}"})
	good := sitetest.CookieFor(t, sitetest.Somebody())
	for protocol, client := range s.Clients(t) {
		for name, c := range map[string]struct{ sent, want []string }{
			"one behind 300":      {[]string{strings.Repeat("a=1; ", 300) + good}, []string{strings.Repeat("a=1; ", 299) + "a=1"}},
			"three behind 300":    {[]string{strings.Repeat("a=1; ", 300) + good + "; b=2; " + sitetest.SessionCookie + "_round=x; " + good}, []string{strings.Repeat("a=1; ", 300) + "b=2"}},
			"one every other":     {[]string{strings.Repeat("a=1; "+good+"; ", 300) + "b=2"}, []string{strings.Repeat("a=1; ", 300) + "b=2"}},
			"in the 301st line":   {append(sitetest.Repeat("a=1", 300), good, "b=2"), append(sitetest.Repeat("a=1", 300), "b=2")},
			"logins without end":  {[]string{strings.Repeat(sitetest.SessionCookie+"_login_abcdefgh=x; ", 5000) + "b=2"}, []string{"b=2"}},
			"a name that is ours": {[]string{strings.Repeat("a=1; ", 300) + sitetest.SessionCookie + " =x; " + sitetest.SessionCookie}, []string{strings.Repeat("a=1; ", 299) + "a=1"}},
			"names that are not":  {[]string{strings.Repeat("a=1; ", 300) + sitetest.SessionCookie + "2=x; x" + sitetest.SessionCookie + "=y"}, []string{strings.Repeat("a=1; ", 300) + sitetest.SessionCookie + "2=x; x" + sitetest.SessionCookie + "=y"}},
		} {
			request, err := http.NewRequest(http.MethodGet, "http://"+s.Addr+"/public", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header["Cookie"] = c.sent
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			// How many lines there are is the transport's business.
			got, want := strings.Join(s.Upstream.Last(t).Header["Cookie"], "; "), strings.Join(c.want, "; ")
			if answer.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s over %s: answered %s, the site got %d bytes, want %d", name, protocol, answer.Status, len(got), len(want))
			}
		}
	}
}

// There is no telling whether a good one is among more cookies of our name than are opened.
func TestL3_ASignOutThatDidNotSeeAllCookiesClaimsNothing(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: largeHeaders})
	const good = "GOOD"
	bad := sitetest.SessionCookie + "=" + strings.Repeat("A", 300) + "; "
	for name, c := range map[string]struct {
		line   string
		status int
		alive  bool
	}{
		"behind 4":             {strings.Repeat(bad, 4) + good, http.StatusOK, false},
		"behind 7":             {strings.Repeat(bad, 7) + good, http.StatusOK, false},
		"behind 100":           {strings.Repeat(bad, 100) + good, http.StatusBadRequest, false},
		"between 100 and 100":  {strings.Repeat(bad, 100) + good + "; " + strings.Repeat(bad, 100), http.StatusBadRequest, true},
		"in front of 100":      {good + "; " + strings.Repeat(bad, 100), http.StatusBadRequest, false},
		"behind 100 other":     {strings.Repeat(sitetest.SessionCookie+"_login_abcdefgh=x; ", 100) + good, http.StatusOK, false},
		"a hundred, none good": {strings.Repeat(bad, 100), http.StatusBadRequest, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.NewBrowser()
			b.SignIn("/page")
			fresh := b.CookieHeader()
			answer := s.Send(b.LogoutRequest(nil), []string{strings.ReplaceAll(c.line, good, fresh)})
			if answer.StatusCode != c.status {
				t.Errorf("answered %s", answer.Status)
			}
			s.WantAlive(fresh, c.alive)
			if cleared := strings.Join(answer.Header["Set-Cookie"], "\n"); !strings.Contains(cleared, sitetest.SessionCookie+"=; Max-Age=0") {
				t.Errorf("the browser keeps its cookie: %q", cleared)
			}
		})
	}
}
