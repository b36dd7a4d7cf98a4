package address_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// Several sites on one machine have names below localhost, which no hosts file needs to list.
func TestANameBelowLocalhostIsALoopbackRedirectURI(t *testing.T) {
	for _, name := range []string{"localhost", "shop.localhost", "Shop.LocalHost", "a.b.localhost", "127.0.0.1", "[::1]"} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Block: strings.Replace(sitetest.DefaultBlock(""), sitetest.RedirectURI, "http://"+name+":{port}/auth/", 1)})
			answer := s.Raw(t, "GET /page HTTP/1.1\r\nHost: "+strings.ToLower(name)+":"+sitetest.Port(s.Addr)+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			window, err := url.Parse(answer.Header.Get("Location"))
			if err != nil || answer.StatusCode != http.StatusFound || window.Query().Get("redirect_uri") != "http://"+name+":"+sitetest.Port(s.Addr)+"/auth/" {
				t.Fatalf("answered %s to %q, %v", answer.Status, window, err)
			}
			if cookie := answer.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "instagram_auth_login_") || strings.Contains(cookie, "Secure") {
				t.Errorf("Set-Cookie = %q", cookie)
			}
			if lines := s.Logged("redirect_uri is plain http: cookies are sent without Secure and without their __Host- prefix; use https in production"); len(lines) != 1 {
				t.Errorf("%d warnings", len(lines))
			}
		})
	}
}
