package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os/exec"
	"strings"
)

// What the sites have in their configurations, and what they are asked for.
const (
	appID     = "990602627938098"
	appSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	userID    = "17841405793187218"
	username  = "jayposiris"
	cookie    = "__Host-Http-instagram_auth"
	host      = "example.test"

	publicPath  = "/public/page"
	privatePath = "/private/page"
	echoPath    = "/echo" // where the site behind answers with the request as it arrived
)

// contestant is one row of a table: a server, and a request that is sent to it again and
// again.
type contestant struct {
	name string
	site string // what stands in its site's block
	target
	// shows and hides are what the site behind must see, and must not, of a request.
	shows, hides string

	server *server
	visits task // what is measured instead of one request
	rounds []round
	allocs allocations
}

// The two contestants that all others are compared with.
const (
	bareRespond = "respond"
	bareProxy   = "reverse_proxy"
)

// contestants returns those of the table.
func (b *bench) contestants(hash string) []*contestant {
	good, bad := []string{"Cookie: " + b.session}, []string{"Cookie: " + forge(b.session)}
	auth, open := b.instagramAuth("/private*", appID, host), b.proxy()
	basic := " basic_auth {\n  bench " + hash + "\n }\n"
	forward := fmt.Sprintf(" forward_auth %s {\n  uri /verify\n  copy_headers Remote-User\n }\n", b.site)
	headers := fmt.Sprintf(" reverse_proxy %s {\n  header_up X-Instagram-User-Id %s\n  header_up X-Instagram-Username %s\n }\n", b.site, userID, username)
	page := func(headers ...string) target {
		return target{path: privatePath, headers: headers, status: http.StatusOK}
	}
	public := func(headers ...string) target {
		return target{path: publicPath, headers: headers, status: http.StatusOK}
	}
	password := page("Authorization: Basic YmVuY2g6YmVuY2htYXJr")
	script := target{path: privatePath, headers: []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, status: http.StatusUnauthorized}
	const identity, none = "X-Instagram-Username: " + username, "X-Instagram-"
	return []*contestant{
		{name: bareRespond, site: respondOK, target: page()},
		{name: bareProxy, site: open, target: page(), hides: none},
		{name: bareProxy + ", once more", site: open, target: page(), hides: none},
		{name: bareProxy + " with two header_up", site: headers, target: page(), shows: identity},
		{name: "basic_auth", site: basic + open, target: password},
		{name: "forward_auth to the least authorizer", site: forward + open, target: page(good...), shows: "Remote-User: " + username},
		{name: "basic_auth, respond behind", site: basic + respondOK, target: password},
		{name: "forward_auth, respond behind", site: forward + respondOK, target: page(good...)},
		{name: "instagram_auth, anonymous on a public path", site: auth + open, target: public(), hides: none},
		{name: "instagram_auth, signed in", site: auth + open, target: page(good...), shows: identity, hides: cookie},
		{name: "instagram_auth, signed in, 20 foreign cookies", site: auth + open, target: page("Cookie: " + foreignCookies(20) + b.session), shows: identity, hides: cookie},
		{name: "instagram_auth, forged cookie on a public path", site: auth + open, target: public(bad...), hides: none},
		{name: "instagram_auth, signed in, respond behind", site: auth + respondOK, target: page(good...)},
		{name: "instagram_auth, unauthenticated API call (401)", site: auth + open, target: script},
		{name: "instagram_auth, unauthenticated navigation (302)", site: auth + open, target: target{path: privatePath, status: http.StatusFound}},
	}
}

// instagramAuth is the handler's block. It protects what the matcher matches.
func (b *bench) instagramAuth(matcher, app, host string, more ...string) string {
	return fmt.Sprintf(" instagram_auth %s {\n  app_id %s\n  app_secret %s\n  redirect_uri https://%s/auth/\n  endpoints http://%s\n%s\n }\n",
		matcher, app, appSecret, host, b.instagram.address, strings.Join(more, "\n"))
}

// proxy hands requests on to the site behind.
func (b *bench) proxy() string { return " reverse_proxy " + b.site + "\n" }

// respondOK answers without a site behind. What is measured before it drowns in less noise.
const respondOK = " respond ok\n"

// siteWith is a configuration with one site.
func siteWith(handlers string) func(port string) string {
	return func(port string) string { return "http://:" + port + " {\n" + handlers + "}\n" }
}

// startSite starts the site behind the proxies, which is the authorizer of forward_auth, too.
// It does little: what it costs is not what is measured, but it takes its share of the same
// cores.
func startSite() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case echoPath:
			request, _ := httputil.DumpRequest(r, false)
			_, _ = w.Write(request)
		case "/verify":
			w.Header().Set("Remote-User", username)
		default:
			_, _ = w.Write([]byte("ok"))
		}
	}))
}

// startInstagram runs the simulator in a process of its own, so that its CPU time is known
// by itself.
func (b *bench) startInstagram() (err error) {
	b.instagram, err = b.start(config{binary: b.binary, sites: siteWith(fmt.Sprintf(
		" instagram_simulator {\n  app_id %s\n  app_secret %s\n  redirect_uri https://%s/auth/\n  mode live\n  auto_allow %s\n }\n", appID, appSecret, host, username))})
	return err
}

// foreignCookies are those that other programs of a site have in each request.
func foreignCookies(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "_ga_%02d=GA1.2.12345678.1234567%03d; ", i, i)
	}
	return all.String()
}

// forge returns a session cookie with one character changed, where every bit of it counts.
func forge(session string) string {
	forged := []byte(session)
	at := len(forged) - len(forged)/4
	if forged[at] = 'A'; session[at] == 'A' {
		forged[at] = 'B'
	}
	return string(forged)
}

// hashPassword has Caddy make the hash for basic_auth, the cheapest there is: with its cache
// on, it is computed once.
func (b *bench) hashPassword() (string, error) {
	out, err := exec.CommandContext(b.ctx, b.binary, "hash-password", "--plaintext", "benchmark", "--algorithm", "bcrypt", "--bcrypt-cost", "4").Output()
	return strings.TrimSpace(string(out)), err
}

// enter starts the contestants that the options ask for.
func (b *bench) enter() error {
	hash, err := b.hashPassword()
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	for _, c := range b.contestants(hash) {
		// All others are compared with these two.
		if base := c.name == bareRespond || c.name == bareProxy; !base && !b.only.MatchString(c.name) {
			continue
		}
		if err := b.open(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		b.entered = append(b.entered, c)
	}
	if b.only.MatchString("logins") {
		return b.startLogins()
	}
	return nil
}

// open starts a contestant and checks that it does what its name says: with its request, and
// with one to where the site behind tells what has reached it.
func (b *bench) open(c *contestant) (err error) {
	if c.server, err = b.start(config{binary: b.binary, sites: siteWith(c.site)}); err != nil {
		return err
	}
	c.address = c.server.address
	if _, err := c.askOnce(b.ctx); err != nil || c.shows == "" && c.hides == "" {
		return err
	}
	echo, err := target{c.address, echoPath, c.headers, http.StatusOK}.askOnce(b.ctx)
	switch {
	case err != nil:
		return err
	case !bytes.Contains(echo, []byte(c.shows)):
		return fmt.Errorf("the site behind does not get %q", c.shows)
	case c.hides != "" && bytes.Contains(echo, []byte(c.hides)):
		return fmt.Errorf("the site behind gets %q", c.hides)
	}
	return nil
}
