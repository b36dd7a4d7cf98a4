package identity_test

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

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestH1_IdentityHeadersOfAClientAreStrippedOnEveryPath(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Matcher: "/private*",
		Options: "headers {\n name X-Instagram-Name \n}\n fields name",
		Before:  "handle_errors {\n reverse_proxy {upstream} \n}\n @error path /error\n error @error 418",
		Global:  "servers {\n protocols h1 h2c \n}",
	})
	none, full := sitetest.Somebody(), sitetest.Somebody()
	full.Fields = []session.Field{{Name: "name", Value: "Jay"}}
	people := map[string]string{"nobody": "", "somebody": sitetest.CookieFor(t, none), "somebody with a name": sitetest.CookieFor(t, full)}
	for _, path := range []string{"/", "/private", "/public?x=1", "/instagram_auth/login", "/instagram_auth/userinfo", sitetest.Callback, "/instagram_auth/other", "/a/b/c", "/private/deep", "/%70rivate"} {
		for _, method := range []string{"GET", "OPTIONS", "POST"} {
			for person, cookie := range people {
				for protocol, client := range s.Clients(t) {
					request := sitetest.ForgedRequest(t, method, "http://"+s.Addr+path)
					request.Header.Set("Cookie", cookie)
					before := s.Upstream.Count()
					answer, err := client.Do(request)
					if err != nil {
						t.Fatal(err)
					}
					_ = answer.Body.Close()
					if s.Upstream.Count() == before {
						continue // answered by us, nothing reached the site
					}
					s.WantIdentity(t, fmt.Sprintf("%s %s as %s over %s", method, path, person, protocol), person)
				}
			}
		}
	}
}

func TestH1_AlsoOverHTTP10AndInTrailers(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*"})
	s.Raw(t, "GET / HTTP/1.0\r\nHost: example.test\r\nX-Instagram-User-Id: forged\r\n\r\n")
	s.WantIdentity(t, "HTTP/1.0", "nobody")
	s.Raw(t, "POST / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Instagram-User-Id\r\n\r\n1\r\nx\r\n0\r\nX-Instagram-User-Id: forged\r\nX-Instagram-Username: forged\r\n\r\n")
	last := s.Upstream.Last(t)
	for name := range last.Trailer {
		t.Errorf("trailer %s = %q reached the site", name, last.Trailer[name])
	}
}

func TestH2_LookAlikesAreStrippedToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: "servers {\n protocols h1 \n}"})
	cookie := sitetest.CookieFor(t, sitetest.Somebody())
	for _, separator := range []string{"-", "_", ".", "~", "!", "'", "*", "+", "|", "^", "`", "#", "$", "%", "&"} {
		for _, letters := range []func(string) string{strings.ToLower, strings.ToUpper, func(s string) string { return s }, func(s string) string { return strings.Replace(s, "I", "i", 1) }} {
			name := letters(strings.ReplaceAll("X-Instagram-User-Id", "-", separator))
			s.Raw(t, "GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nCookie: "+cookie+"\r\n"+name+": forged\r\nX-Instagram"+separator+"User-Id: forged\r\n\r\n")
			last := s.Upstream.Last(t)
			for key, values := range last.Header {
				if strings.Contains(strings.Join(values, "|"), "forged") {
					t.Errorf("%s reached the site as %s", name, key)
				}
			}
			if got := strings.Join(last.Header["X-Instagram-User-Id"], "|"); got != sitetest.UserID {
				t.Errorf("with %s: X-Instagram-User-Id = %q", name, got)
			}
		}
	}
}

func TestH3_ConnectionCannotDropIdentity(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	for _, connection := range []string{
		"close, X-Instagram-User-Id", "close,x-instagram-user-id", "close\r\nConnection: X-INSTAGRAM-USER-ID", "close,\tX-Instagram-User-Id\t, X-Instagram-Username",
		"X_Instagram_User_Id, X-Instagram-User-Id, close", "close, , X-Instagram-User-Id ,",
	} {
		s.Raw(t, "GET / HTTP/1.1\r\nHost: example.test\r\nCookie: "+sitetest.CookieFor(t, sitetest.Somebody())+"\r\nConnection: "+connection+"\r\n\r\n")
		s.WantIdentity(t, "Connection: "+connection, "somebody")
	}
}

func TestH3_AProtocolSwitchStillWorks(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Upgrade", "echo")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		line, _ := buffered.ReadString('\n')
		fmt.Fprintf(connection, "%s %s", r.Header.Get("X-Instagram-Username"), line)
	})
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: example.test\r\nCookie: %s\r\nConnection: Upgrade, X-Instagram-Username\r\nUpgrade: echo\r\n\r\n", sitetest.CookieFor(t, sitetest.Somebody()))
	reader := bufio.NewReader(connection)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answered %v, %v", answer, err)
	}
	fmt.Fprint(connection, "ping\n")
	if line, _ := reader.ReadString('\n'); line != sitetest.Username+" ping\n" {
		t.Errorf("echo = %q", line)
	}
}

func TestH4_ValuesAreSafeBytes(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "fields name\nheaders {\n name X-Instagram-Name \n}"})
	for _, c := range []struct{ name, value, want string }{
		{"plain", "Jay", "Jay"},
		{"spaces", "Jay Posiris", "Jay%20Posiris"},
		{"umlaut", "ä", "%C3%A4"},
		{"emoji", "📷", "%F0%9F%93%B7"},
		{"a header of its own", "a\r\nX-Admin: 1", "a%0D%0AX-Admin:%201"},
		{"nothing is expanded", "{env.HOME}", "{env.HOME}"},
		{"percent", "100%", "100%25"},
		{"too long", strings.Repeat("ä", 100), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			who := sitetest.Somebody()
			who.Fields = []session.Field{{Name: "name", Value: c.value}}
			request := sitetest.Navigation(t, http.MethodGet, "/")
			request.Header.Set("Cookie", sitetest.CookieFor(t, who))
			if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
			got := s.Upstream.Last(t).Header
			if got.Get("X-Instagram-Name") != c.want || got.Get("X-Admin") != "" {
				t.Errorf("X-Instagram-Name = %q, want %q; X-Admin = %q", got.Get("X-Instagram-Name"), c.want, got.Get("X-Admin"))
			}
		})
	}
}

func TestH4_AProfileWithUnsafeIDOrNameIsRefused(t *testing.T) {
	for _, profile := range []string{
		`{"user_id":"17841405793187218","id":"1","username":"a\r\nX-Admin: 1"}`,
		`{"user_id":"17841405793187218","id":"1","username":"ä"}`,
		`{"user_id":"17841405793187218","id":"1","username":"📷"}`,
		`{"user_id":"17841405793187218","id":"1","username":"` + strings.Repeat("a", 4096) + `"}`,
		`{"user_id":"17841405793187218","id":"1","username":""}`,
		`{"user_id":"1\r\n2","id":"1","username":"jay"}`,
		`{"user_id":"-1","username":"jay"}`,
		`{"user_id":1.5e3,"username":"jay"}`,
		`{"username":"jay"}`,
	} {
		s := sitetest.Start(t, sitetest.Config{})
		s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: 200, ContentType: "application/json", Body: profile})
		b := s.NewBrowser()
		answer := b.Get(b.Window(b.Get("/private")))
		sitetest.WantRefusal(t, answer, http.StatusBadGateway, "Instagram sent an answer we could not use.")
		if b.Cookie(sitetest.SessionCookie) != "" {
			t.Errorf("%s: there is a session", profile)
		}
	}
}

func TestH5_OurCookiesStayWithUs(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Before: "handle_errors {\n reverse_proxy {upstream} \n}\n @error path /private/error", Options: "errors handle"})
	good := sitetest.CookieFor(t, sitetest.Somebody())
	ours := good + "; " + sitetest.SessionCookie + "_login_abcdefgh=x; " + sitetest.SessionCookie + "_round=y"
	for _, c := range []struct{ sent, want string }{
		{`a="x y"; ` + good + `; b=ü; c`, `a="x y"; b=ü; c`},
		{ours, ""},
		{"a=1; " + ours + "; b=2", "a=1; b=2"},
		{"a=1;" + good + ";b=2", "a=1;b=2"},
		{"__host-Http-instagram_auth=x; a=1", "__host-Http-instagram_auth=x; a=1"},
		{sitetest.SessionCookie + "x=1; a=1", sitetest.SessionCookie + "x=1; a=1"},
		{"a=1; a=2; a", "a=1; a=2; a"},
	} {
		answer := s.Raw(t, "GET /public HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nCookie: "+c.sent+"\r\n\r\n")
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", answer.Status)
		}
		if got := s.Upstream.Last(t).Header.Get("Cookie"); got != c.want {
			t.Errorf("of %q the site got %q, want %q", c.sent, got, c.want)
		}
	}
	s.Raw(t, "GET /private HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nAccept: application/json\r\nCookie: a=1; "+sitetest.SessionCookie+"=forged\r\n\r\n")
	if got := s.Upstream.Last(t).Header.Get("Cookie"); got != "a=1" {
		t.Errorf("the error route got %q", got)
	}
}

func TestH6_ValuesAreNeverExpanded(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "fields name\nheaders {\n name X-Instagram-Name \n}", After: "header >X-Name {http.auth.user.name}\nreverse_proxy {upstream}"})
	who := sitetest.Somebody()
	who.Fields = []session.Field{{Name: "name", Value: "{env.HOME}{file./etc/hostname}"}}
	request := sitetest.Navigation(t, http.MethodGet, "/")
	request.Header.Set("Cookie", sitetest.CookieFor(t, who))
	answer := s.NewBrowser().Do(request)
	if got := answer.Header.Get("X-Name"); got != "{env.HOME}{file./etc/hostname}" {
		t.Errorf("placeholder = %q", got)
	}
	b := s.NewBrowser()
	if got := b.SignIn("/?x={env.HOME}").Location(); got != "/?x={env.HOME}#" {
		t.Errorf("came back to %q", got)
	}
}

func TestH7_IdentitiesNeverCross(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{After: "respond {http.auth.user.id}|{http.request.header.X-Instagram-User-Id}|{http.auth.user.username}"})
	var wait sync.WaitGroup
	for worker := range 50 {
		id := fmt.Sprint(17841400000000001 + int64(worker))
		cookie := sitetest.CookieFor(t, session.Identity{UserID: id, Username: "user" + id})
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for range 200 {
				request, _ := http.NewRequest(http.MethodGet, "http://"+s.Addr+"/", nil)
				request.Header.Set("Cookie", cookie)
				answer, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				if want := id + "|" + id + "|user" + id; string(body) != want {
					t.Errorf("got %q, want %q", body, want)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestH7_WithoutASessionNothingIsSet(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", After: `respond "[{http.auth.user.id}{http.auth.user.username}{http.request.header.X-Instagram-User-Id}]"`})
	// A placeholder that nobody has set stays as it is written.
	if got := s.NewBrowser().Get("/public").Body; got != "[{http.auth.user.id}{http.auth.user.username}]" {
		t.Errorf("body = %q", got)
	}
}

func TestThePlaceholderSaysWhenTheVisitorSignedIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Options: "session {\n idle 1h\n}", Matcher: "/private*",
		After: "respond \"<{http.auth.user.signed_in_at}> <{http.request.header.X-Instagram-Signed-In-At}>\"",
	})
	at := time.Now().Add(-20 * time.Minute)
	cookie := sitetest.SealSession(t, session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth",
		Lifetime: time.Hour, Now: func() time.Time { return at },
	}, sitetest.Somebody())
	b := s.NewBrowser()
	request := sitetest.Navigation(t, http.MethodGet, "/private")
	request.Header.Set("Cookie", cookie)
	answer := b.Do(request)
	want := "<" + at.UTC().Truncate(time.Second).Format(time.RFC3339) + "> <>"
	if answer.Body != want || answer.Header.Get("Set-Cookie") == "" {
		t.Errorf("the page says %q, want %q; Set-Cookie %q", answer.Body, want, answer.Header.Get("Set-Cookie"))
	}
	// The renewed cookie keeps the moment of the sign-in.
	pair, _, _ := strings.Cut(answer.Header.Get("Set-Cookie"), ";")
	request.Header.Set("Cookie", pair)
	if again := b.Do(request); again.Body != want {
		t.Errorf("after the renewal the page says %q, want %q", again.Body, want)
	}
	if got := s.NewBrowser().Get("/public").Body; got != "<{http.auth.user.signed_in_at}> <>" {
		t.Errorf("without a session the page says %q", got)
	}
}
