package e2e

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Real routers stand behind Caddy with path matchers in front, and judge: if one of them takes an
// address for a protected page, without a session, the matcher and the site have read it
// differently.

//go:embed routers/spellings.txt
var knownSpellings string

//go:embed routers/index.php
var routersInPHP string

// matchersOfPaths protect /members, or everything but /public/. Each stands in a site of its own.
var matchersOfPaths = []struct {
	name, matcher string
	allBut        bool
}{
	{"path", `path /members*`, false},
	{"path_regexp", `path_regexp (?i)^/members`, false},
	{"expression", "expression `{path}.lowerAscii().startsWith('/members')`", false},
	{"not path", `not path /public/*`, true},
	{"not path in an expression", "expression `!path('/public/*')`", true},
}

// startRouters runs all sites and returns Caddy's directive that leads to each.
func startRouters(t *testing.T) map[string]string {
	t.Helper()
	if _, err := os.Stat("routers/express/node_modules/express"); err != nil {
		t.Fatalf("%v: run npm ci in e2e/routers/express", err)
	}
	if _, err := os.Stat("/usr/share/php/Symfony/Component/Routing/autoload.php"); err != nil {
		t.Fatalf("%v: the project's test script installs it", err)
	}
	ports := []string{freePort(t), freePort(t), freePort(t)}
	node := start(t, nil, "node", append([]string{filepath.Join("routers", "express", "server.js")}, ports...)...)
	for _, port := range ports {
		node.waitFor("127.0.0.1:" + port)
	}
	socket, root := startPHP(t, routersInPHP)
	return map[string]string{
		"express 5": "reverse_proxy 127.0.0.1:" + ports[0],
		"express 4": "reverse_proxy 127.0.0.1:" + ports[1],
		"url":       "reverse_proxy 127.0.0.1:" + ports[2],
		"php":       "root " + root + "\nphp_fastcgi unix/" + socket,
		"servemux":  "reverse_proxy " + serve(t, serveMux()),
		"echo":      "reverse_proxy " + serve(t, http.HandlerFunc(echoRoutes)),
	}
}

func serveMux() http.Handler {
	mux := http.NewServeMux()
	for pattern, name := range map[string]string{"/members": "secret", "/members/": "secret", "/members/files/{id}": "secret", "/public/": "public", "/": "other"} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Routes", "servemux="+name) })
	}
	return mux
}

// echoRoutes is a site that takes addresses as they come.
func echoRoutes(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(strings.ToLower(r.RequestURI), "?")
	w.Header().Set("X-Routes", "raw="+routeOf(path)+" decoded="+routeOf(strings.ToLower(r.URL.Path)))
}

func routeOf(path string) string {
	for prefix, name := range map[string]string{"/members": "secret", "/public": "public"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return name
		}
	}
	return "other"
}

// spellings returns ways to write addresses of the sites: those that are known from bug reports,
// and combinations of their parts.
func spellings(n int, seed uint64) (all []string) {
	for line := range strings.Lines(knownSpellings) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "# ") {
			all = append(all, line)
		}
	}
	parts := strings.Fields(`members members members public public files x 1 . .. .. ... %2e %2e%2e .%2e %2E. %252e%252e ..; .; ..%00 ..%20 index.php index.php INDEX.php x.php index%2ephp
		%6dembers Members MEMBERS %256dembers members; members;x=1 members%3b members%00 members%23 members%3f members%20 %00members %70ublic public; public%00 public%2e a%2fb a%5cb ;x %3b 100%25 caf%C3%A9 caf%E9`)
	joints := strings.Fields(`/ / / / / / // /// /./ %2f %2F %5c \ %252f /; /.; ;/ /%2e/ %00/ %3f/ %23/`)
	random := rand.New(rand.NewPCG(seed, 1))
	for len(all) < n {
		var b strings.Builder
		b.WriteString("/")
		for i := range 1 + random.IntN(6) {
			if i > 0 {
				b.WriteString(joints[random.IntN(len(joints))])
			}
			b.WriteString(parts[random.IntN(len(parts))])
		}
		if random.IntN(4) == 0 {
			b.WriteString([]string{"/", "/..", "//", "/%2e%2e", "?x=/public/a", ";", "%00", "/."}[random.IntN(8)])
		}
		all = append(all, b.String())
	}
	return all
}

func TestN7_A4_RoutersAndMatchersReadAnAddressAlike(t *testing.T) {
	routers := startRouters(t)
	var config strings.Builder
	config.WriteString("{\nadmin off\nauto_https off\n}\n")
	sites := make(map[[2]string]string)
	for router, handler := range routers {
		for _, m := range matchersOfPaths {
			port := freePort(t)
			sites[[2]string{router, m.name}] = "127.0.0.1:" + port
			fmt.Fprintf(&config, "http://:%s {\n@needed %s\ninstagram_auth @needed {\napp_id %s\napp_secret %s\nredirect_uri https://example.test/auth/\n}\n%s\n}\n", port, m.matcher, appID, appSecret, handler)
		}
	}
	addresses := make([]string, 0, len(sites))
	for _, address := range sites {
		addresses = append(addresses, address)
	}
	startCaddy(t, config.String(), nil, addresses...)
	all := spellings(700, 7)
	var judges sync.WaitGroup
	places := make(chan struct{}, 4)
	for router := range routers {
		for _, m := range matchersOfPaths {
			judges.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				judge(t, router+" behind "+m.name, sites[[2]string{router, m.name}], all, m.allBut)
			})
		}
	}
	judges.Wait()
}

// judge sends every spelling to a site, without a session.
func judge(t *testing.T, name, address string, all []string, allBut bool) {
	c := &rawClient{address: address}
	defer c.close()
	public, members := "/public/a", "/members/files/1"
	if routes, err := c.routes(public, ""); err != nil || !strings.Contains(routes, "=public") {
		t.Errorf("%s: %s is %q, %v", name, public, routes, err)
	}
	if routes, err := c.routes(members, sessionFor(t)); err != nil || !strings.Contains(routes, "=secret") {
		t.Errorf("%s: with a session %s is %q, %v", name, members, routes, err)
	}
	reached, failures := 0, 0
	for _, target := range all {
		routes, err := c.routes(target, "")
		if err != nil {
			t.Errorf("%s: %s: %v", name, target, err)
			return
		}
		if routes != "" {
			reached++
		}
		if opens(target, routes, allBut) {
			t.Errorf("%s: %s is open: %s", name, target, routes)
			if failures++; failures == 20 {
				return
			}
		}
	}
	if reached == 0 {
		t.Errorf("%s: no spelling has reached the site", name)
	}
}

// opens reports whether a site shows something protected. Two limits are named in the docs. Where
// a matcher says what is public, two slashes at the beginning are one slash, whatever the site
// takes them for. And Caddy's path matchers ignore the case of letters.
func opens(target, routes string, allBut bool) bool {
	if !allBut {
		return strings.Contains(routes, "=secret")
	}
	decoded, err := url.PathUnescape(target)
	if err != nil {
		decoded = target
	}
	for route := range strings.FieldsSeq(routes) {
		router, place, _ := strings.Cut(route, "=")
		switch {
		case strings.HasPrefix(target, "//") && (router == "url" || router == "url-decoded" || router == "parse-url"):
		case place == "secret":
			return true
		case place == "other" && !strings.HasPrefix(target, "//") && !strings.Contains(decoded, "PUBLIC"):
			return true
		}
	}
	return false
}

// rawClient sends request lines just as they are, over one connection.
type rawClient struct {
	address    string
	connection net.Conn
	reader     *bufio.Reader
}

func (c *rawClient) close() {
	if c.connection != nil {
		_ = c.connection.Close()
		c.connection = nil
	}
}

// routes asks for a target and returns what the routers took it for, "" if they have not been
// asked.
func (c *rawClient) routes(target, cookies string) (string, error) {
	var err error
	for range 3 { // a connection that the server has just closed is no answer
		var answer *http.Response
		if answer, err = c.ask(target, cookies); err == nil {
			return answer.Header.Get("X-Routes"), nil
		}
		c.close()
	}
	return "", err
}

func (c *rawClient) ask(target, cookies string) (*http.Response, error) {
	if c.connection == nil {
		connection, err := net.Dial("tcp", c.address)
		if err != nil {
			return nil, err
		}
		c.connection, c.reader = connection, bufio.NewReader(connection)
	}
	if _, err := io.WriteString(c.connection, "GET "+target+" HTTP/1.1\r\nHost: example.test\r\nAccept: text/html\r\nCookie: "+cookies+"\r\n\r\n"); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.Close {
		c.close()
	}
	return answer, err
}
