package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// TestH1_RoutesBesideTheBlockAreCleanWithTheNewestCaddy guards what no interface of Caddy's
// promises: that the matchers of a server's first route see each request, and that a handler
// may still add to them while it is provisioned.
func TestH1_RoutesBesideTheBlockAreCleanWithTheNewestCaddy(t *testing.T) {
	port := freePort(t)
	site := "localhost:" + port
	p := startCaddy(t, fmt.Sprintf(`{
		admin off
		skip_install_trust
		http_port %s
		auto_https disable_redirects
	}
	https://other.localhost:%s {
		tls internal
		respond "other:{http.request.header.X-Instagram-User-Id}"
	}
	https://%s {
		tls internal
		handle /public/* {
			respond "{http.request.proto}|{http.request.header.X-Instagram-User-Id}|{http.request.header.x~instagram~user~id}"
		}
		handle {
			instagram_auth {
				app_id %s
				app_secret %s
				redirect_uri https://%s/auth/
			}
			respond members
		}
	}`, freePort(t), port, site, appID, appSecret, site), nil, "127.0.0.1:"+port)
	p.waitUntil("a certificate", func() bool {
		connection, err := tls.Dial("tcp", site, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	insecure := &tls.Config{InsecureSkipVerify: true} // a certificate of this very test
	three := &http3.Transport{TLSClientConfig: insecure.Clone()}
	defer three.Close()
	one := &http.Transport{TLSClientConfig: insecure.Clone(), Protocols: new(http.Protocols)}
	one.Protocols.SetHTTP1(true)
	two := &http.Transport{TLSClientConfig: insecure.Clone(), ForceAttemptHTTP2: true}
	for protocol, transport := range map[string]http.RoundTripper{"HTTP/1.1": one, "HTTP/2.0": two, "HTTP/3.0": three} {
		client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
		for host, want := range map[string]string{site: protocol + "||", "other.localhost:" + port: "other:1"} {
			request, err := http.NewRequest(http.MethodGet, "https://"+site+"/public/page", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			request.Header["X-Instagram-User-Id"] = []string{"1"}
			request.Header["X~instagram~user~id"] = []string{"1"}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatalf("%s: %v", protocol, err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || string(body) != want {
				t.Errorf("%s, %s: %q, %v, want %q", protocol, host, body, err, want)
			}
		}
	}
}
