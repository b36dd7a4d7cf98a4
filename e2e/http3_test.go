package e2e

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

func TestH1_OverHTTP3(t *testing.T) {
	s := startSite(t, "/private*", "", `respond "{http.request.proto}|{http.request.header.X-Instagram-User-Id}|{http.request.header.X-Instagram-Username}|{http.request.header.Cookie}"`)
	transport := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // a certificate of this very test
	defer transport.Close()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for cookie, want := range map[string]string{"a=1": "HTTP/3.0|||a=1", "a=1; " + sessionFor(t): "HTTP/3.0|" + userID + "|" + username + "|a=1"} {
		request, err := http.NewRequest(http.MethodGet, s.origin+"/public", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"X-Instagram-User-Id", "X-Instagram-Username", "x_instagram_user_id"} {
			request.Header.Set(name, "forged")
		}
		request.Header.Set("Cookie", cookie)
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, answer); got != want {
			t.Errorf("the site got %q, want %q", got, want)
		}
	}
}
