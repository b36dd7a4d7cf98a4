package instagramauth_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The tests of this package run a real Caddy in their own process and talk to it
// over loopback sockets. In front of the test sites stands nothing, so they speak
// plain HTTP, but the browser believes in https://example.test: this is a site
// behind a TLS proxy, and cookies follow the redirect URI's scheme.

const (
	origin      = "https://example.test"
	host        = "example.test"
	callback    = "/auth/"
	redirectURI = origin + callback
	appID       = "990602627938098"
	appSecret   = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

	sessionCookie = "__Host-Http-instagram_auth"

	// A user of the simulator, as every test knows them.
	userID      = "17841405793187218"
	appScopedID = "25025320793187218"
	username    = "jayposiris"
)

// site is a running Caddy with instagram_auth in front of an upstream that
// records what reaches it, and a simulated Instagram.
type site struct {
	t         *testing.T
	addr      string
	instagram *simulator.Simulator
	endpoints string
	upstream  *upstream
	logFile   string
	storage   string // Caddy's, a folder of this site's own

	browsers   sync.Mutex        // for transports: browsers may be made side by side
	transports []*http.Transport // of its browsers
}

// siteConfig says what differs from the usual site. The zero value protects
// everything and has only the required options.
type siteConfig struct {
	matcher string        // of the directive
	options string        // further lines of the block
	before  string        // lines of the site in front of the block
	after   string        // instead of the reverse_proxy behind it; {upstream} stands for its address
	block   string        // instead of the whole block; {endpoints} stands for the simulator's address
	extra   string        // further sites
	global  string        // further global options
	api     instagram.API // default: instagram.InstagramLogin
	window  string        // who presses Allow; default: username, "-" for nobody
	testers []string      // not nil: the app is in development mode
	users   []simulator.User
	shape   simulator.TokenShape
	now     func() time.Time // of Instagram; default: time.Now

	simulate func(*simulator.Config) // changes the simulated Instagram

	storage       string   // module of Caddy's storage, which takes a folder; default: file_system
	admin         string   // address of the admin endpoint; default: none
	redirects     []string // further redirect URIs that are registered with Instagram
	tokenEndpoint string   // instead of the simulator's
	logFilter     string   // format of both logs; default: json
}

func users() []simulator.User {
	return []simulator.User{
		{ID: userID, AppScopedID: appScopedID, Username: username, AccountType: "Business", Name: "Jay Posiris", MediaCount: 3},
		{ID: "17841405822304914", AppScopedID: "25025320822304914", Username: "maria.sees", AccountType: "Media_Creator", Name: "María"},
		{ID: "17841405822304915", AppScopedID: "25025320822304915", Username: "maria.saw", AccountType: "Business", Name: "Maria Saw"},
	}
}

// newInstagram starts a simulated Instagram and returns its base URL.
func newInstagram(t *testing.T, c siteConfig) (*simulator.Simulator, string) {
	t.Helper()
	if c.api == "" {
		c.api = instagram.InstagramLogin
	}
	if c.users == nil {
		c.users = users()
	}
	if c.window == "" {
		c.window = username
	}
	config := simulator.Config{
		App: simulator.App{
			ID: appID, Secret: appSecret, RedirectURIs: append([]string{redirectURI, "https://other.test/auth/", "https://example.test/second/"}, c.redirects...),
			API: c.api, Live: c.testers == nil, Testers: c.testers, Name: "Test site",
		},
		Users:      c.users,
		TokenShape: c.shape,
		AutoAllow:  strings.TrimPrefix(c.window, "-"),
		Now:        c.now,
	}
	if c.simulate != nil {
		c.simulate(&config)
	}
	sim, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	return sim, server.URL
}

// startSite runs Caddy until the end of the test.
func startSite(t *testing.T, c siteConfig) *site {
	t.Helper()
	s := &site{t: t, addr: freeAddr(t), upstream: newUpstream(t), logFile: filepath.Join(t.TempDir(), "caddy.log"), storage: storageDir(t)}
	s.instagram, s.endpoints = newInstagram(t, c)
	s.load(c)
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
	})
	return s
}

// storageDir returns a folder for Caddy's storage. Caddy tidies it up in the background
// and may write into it for a moment after it has stopped, which t.TempDir calls a
// failure.
func storageDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s cannot be removed", dir)
	})
	return dir
}

// restart stops Caddy and starts it again, as another process with the same storage.
func (s *site) restart(c siteConfig) {
	s.t.Helper()
	if err := caddy.Stop(); err != nil {
		s.t.Fatalf("stopping Caddy: %v", err)
	}
	s.load(c)
}

// load gives Caddy the configuration, as at a start or a reload.
func (s *site) load(c siteConfig) {
	s.t.Helper()
	config, err := adapt(s.caddyfile(c))
	if err != nil {
		s.t.Fatalf("adapting: %v", err)
	}
	if err := caddy.Load(config, true); err != nil {
		s.t.Fatalf("loading: %v", err)
	}
	// The server that has been replaced may go on for a moment with connections that it has.
	s.browsers.Lock()
	defer s.browsers.Unlock()
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
}

func (s *site) caddyfile(c siteConfig) string {
	block := c.block
	if block == "" {
		block = strings.Replace(defaultBlock(c.options), "instagram_auth", "instagram_auth "+c.matcher, 1)
	}
	if c.tokenEndpoint != "" {
		block = strings.Replace(block, "endpoints {endpoints}", "endpoints {\n authorize {endpoints}/oauth/authorize\n token "+c.tokenEndpoint+"\n graph {endpoints}\n}", 1)
	}
	format := c.logFilter
	if format == "" {
		format = "format json"
	}
	after := c.after
	if after == "" {
		after = "reverse_proxy {upstream}"
	}
	return strings.NewReplacer("{endpoints}", s.endpoints, "{upstream}", s.upstream.addr, "{addr}", s.addr, "{port}", port(s.addr)).Replace(fmt.Sprintf(`{
		admin %s
		auto_https off
		persist_config off
		storage %s %s
		log default {
			output file %s
			level DEBUG
			%s
		}
		%s
	}
	http://:%s {
		log {
			output file %s
			%s
		}
		%s
		%s
		%s
	}
	%s`, cmp.Or(c.admin, "off"), cmp.Or(c.storage, "file_system"), s.storage, s.logFile, format, c.global, port(s.addr), s.logFile+".access", format, c.before, block, after, c.extra))
}

// defaultBlock is the block of a site with the required options.
func defaultBlock(options string) string {
	return fmt.Sprintf(`instagram_auth {
		app_id %s
		app_secret %s
		redirect_uri %s
		endpoints {endpoints}
		%s
	}`, appID, appSecret, redirectURI, options)
}

func adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// logs returns everything that Caddy has logged so far.
func (s *site) logs() string {
	s.t.Helper()
	var all []byte
	for _, name := range []string{s.logFile, s.logFile + ".access"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
		all = append(all, content...)
	}
	return string(all)
}

// logged returns the log lines with this message, decoded.
func (s *site) logged(message string) (lines []map[string]any) {
	s.t.Helper()
	for line := range strings.Lines(s.logs()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			lines = append(lines, entry)
		}
	}
	return lines
}

// nextPort counts through ports below those that systems give to outgoing connections:
// one of those could be taken between the choice of a port and its use.
var nextPort atomic.Int32

func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := 20_000 + (int32(os.Getpid())*37+nextPort.Add(1))%12_000
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			_ = listener.Close()
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// upstream is a site behind Caddy that records the requests that reach it.
type upstream struct {
	addr string

	mu       sync.Mutex
	requests []*http.Request
	answer   http.HandlerFunc
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.addr = server.Listener.Addr().String()
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := new(bytes.Buffer)
	_, _ = body.ReadFrom(r.Body)
	u.mu.Lock()
	u.requests = append(u.requests, r.Clone(r.Context()))
	answer := u.answer
	u.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	fmt.Fprintf(w, "hello %s", r.Header.Get("X-Instagram-Username"))
}

// respond changes what the upstream answers.
func (u *upstream) respond(answer http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// count returns how many requests have reached the upstream.
func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.requests)
}

// all returns the requests that have reached the upstream.
func (u *upstream) all() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// last returns the last request that reached the upstream.
func (u *upstream) last(t *testing.T) *http.Request {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.requests) == 0 {
		t.Fatal("nothing has reached the upstream")
	}
	return u.requests[len(u.requests)-1]
}
