package instagramauth_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// wholeBlock is the block of a site without a matcher or with one, for layouts in which it
// stands inside of something.
func wholeBlock(matcher, options string) string {
	return strings.Replace(defaultBlock(options), "instagram_auth", "instagram_auth "+matcher, 1)
}

// beside are layouts in which a route leads to the upstream without passing the block. The
// public path is /public/page in each.
var beside = map[string]siteConfig{
	"handle beside handle":       {block: "handle /public/* {\n reverse_proxy {upstream}\n}", after: "handle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}"},
	"a route that answers first": {block: "route {\n reverse_proxy /public/* {upstream}\n" + wholeBlock("", "") + "\n}"},
	"handle_path":                {block: "handle_path /public/* {\n reverse_proxy {upstream}\n}", after: "handle {\n" + wholeBlock("/members*", "") + "\nreverse_proxy {upstream}\n}"},
	"a named route":              {block: "handle /public/* {\n invoke up\n}", after: "handle {\n" + wholeBlock("", "") + "\ninvoke up\n}", extra: "&(up) {\n reverse_proxy {upstream}\n}"},
	"order":                      {global: "order reverse_proxy before instagram_auth", block: "reverse_proxy /public/* {upstream}\n" + wholeBlock("", "")},
	"an error route": {before: "handle_errors {\n rewrite * /public/page\n reverse_proxy {upstream}\n}\nhandle /public/* {\n error 418\n}",
		block: "handle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}"},
}

// lookAlikes returns spellings that some server takes for the header.
func lookAlikes(name string) (all []string) {
	for _, separator := range []string{"-", "_", ".", "~", "!", "'", "*", "+", "|", "^", "`", "#", "$", "%", "&"} {
		spelled := strings.ReplaceAll(name, "-", separator)
		all = append(all, spelled, strings.ToLower(spelled), strings.ToUpper(spelled), strings.Replace(name, "-", separator, 1))
	}
	return all
}

// keepAliases has Caddy let names through that it drops by itself. It drops the plain
// spelling then, so tests run with and without.
const keepAliases = "servers {\n protocols h1 h2c\n expected_underscore_headers X_Instagram_* x_instagram_* X_INSTAGRAM_*\n expected_dot_headers X.Instagram.* \n}"

func TestH1_ARouteBesideTheBlockCarriesNoForgedHeaders(t *testing.T) {
	layouts := maps.Clone(beside)
	for name, c := range beside {
		c.global += "\nservers {\n protocols h1 h2c\n}"
		layouts[name] = c
		c.global = beside[name].global + "\n" + keepAliases
		layouts[name+", with aliases"] = c
	}
	for name, c := range layouts {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, c)
			s.wantForgedHeadersDeleted(t)
		})
	}
}

// wantForgedHeadersDeleted asks for the public page in each protocol, with an identity header in
// each spelling.
func (s *site) wantForgedHeadersDeleted(t *testing.T) {
	t.Helper()
	for protocol, client := range s.clients(t) {
		for _, header := range append(lookAlikes("X-Instagram-User-Id"), lookAlikes("X-Instagram-Username")...) {
			request, err := http.NewRequest(http.MethodGet, "http://"+s.addr+"/public/page", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			request.Header[header] = []string{"forged"}
			before := s.upstream.count()
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK || s.upstream.count() == before {
				t.Fatalf("%s: the page is not public: %s", protocol, answer.Status)
			}
			s.wantNothingForged(t, protocol+" "+header)
		}
	}
}

// wantNothingForged fails the test if the last request to the site has a header or trailer
// that the client made up.
func (s *site) wantNothingForged(t *testing.T, what string) {
	t.Helper()
	last := s.upstream.last(t)
	for _, all := range []http.Header{last.Header, last.Trailer} {
		for name, values := range all {
			if slices.Contains(values, "forged") {
				t.Errorf("%s reached the site as %s", what, name)
			}
		}
	}
}

func TestH1_ARouteBesideTheBlockCarriesNoForgedTrailers(t *testing.T) {
	s := startSite(t, beside["handle beside handle"])
	s.raw(t, "POST /public/page HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Instagram-User-Id\r\n\r\n1\r\nx\r\n0\r\nX-Instagram-User-Id: forged\r\nX-Instagram-Username: forged\r\n\r\n")
	s.wantNothingForged(t, "a trailer")
	for protocol, client := range s.clients(t) {
		if protocol == "HTTP/2" {
			continue // net/http asks only for trailers that were announced
		}
		request, _ := http.NewRequest(http.MethodPost, "http://"+s.addr+"/public/page", strings.NewReader("x"))
		request.Host, request.ContentLength = host, -1
		request.Trailer = http.Header{"X-Instagram-User-Id": {"forged"}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		s.wantNothingForged(t, protocol+" trailer")
	}
}

func TestH1_OtherSitesOfTheServerKeepTheirHeaders(t *testing.T) {
	const other = "http://other.test:{port} {\n reverse_proxy {upstream}\n}\nhttp://a.example.test:{port} {\n reverse_proxy {upstream}\n}"
	inSite := "http://example.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}\n}"
	s := startSite(t, siteConfig{block: "respond /never 404", extra: inSite + "\n" + other})
	reaches := func(host string) string {
		request := navigation(t, http.MethodGet, "/public/page")
		request.Host = host
		request.Header.Set("X-Instagram-User-Id", "1")
		s.newBrowser().do(request)
		return s.upstream.last(t).Header.Get("X-Instagram-User-Id")
	}
	for round := range 2 { // the second time after a reload
		for _, c := range []struct{ host, want string }{
			{host, ""}, {strings.ToUpper(host), ""}, {host + ":443", ""}, {"other.test", "1"}, {"a.example.test", "1"},
			{"nobody.test", "1"}, // the site of all other hosts has no block
		} {
			if got := reaches(c.host); got != c.want {
				t.Errorf("round %d, %s: X-Instagram-User-Id = %q, want %q", round, c.host, got, c.want)
			}
		}
		s.load(siteConfig{block: "respond /never 404", extra: inSite + "\n" + other})
	}
	// Where the block is gone, nothing is deleted any more.
	s.load(siteConfig{block: "respond /never 404"})
	if got := reaches(host); got != "1" {
		t.Errorf("without a block: X-Instagram-User-Id = %q", got)
	}
}

func TestH1_EachBlockOfAServerHasItsOwnHeadersDeleted(t *testing.T) {
	second := "http://other.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + strings.Replace(wholeBlock("", "headers {\n user_id X-Studio-Id\n}\nsession {\n cookie studio\n}"), redirectURI, "https://other.test/auth/", 1) + "\nreverse_proxy {upstream}\n}\n}"
	first := "http://example.test:{port} {\nhandle /public/* {\n reverse_proxy {upstream}\n}\nhandle {\n" + wholeBlock("", "") + "\nreverse_proxy {upstream}\n}\n}"
	s := startSite(t, siteConfig{block: "respond /never 404", extra: first + "\n" + second})
	for _, c := range []struct{ host, header, want string }{
		{host, "X-Instagram-User-Id", ""}, {host, "X-Studio-Id", "1"},
		{"other.test", "X-Instagram-User-Id", ""}, {"other.test", "X-Studio-Id", ""}, {"other.test", "x~studio~id", ""},
	} {
		s.raw(t, fmt.Sprintf("GET /public/page HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s: 1\r\n\r\n", c.host, c.header))
		if got := s.upstream.last(t).Header.Get(c.header); got != c.want {
			t.Errorf("%s, %s = %q, want %q", c.host, c.header, got, c.want)
		}
	}
}

func TestH1_AnIncludedPageKeepsTheIdentityThatTheBlockSet(t *testing.T) {
	s := startSite(t, siteConfig{
		block: "handle /part {\n reverse_proxy {upstream}\n}",
		after: "handle {\n" + wholeBlock("", "") + "\nheader Content-Type text/html\ntemplates\nrespond `included: {{httpInclude \"/part\"}}`\n}",
	})
	request := navigation(t, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookieFor(t, somebody()))
	if page := s.newBrowser().do(request); page.body != "included: hello "+username {
		t.Errorf("page = %q", page.body)
	}
}

// TestH1_InANamedRouteTheBlockDeletesByItself is about a block that Caddy compiles apart, where
// nothing stands in front of it.
func TestH1_InANamedRouteTheBlockDeletesByItself(t *testing.T) {
	s := startSite(t, siteConfig{
		global: "servers {\n protocols h1 h2c\n}", block: "invoke gate", after: "# nothing",
		extra: "&(gate) {\nroute {\n" + wholeBlock("/private*", "") + "\nreverse_proxy {upstream}\n}\n}",
	})
	for protocol, client := range s.clients(t) {
		for person, cookie := range map[string]string{"nobody": "", "somebody": cookieFor(t, somebody())} {
			request := forged(t, http.MethodGet, "http://"+s.addr+"/page")
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
			if got := s.upstream.last(t).Header; person == "nobody" && got.Get("X-Instagram-User-Id") != "" || person == "somebody" && got.Get("X-Instagram-User-Id") != userID || len(got["X~instagram_user-Id"]) > 0 {
				t.Errorf("%s as %s: %q", protocol, person, got)
			}
		}
	}
	s.raw(t, "POST /page HTTP/1.1\r\nHost: example.test\r\nConnection: close, X-Instagram-User-Id\r\nTransfer-Encoding: chunked\r\nTrailer: X-Instagram-User-Id\r\nCookie: "+cookieFor(t, somebody())+"\r\n\r\n1\r\nx\r\n0\r\nX-Instagram-User-Id: forged\r\nX-Instagram-Username: forged\r\n\r\n")
	s.wantNothingForged(t, "a trailer")
	if got := s.upstream.last(t).Header.Get("X-Instagram-User-Id"); got != userID {
		t.Errorf("with Connection: X-Instagram-User-Id = %q", got)
	}
}
