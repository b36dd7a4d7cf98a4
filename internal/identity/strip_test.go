package identity_test

import (
	"net/http"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestH1_TheNamesOfTheDocumentationAreStrippedEvenIfOthersAreUsed(t *testing.T) {
	for name, options := range map[string]string{
		"off":                    "headers {\n user_id off\n username off\n}",
		"renamed":                "headers {\n user_id Remote-User\n username Remote-Name\n}",
		"exchanged":              "headers {\n user_id X-Instagram-Username\n username off\n}",
		"another spelling of it": "headers {\n user_id X_Instagram_User_Id\n username off\n}",
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: options})
			request := sitetest.Navigation(t, http.MethodGet, "/public")
			for _, header := range []string{"X-Instagram-User-Id", "X-Instagram-Username", "X_instagram_user_id", "x.instagram.username"} {
				request.Header[header] = []string{"forged"}
			}
			if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", answer.Status)
			}
			for header, values := range s.Upstream.Last(t).Header {
				if len(values) > 0 && values[0] == "forged" {
					t.Errorf("%s reached the site", header)
				}
			}
		})
	}
}
