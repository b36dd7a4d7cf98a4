package lifecycle_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const ()

func TestN2_TheSiteGetsTheTokenWhereTheOperatorWantsIt(t *testing.T) {
	const placeholder = "{http.auth.user.access_token}" // Caddy leaves an unknown one as it is
	for name, c := range map[string]struct {
		options   string
		calls     int // for a long-lived token
		forwarded bool
	}{
		"by default":  {"", 0, false},
		"short-lived": {"token {\n forward_as " + sitetest.TokenHeader + "\n}", 0, true},
		"long-lived":  {sitetest.LongLivedToken, 1, true},
		"kept alone":  {"token {\n long_lived\n}", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: c.options, After: "header >X-Seen \"" + placeholder + "\"\nreverse_proxy {upstream}"})
			b := s.NewBrowser()
			b.SignIn("/page")
			page := b.Get("/page")
			got := s.Upstream.Last(t).Header.Get(sitetest.TokenHeader)
			if (got != "") != c.forwarded || page.Header.Get("X-Seen") != cmp.Or(got, placeholder) {
				t.Errorf("header %q, placeholder %q", got, page.Header.Get("X-Seen"))
			}
			if n := s.Instagram.Calls(simulator.LongLived); n != c.calls {
				t.Errorf("%d exchanges for a long-lived token", n)
			}
			if got != "" && strings.Contains(b.CookieHeader()+b.Fetch("/instagram_auth/userinfo").Body, got) {
				t.Error("the token is in the clear")
			}
			if size := len(sitetest.SessionCookie) + 1 + len(b.Cookie(sitetest.SessionCookie)); size > 1024 || size > 512 && c.options == "" {
				t.Errorf("the session cookie has %d bytes", size)
			}
		})
	}
}

func TestH1_AForgedTokenIsStripped(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: sitetest.LongLivedToken})
	for _, header := range []string{sitetest.TokenHeader, "X_Instagram_Access_Token", "x.instagram.access.token"} {
		request := sitetest.Navigation(t, http.MethodGet, "/public")
		request.Header[header] = []string{"forged"}
		request.Header.Set("Connection", "close, "+header)
		s.NewBrowser().Do(request)
		for name, values := range s.Upstream.Last(t).Header {
			if slices.Contains(values, "forged") {
				t.Errorf("%s reached the site", name)
			}
		}
	}
	// Nor can Connection take away what is ours.
	b := s.NewBrowser()
	b.SignIn("/private")
	request := sitetest.Navigation(t, http.MethodGet, "/public")
	request.Header.Set("Connection", "close, "+sitetest.TokenHeader)
	b.Do(request)
	if s.Upstream.Last(t).Header.Get(sitetest.TokenHeader) == "" {
		t.Error("the token did not reach the site")
	}
}

func TestAHandoffHandsOverTheTokenToo(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "after_login handoff\n" + sitetest.LongLivedToken})
	b := s.NewBrowser()
	start := b.Get("/instagram_auth/login")
	b.Get(b.Window(start))
	request := s.Upstream.Last(t)
	if request.Header.Get(sitetest.TokenHeader) == "" || request.Header.Get("X-Instagram-User-Id") != sitetest.UserID {
		t.Errorf("the site got %v", request.Header)
	}
	if b.Cookie(sitetest.SessionCookie) != "" {
		t.Error("there is a session cookie")
	}
}

// A token that no cookie has room for is not kept, and all else is.
func TestS8_ATokenThatIsTooLongIsDropped(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: sitetest.LongLivedToken + "\nfields name"})
	s.Instagram.Misbehave(simulator.LongLived, simulator.Fault{
		Kind: simulator.Answer, ContentType: "application/json", Body: `{"access_token":"` + strings.Repeat("x", 900) + `","token_type":"bearer","expires_in":5183944}`,
	})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Get("/page")
	if got := s.Upstream.Last(t).Header; got.Get("X-Instagram-User-Id") != sitetest.UserID || got.Get(sitetest.TokenHeader) != "" {
		t.Errorf("the site got %v", got)
	}
	lines := s.Logged("fields left out: they do not fit into the session cookie or a header")
	if len(lines) != 1 || fmt.Sprint(lines[0]["fields"]) != "[access_token]" {
		t.Errorf("log lines = %v", lines)
	}
}

func TestH4_FieldsReachTheSiteAsTheyFit(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Window: "maria.sees",
		Options: `fields name account_type profile_picture_url media_count followers_count
			headers {
				name X-Name
				media_count X-Media-Count
				profile_picture_url X-Picture
				permissions X-Permissions
			}`,
		After: "header >X-Seen-Name \"{http.auth.user.name}\"\nheader >X-Seen-Type \"{http.auth.user.account_type}\"\nreverse_proxy {upstream}",
		Users: []simulator.User{{ID: sitetest.UserID, Username: "maria.sees", Name: "María Núñez", AccountType: "MEDIA_CREATOR", MediaCount: 24, PictureURL: "https://pictures.test/" + strings.Repeat("x", 400)}},
	})
	b := s.NewBrowser()
	b.SignIn("/page")
	page := b.Get("/page")
	got := s.Upstream.Last(t).Header
	if got.Get("X-Name") != "Mar%C3%ADa%20N%C3%BA%C3%B1ez" || got.Get("X-Media-Count") != "24" || got.Get("X-Permissions") != "instagram_business_basic" {
		t.Errorf("the site got %v", got)
	}
	if page.Header.Get("X-Seen-Name") != "María Núñez" || page.Header.Get("X-Seen-Type") != "MEDIA_CREATOR" {
		t.Errorf("placeholders = %q, %q", page.Header.Get("X-Seen-Name"), page.Header.Get("X-Seen-Type"))
	}
	if _, there := got["X-Picture"]; there {
		t.Error("a picture's address is in a header that it does not fit into")
	}
	info := sitetest.Decode(t, b.Fetch("/instagram_auth/userinfo"))
	if info["name"] != "María Núñez" || info["media_count"] != "24" || info["followers_count"] != "0" {
		t.Errorf("userinfo = %v", info)
	}
	lines := s.Logged("fields left out: they do not fit into the session cookie or a header")
	if len(lines) != 1 || fmt.Sprint(lines[0]["fields"]) != "[profile_picture_url]" {
		t.Errorf("log lines = %v", lines)
	}
}

// P1 with each kind of token, at DEBUG, with the log format of the example: a short-lived
// one, a long-lived one, and one that a refresh brought.
func TestP1_NoKindOfTokenAppearsInALog(t *testing.T) {
	late := time.Duration(0)
	s := sitetest.Start(t, sitetest.Config{
		LogFilter: sitetest.ProductionLogFormat(t), Options: sitetest.LongLivedToken + "\nrevalidate 1m",
		Now:   func() time.Time { return time.Now().Add(late) },
		After: "handle /php* {\n php_fastcgi 127.0.0.1:9 \n}\nhandle_errors {\n respond failed \n}\nreverse_proxy {upstream}",
	})
	var tokens []string
	see := func(b *sitetest.Browser) string {
		b.Get("/page")
		token := s.Upstream.Last(t).Header.Get(sitetest.TokenHeader)
		tokens = append(tokens, token)
		// To a site over FastCGI, and to one that is down, the token goes as well.
		b.Get("/php/index.php")
		return token
	}
	s.Instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Status500, Times: 1})
	b := s.NewBrowser()
	b.SignIn("/page")
	short := see(b)
	sitetest.Eventually(t, "a long-lived token", func() bool { return see(b) != short })
	long := see(b)

	// A day later, for Instagram and by what the session says.
	late = 25 * time.Hour
	cookies, err := session.New(session.Config{
		Secrets: []string{sitetest.AppSecret}, Instance: sitetest.AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Tokens: true, Now: func() time.Time { return time.Now().Add(-late) },
	})
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Now().Add(-late)
	_, line, _, err := cookies.Create(session.Session{
		Identity: sitetest.Somebody(), Token: session.Token{Access: long, LongLived: true, Issued: issued, Expires: issued.Add(60 * 24 * time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(line, sitetest.SessionCookie+"="), ";")
	old := s.NewBrowser()
	old.Plant(sitetest.SessionCookie, value)
	sitetest.Eventually(t, "a refreshed token", func() bool { return see(old) != long })

	// And each failure on the way.
	for _, kind := range []simulator.FaultKind{simulator.Status502, simulator.Redirect, simulator.Reset, simulator.WrongTypes, simulator.Truncated} {
		s.Instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: kind, Times: 1})
		another := s.NewBrowser()
		another.SignIn("/page")
		see(another)
	}
	for _, endpoint := range []simulator.Endpoint{simulator.LongLived, simulator.Refresh, simulator.UserNode} {
		for _, request := range s.Instagram.Requests(endpoint) {
			tokens = append(tokens, sitetest.Query(t, request.URL).Get("access_token"))
		}
	}
	if n := s.Instagram.Calls(simulator.Refresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	logs := s.Logs()
	if !strings.Contains(logs, "upstream roundtrip") || !strings.Contains(logs, "http.reverse_proxy.transport.fastcgi") || !strings.Contains(logs, "getting a long-lived token failed") {
		t.Error("the log does not have the lines that this test is about")
	}
	if seen := sitetest.WantNoneOf(t, logs, append(tokens, sitetest.AppSecret, value)); seen < 10 {
		t.Errorf("only %d tokens were looked for", seen)
	}
}
