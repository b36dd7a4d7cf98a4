package main

import (
	"fmt"
	"strings"
)

// What the sites have in their configurations, and what they are asked for.

const (
	appID     = "990602627938098"
	appSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	username  = "jayposiris"
	cookie    = "__Host-Http-instagram_auth"
	host      = "example.test"

	publicPath  = "/public/page"
	privatePath = "/private/page"
)

// request returns a GET as a browser sends it. All contestants get the same lines, apart
// from what makes the difference.
func request(host, path string, more ...string) []byte {
	lines := []string{
		"GET " + path + " HTTP/1.1",
		"Host: " + host,
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"Accept-Language: en-GB,en;q=0.9",
	}
	if len(more) == 0 || more[0] != byScript[0] {
		lines = append(lines, byLink...)
	}
	lines = append(lines, more...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// The two ways to ask for a page, for those who tell them apart.
var (
	byLink   = []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	byScript = []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}
)

// foreignCookies are those that other programs of a site have in each request.
func foreignCookies(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "_ga_%02d=GA1.2.12345678.1234567%03d; ", i, i)
	}
	return all.String()
}

// instagramAuth is the handler's block. It protects what the matcher matches.
func (b *bench) instagramAuth(matcher, app, host string) string {
	return fmt.Sprintf(` instagram_auth %s {
  app_id %s
  app_secret %s
  redirect_uri https://%s/auth/
  endpoints http://%s
 }
`, matcher, app, appSecret, host, b.instagram.address)
}

// proxy hands requests on to the site behind.
func (b *bench) proxy() string { return " reverse_proxy " + b.site.address + "\n" }

// respondOK answers without a site behind. What is measured before it drowns in less noise.
const respondOK = " respond ok\n"

// startInstagram runs the simulator in a process of its own, so that its CPU time is
// known by itself.
func (b *bench) startInstagram() (err error) {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	b.instagram, err = b.caddy("simulator", b.binary, fmt.Sprintf(`http://:%s {
 instagram_simulator {
  app_id %s
  app_secret %s
  redirect_uri https://%s/auth/
  mode live
  auto_allow %s
 }
}
`, portOf(address), appID, appSecret, host, username), address)
	return err
}
