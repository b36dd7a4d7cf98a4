package placement_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// wholeBlock is the block of a site without a matcher or with one, for layouts in which it
// stands inside of something.
func wholeBlock(matcher, options string) string {
	return strings.Replace(sitetest.DefaultBlock(options), "instagram_auth", "instagram_auth "+matcher, 1)
}

// bypasses are layouts in which a route leads to the upstream without passing the block. The
// public path is /public/page in each.
var bypasses = map[string]sitetest.Config{
	"handle beside handle":       {Block: "handle /public/* {\n reverse_proxy {upstream}\n}", After: "handle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}"},
	"a route that answers first": {Block: "route {\n reverse_proxy /public/* {upstream}\n" + wholeBlock("", "") + "\n}"},
	"handle_path":                {Block: "handle_path /public/* {\n reverse_proxy {upstream}\n}", After: "handle {\n" + wholeBlock("/members*", "") + "\nreverse_proxy {upstream}\n}"},
	"a named route":              {Block: "handle /public/* {\n invoke up\n}", After: "handle {\n" + wholeBlock("", "") + "\ninvoke up\n}", Extra: "&(up) {\n reverse_proxy {upstream}\n}"},
	"order":                      {Global: "order reverse_proxy before instagram_auth", Block: "reverse_proxy /public/* {upstream}\n" + wholeBlock("", "")},
	"an error route": {Before: "handle_errors {\n rewrite * /public/page\n reverse_proxy {upstream}\n}\nhandle /public/* {\n error 418\n}",
		Block: "handle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}"},
}

// keepAliases has Caddy let names through that it drops by itself. It drops the plain
// spelling then, so tests run with and without.
const keepAliases = "servers {\n protocols h1 h2c\n expected_underscore_headers X_Instagram_* x_instagram_* X_INSTAGRAM_*\n expected_dot_headers X.Instagram.* \n}"

func TestH1_ARouteBesideTheBlockCarriesNoForgedHeaders(t *testing.T) {
	layouts := maps.Clone(bypasses)
	for name, c := range bypasses {
		c.Global += "\nservers {\n protocols h1 h2c\n}"
		layouts[name] = c
		c.Global = bypasses[name].Global + "\n" + keepAliases
		layouts[name+", with aliases"] = c
	}
	for name, c := range layouts {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c)
			s.WantForgedHeadersDeleted(t)
		})
	}
}

func TestH1_ARouteBesideTheBlockCarriesNoForgedTrailers(t *testing.T) {
	s := sitetest.Start(t, bypasses["handle beside handle"])
	s.Raw(t, "POST /public/page HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Instagram-User-Id\r\n\r\n1\r\nx\r\n0\r\nX-Instagram-User-Id: forged\r\nX-Instagram-Username: forged\r\n\r\n")
	s.WantNothingForged(t, "a trailer")
	for protocol, client := range s.Clients(t) {
		if protocol == "HTTP/2" {
			continue // net/http asks only for trailers that were announced
		}
		request, _ := http.NewRequest(http.MethodPost, "http://"+s.Addr+"/public/page", strings.NewReader("x"))
		request.Host, request.ContentLength = sitetest.Host, -1
		request.Trailer = http.Header{"X-Instagram-User-Id": {"forged"}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		s.WantNothingForged(t, protocol+" trailer")
	}
}

func TestH1_OtherSitesOfTheServerKeepTheirHeaders(t *testing.T) {
	const other = "http://other.test:{port} {\n reverse_proxy {upstream}\n}\nhttp://a.example.test:{port} {\n reverse_proxy {upstream}\n}"
	inSite := "http://example.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}\n}"
	s := sitetest.Start(t, sitetest.Config{Block: "respond /never 404", Extra: inSite + "\n" + other})
	reaches := func(host string) string {
		request := sitetest.Navigation(t, http.MethodGet, "/public/page")
		request.Host = host
		request.Header.Set("X-Instagram-User-Id", "1")
		s.NewBrowser().Do(request)
		return s.Upstream.Last(t).Header.Get("X-Instagram-User-Id")
	}
	for round := range 2 { // the second time after a reload
		for _, c := range []struct{ host, want string }{
			{sitetest.Host, ""}, {strings.ToUpper(sitetest.Host), ""}, {sitetest.Host + ":443", ""}, {"other.test", "1"}, {"a.example.test", "1"},
			{"nobody.test", "1"}, // the site of all other hosts has no block
		} {
			if got := reaches(c.host); got != c.want {
				t.Errorf("round %d, %s: X-Instagram-User-Id = %q, want %q", round, c.host, got, c.want)
			}
		}
		s.Load(sitetest.Config{Block: "respond /never 404", Extra: inSite + "\n" + other})
	}
	// Where the block is gone, nothing is deleted any more.
	s.Load(sitetest.Config{Block: "respond /never 404"})
	if got := reaches(sitetest.Host); got != "1" {
		t.Errorf("without a block: X-Instagram-User-Id = %q", got)
	}
}

func TestH1_EachBlockOfAServerHasItsOwnHeadersDeleted(t *testing.T) {
	second := "http://other.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + strings.Replace(wholeBlock("", "headers {\n user_id X-Studio-Id\n}\nsession {\n cookie studio\n}"), sitetest.RedirectURI, "https://other.test/auth/", 1) + "\nreverse_proxy {upstream}\n}\n}"
	first := "http://example.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}\n}"
	s := sitetest.Start(t, sitetest.Config{Block: "respond /never 404", Extra: first + "\n" + second})
	for _, c := range []struct{ host, header, want string }{
		{sitetest.Host, "X-Instagram-User-Id", ""}, {sitetest.Host, "X-Studio-Id", "1"},
		{"other.test", "X-Instagram-User-Id", ""}, {"other.test", "X-Studio-Id", ""}, {"other.test", "x~studio~id", ""},
	} {
		s.Raw(t, fmt.Sprintf("GET /public/page HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s: 1\r\n\r\n", c.host, c.header))
		if got := s.Upstream.Last(t).Header.Get(c.header); got != c.want {
			t.Errorf("%s, %s = %q, want %q", c.host, c.header, got, c.want)
		}
	}
}

func TestH1_AnIncludedPageKeepsTheIdentityThatTheBlockSet(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Block: "handle /part {\n reverse_proxy {upstream}\n}",
		After: "handle {\n" + wholeBlock("", "") + "\nheader Content-Type text/html\ntemplates\nrespond `included: {{httpInclude \"/part\"}}`\n}",
	})
	request := sitetest.Navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", sitetest.CookieFor(t, sitetest.Somebody()))
	if page := s.NewBrowser().Do(request); page.Body != "included: hello "+sitetest.Username {
		t.Errorf("page = %q", page.Body)
	}
}

// TestH1_InANamedRouteTheBlockDeletesByItself is about a block that Caddy compiles apart, where
// nothing stands in front of it.
func TestH1_InANamedRouteTheBlockDeletesByItself(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Global: "servers {\n protocols h1 h2c\n}", Block: "invoke gate", After: "# nothing",
		Extra: "&(gate) {\nroute {\n" + wholeBlock("/private*", "") + "\nreverse_proxy {upstream}\n}\n}",
	})
	for protocol, client := range s.Clients(t) {
		for person, cookie := range map[string]string{"nobody": "", "somebody": sitetest.CookieFor(t, sitetest.Somebody())} {
			request := sitetest.ForgedRequest(t, http.MethodGet, "http://"+s.Addr+"/page")
			request.Header.Set("Cookie", cookie)
			request.Header["X~instagram_user-Id"] = []string{"forged"}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s as %s: %s", protocol, person, answer.Status)
			}
			if got := s.Upstream.Last(t).Header; person == "nobody" && got.Get("X-Instagram-User-Id") != "" || person == "somebody" && got.Get("X-Instagram-User-Id") != sitetest.UserID || len(got["X~instagram_user-Id"]) > 0 {
				t.Errorf("%s as %s: %q", protocol, person, got)
			}
		}
	}
	s.Raw(t, "POST /page HTTP/1.1\r\nHost: example.test\r\nConnection: close, X-Instagram-User-Id\r\nTransfer-Encoding: chunked\r\nTrailer: X-Instagram-User-Id\r\nCookie: "+sitetest.CookieFor(t, sitetest.Somebody())+"\r\n\r\n1\r\nx\r\n0\r\nX-Instagram-User-Id: forged\r\nX-Instagram-Username: forged\r\n\r\n")
	s.WantNothingForged(t, "a trailer")
	if got := s.Upstream.Last(t).Header.Get("X-Instagram-User-Id"); got != sitetest.UserID {
		t.Errorf("with Connection: X-Instagram-User-Id = %q", got)
	}
}
