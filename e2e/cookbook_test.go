package e2e

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The cookbook's recipes, made as they are written: Caddyfiles and programs come from the
// page, and only ports, folders and Instagram's address are others.

// recipe is what the page has under one heading.
type recipe struct {
	caddyfile string
	files     map[string]string // by name
}

var recipeFence = regexp.MustCompile("(?ms)^```([a-z]+) ?([^\n]*)\n(.*?)^```$")

// readCookbook returns the recipes by their headings.
func readCookbook(t *testing.T) map[string]recipe {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "cookbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	recipes := make(map[string]recipe)
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		r := recipe{files: make(map[string]string)}
		for _, block := range recipeFence.FindAllStringSubmatch(text, -1) {
			if block[1] == "caddyfile" {
				r.caddyfile += block[3]
			} else {
				r.files[block[2]] = block[3]
			}
		}
		recipes[heading] = r
	}
	return recipes
}

func TestTheCookbook(t *testing.T) {
	recipes := readCookbook(t)
	for _, heading := range slices.Sorted(maps.Keys(stories)) {
		if recipes[heading].caddyfile == "" {
			t.Errorf("a story without a recipe: %s", heading)
			continue
		}
		t.Run(heading, func(t *testing.T) { stories[heading](newKitchen(t, recipes[heading])) })
	}
	for heading := range recipes {
		if stories[heading] == nil {
			t.Errorf("a recipe without a story: %s", heading)
		}
	}
}

// kitchen makes one recipe.
type kitchen struct {
	*testing.T
	recipe     recipe
	instagrams []string // an Instagram for each block of the Caddyfile
	apps       []string // their IDs
	replaced   []string // in the Caddyfile, from and to
	https      string   // the port of the newest Caddy
	admin      string   // the address of its admin endpoint, "" for none
	caddy      *process
}

const studioID = appID + "1"

func newKitchen(t *testing.T, r recipe) *kitchen {
	k := &kitchen{T: t, recipe: r, apps: []string{appID, studioID}}
	uris := regexp.MustCompile(`https://[a-z./_]+/(?:studio_)?auth/`).FindAllString(r.caddyfile, -1)
	for i := range strings.Count(r.caddyfile, "app_id ") {
		k.instagrams = append(k.instagrams, startAutoInstagram(t, k.apps[i], uris))
	}
	return k
}

// startAutoInstagram runs a simulated Instagram in whose window somebody presses Allow at
// once.
func startAutoInstagram(t *testing.T, app string, uris []string) (address string) {
	t.Helper()
	port := freePort(t)
	startCaddy(t, fmt.Sprintf("{\nadmin off\nauto_https off\n}\nhttp://localhost:%s {\ninstagram_simulator {\napp_id %s\napp_secret %s\nredirect_uri %s\nauto_allow %s\n}\n}",
		port, app, appSecret, strings.Join(uris, " "), username), nil, "127.0.0.1:"+port)
	return "http://localhost:" + port
}

// replace has something of the Caddyfile be something else.
func (k *kitchen) replace(from, to string) {
	k.Helper()
	if !strings.Contains(k.recipe.caddyfile, from) {
		k.Fatalf("the Caddyfile has no %s", from)
	}
	k.replaced = append(k.replaced, from, to)
}

// write puts the recipe's files into a folder, which takes the place of the site's.
func (k *kitchen) write() (folder string) {
	k.Helper()
	folder = k.TempDir()
	for name, text := range k.recipe.files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			k.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			k.Fatal(err)
		}
	}
	return folder
}

// node runs the recipe's app.js.
func (k *kitchen) node() {
	k.Helper()
	port := freePort(k.T)
	start(k.T, []string{"PORT=" + port}, "node", filepath.Join(k.write(), "app.js")).waitFor("127.0.0.1:" + port)
	k.replace("localhost:3000", "127.0.0.1:"+port)
}

// serve has a handler of the test be the app.
func (k *kitchen) serve(handler http.HandlerFunc) {
	k.Helper()
	k.replace("localhost:3000", serve(k.T, handler))
}

// whoIsThere is an app that says whom it was told the visitor is.
func whoIsThere(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "%s: [%s|%s]", r.URL.Path, r.Header.Get("X-Instagram-User-Id"), r.Header.Get("X-Instagram-Username"))
}

// cook runs Caddy with the recipe's Caddyfile, and waits until it can be visited.
func (k *kitchen) cook() {
	k.Helper()
	k.start()
	for _, host := range k.hosts() { // each gets a certificate of its own, one after the other
		k.caddy.waitUntil("a certificate of "+host, func() bool {
			connection, err := tls.Dial("tcp", "127.0.0.1:"+k.https, &tls.Config{ServerName: host, InsecureSkipVerify: true})
			if err == nil {
				_ = connection.Close()
			}
			return err == nil
		})
	}
}

// siteAddresses matches the addresses in front of a site's block.
var siteAddresses = regexp.MustCompile(`(?m)^([a-z].*) \{$`)

// hosts returns the hosts that the recipe serves by https.
func (k *kitchen) hosts() (hosts []string) {
	for _, line := range siteAddresses.FindAllStringSubmatch(k.recipe.caddyfile, -1) {
		for _, address := range strings.FieldsFunc(line[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if strings.HasSuffix(address, "example.com") && !strings.HasPrefix(address, "http://") {
				hosts = append(hosts, address)
			}
		}
	}
	return hosts
}

func (k *kitchen) start() {
	k.Helper()
	text := strings.NewReplacer(k.replaced...).Replace(k.recipe.caddyfile)
	for _, instagram := range k.instagrams { // for the first block that has none yet
		text = regexp.MustCompile(`(?m)^\t+app_id `).ReplaceAllStringFunc(text, func(option string) string {
			if instagram == "" {
				return option
			}
			option = "endpoints " + instagram + "\n app_id " // with a space, so that the next one is for the next block
			instagram = ""
			return option
		})
	}
	k.https = freePort(k.T)
	global := fmt.Sprintf("admin %s\nskip_install_trust\nlocal_certs\nhttp_port %s\nhttps_port %s\nauto_https disable_redirects\n", cmp.Or(k.admin, "off"), freePort(k.T), k.https)
	if rest, ok := strings.CutPrefix(text, "{\n"); ok {
		text = "{\n" + global + rest
	} else {
		text = "{\n" + global + "}\n" + text
	}
	k.caddy = startCaddy(k.T, text, []string{
		"INSTAGRAM_APP_ID=" + appID, "INSTAGRAM_APP_SECRET=" + appSecret, "INSTAGRAM_SESSION_SECRET=" + strings.Repeat("5e55104", 6),
		"STUDIO_APP_ID=" + studioID, "STUDIO_APP_SECRET=" + appSecret,
	})
}

// guest is a visitor with a browser that finds the recipe's hosts on this machine.
type guest struct {
	k      *kitchen
	client *http.Client
	port   string // of the Caddy that they come to
}

func (k *kitchen) guest() *guest { return k.guestFrom("") }

// guestFrom is a guest with an address of their own, on the loopback network.
func (k *kitchen) guestFrom(address string) *guest {
	k.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.Fatal(err)
	}
	g := &guest{k: k, port: k.https}
	dialer := new(net.Dialer)
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if strings.HasSuffix(to, ":443") {
				to = "127.0.0.1:" + g.port
			}
			return dialer.DialContext(ctx, network, to)
		},
	}
	k.Cleanup(transport.CloseIdleConnections)
	g.client = &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}
	return g
}

// copy is somebody who has a copy of the guest's cookies.
func (g *guest) copy() *guest {
	g.k.Helper()
	other, site := g.k.guest(), &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	other.port = g.port
	other.client.Jar.SetCookies(site, g.client.Jar.Cookies(site))
	return other
}

// get goes to an address, through all redirects, as a person does, and returns status and
// text with a space between.
func (g *guest) get(address string, headers ...string) string {
	g.k.Helper()
	return g.ask(http.MethodGet, address, append([]string{"Accept", "text/html"}, headers...)...)
}

// fetch is get by a script.
func (g *guest) fetch(address string, headers ...string) string {
	g.k.Helper()
	return g.ask(http.MethodGet, address, append([]string{"Accept", "application/json"}, headers...)...)
}

// logout presses the button.
func (g *guest) logout() {
	g.k.Helper()
	g.ask(http.MethodPost, "https://example.com/instagram_auth/logout", "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded")
}

func (g *guest) ask(method, address string, headers ...string) string {
	g.k.Helper()
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		g.k.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := g.client.Do(request)
	if err != nil {
		g.k.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.k.Fatal(err)
	}
	return fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(text)))
}

// want fails the test unless an answer begins with a text.
func (k *kitchen) want(what, got, want string) {
	k.Helper()
	if !strings.HasPrefix(got, want) {
		k.Errorf("%s: %.400q, want %q", what, got, want)
	}
}

// tab is a real browser that finds the recipe's hosts on this machine.
func (k *kitchen) tab() context.Context {
	k.Helper()
	return newBrowser(k.T, "", chromedp.Flag("host-resolver-rules", "MAP example.com:443 127.0.0.1:"+k.https))
}

// forged are headers that a client makes up.
var forged = []string{"X-Instagram-User-Id", "1", "X-Instagram-Username", "admin", "X_Instagram_User_Id", "1"}

// runGo builds and runs the recipe's main.go.
func (k *kitchen) runGo() {
	k.Helper()
	port, program := freePort(k.T), filepath.Join(k.TempDir(), "app")
	if out, err := exec.Command("go", "build", "-o", program, filepath.Join(k.write(), "main.go")).CombinedOutput(); err != nil {
		k.Fatalf("%v\n%s", err, out)
	}
	start(k.T, []string{"PORT=" + port}, program).waitFor("127.0.0.1:" + port)
	k.replace("localhost:3000", "127.0.0.1:"+port)
}
