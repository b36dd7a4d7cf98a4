package sitetest

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
	Origin      = "https://example.test"
	Host        = "example.test"
	Callback    = "/auth/"
	RedirectURI = Origin + Callback
	AppID       = "990602627938098"
	AppSecret   = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

	SessionCookie = "__Host-Http-instagram_auth"

	// A user of the simulator, as every test knows them.
	UserID      = "17841405793187218"
	AppScopedID = "25025320793187218"
	Username    = "jayposiris"
)

// site is a running Caddy with instagram_auth in front of an upstream that
// records what reaches it, and a simulated Instagram.
type Site struct {
	T         *testing.T
	Addr      string
	Instagram *simulator.Simulator
	Endpoints string
	Upstream  *Upstream
	LogFile   string
	Storage   string // Caddy's, a folder of this site's own

	browsers   sync.Mutex        // for transports: browsers may be made side by side
	transports []*http.Transport // of its browsers
}

// siteConfig says what differs from the usual site. The zero value protects
// everything and has only the required options.
type Config struct {
	Matcher string        // of the directive
	Options string        // further lines of the block
	Before  string        // lines of the site in front of the block
	After   string        // instead of the reverse_proxy behind it; {upstream} stands for its address
	Block   string        // instead of the whole block; {endpoints} stands for the simulator's address
	Extra   string        // further sites
	Global  string        // further global options
	Api     instagram.API // default: instagram.InstagramLogin
	Window  string        // who presses Allow; default: username, "-" for nobody
	Testers []string      // not nil: the app is in development mode
	Users   []simulator.User
	Shape   simulator.TokenShape
	Now     func() time.Time // of Instagram; default: time.Now

	Simulate func(*simulator.Config) // changes the simulated Instagram

	Storage       string   // module of Caddy's storage, which takes a folder; default: file_system
	Admin         string   // address of the admin endpoint; default: none
	Redirects     []string // further redirect URIs that are registered with Instagram
	TokenEndpoint string   // instead of the simulator's
	LogFilter     string   // format of both logs; default: json
}

func Users() []simulator.User {
	return []simulator.User{
		{ID: UserID, AppScopedID: AppScopedID, Username: Username, AccountType: "Business", Name: "Jay Posiris", MediaCount: 3},
		{ID: "17841405822304914", AppScopedID: "25025320822304914", Username: "maria.sees", AccountType: "Media_Creator", Name: "María"},
		{ID: "17841405822304915", AppScopedID: "25025320822304915", Username: "maria.saw", AccountType: "Business", Name: "Maria Saw"},
	}
}

// newInstagram starts a simulated Instagram and returns its base URL.
func NewInstagram(t *testing.T, c Config) (*simulator.Simulator, string) {
	t.Helper()
	if c.Api == "" {
		c.Api = instagram.InstagramLogin
	}
	if c.Users == nil {
		c.Users = Users()
	}
	if c.Window == "" {
		c.Window = Username
	}
	config := simulator.Config{
		App: simulator.App{
			ID: AppID, Secret: AppSecret, RedirectURIs: append([]string{RedirectURI, "https://other.test/auth/", "https://example.test/second/"}, c.Redirects...),
			API: c.Api, Live: c.Testers == nil, Testers: c.Testers, Name: "Test site",
		},
		Users:      c.Users,
		TokenShape: c.Shape,
		AutoAllow:  strings.TrimPrefix(c.Window, "-"),
		Now:        c.Now,
	}
	if c.Simulate != nil {
		c.Simulate(&config)
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
func Start(t *testing.T, c Config) *Site {
	t.Helper()
	s := &Site{T: t, Addr: FreeAddr(t), Upstream: NewUpstream(t), LogFile: filepath.Join(t.TempDir(), "caddy.log"), Storage: StorageDir(t)}
	s.Instagram, s.Endpoints = NewInstagram(t, c)
	s.Load(c)
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
func StorageDir(t *testing.T) string {
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
func (s *Site) Restart(c Config) {
	s.T.Helper()
	if err := caddy.Stop(); err != nil {
		s.T.Fatalf("stopping Caddy: %v", err)
	}
	s.Load(c)
}

// load gives Caddy the configuration, as at a start or a reload.
func (s *Site) Load(c Config) {
	s.T.Helper()
	config, err := Adapt(s.Caddyfile(c))
	if err != nil {
		s.T.Fatalf("adapting: %v", err)
	}
	if err := caddy.Load(config, true); err != nil {
		s.T.Fatalf("loading: %v", err)
	}
	// The server that has been replaced may go on for a moment with connections that it has.
	s.browsers.Lock()
	defer s.browsers.Unlock()
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
}

func (s *Site) Caddyfile(c Config) string {
	block := c.Block
	if block == "" {
		block = strings.Replace(DefaultBlock(c.Options), "instagram_auth", "instagram_auth "+c.Matcher, 1)
	}
	if c.TokenEndpoint != "" {
		block = strings.Replace(block, "endpoints {endpoints}", "endpoints {\n authorize {endpoints}/oauth/authorize\n token "+c.TokenEndpoint+"\n graph {endpoints}\n}", 1)
	}
	format := c.LogFilter
	if format == "" {
		format = "format json"
	}
	after := c.After
	if after == "" {
		after = "reverse_proxy {upstream}"
	}
	return strings.NewReplacer("{endpoints}", s.Endpoints, "{upstream}", s.Upstream.Addr, "{addr}", s.Addr, "{port}", Port(s.Addr)).Replace(fmt.Sprintf(`{
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
	%s`, cmp.Or(c.Admin, "off"), cmp.Or(c.Storage, "file_system"), s.Storage, s.LogFile, format, c.Global, Port(s.Addr), s.LogFile+".access", format, c.Before, block, after, c.Extra))
}

// defaultBlock is the block of a site with the required options.
func DefaultBlock(options string) string {
	return fmt.Sprintf(`instagram_auth {
		app_id %s
		app_secret %s
		redirect_uri %s
		endpoints {endpoints}
		%s
	}`, AppID, AppSecret, RedirectURI, options)
}

func Adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// logs returns everything that Caddy has logged so far.
func (s *Site) Logs() string {
	s.T.Helper()
	var all []byte
	for _, name := range []string{s.LogFile, s.LogFile + ".access"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			s.T.Fatal(err)
		}
		all = append(all, content...)
	}
	return string(all)
}

// logged returns the log lines with this message, decoded.
func (s *Site) Logged(message string) (lines []map[string]any) {
	s.T.Helper()
	for line := range strings.Lines(s.Logs()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			lines = append(lines, entry)
		}
	}
	return lines
}

func Port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// upstream is a site behind Caddy that records the requests that reach it.
type Upstream struct {
	Addr string

	mu       sync.Mutex
	requests []*http.Request
	Answer   http.HandlerFunc
}

func NewUpstream(t *testing.T) *Upstream {
	u := &Upstream{}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.Addr = server.Listener.Addr().String()
	return u
}

func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := new(bytes.Buffer)
	_, _ = body.ReadFrom(r.Body)
	u.mu.Lock()
	u.requests = append(u.requests, r.Clone(r.Context()))
	answer := u.Answer
	u.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	fmt.Fprintf(w, "hello %s", r.Header.Get("X-Instagram-Username"))
}

// respond changes what the upstream answers.
func (u *Upstream) Respond(answer http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Answer = answer
}

// count returns how many requests have reached the upstream.
func (u *Upstream) Count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.requests)
}

// all returns the requests that have reached the upstream.
func (u *Upstream) All() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// last returns the last request that reached the upstream.
func (u *Upstream) Last(t *testing.T) *http.Request {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.requests) == 0 {
		t.Fatal("nothing has reached the upstream")
	}
	return u.requests[len(u.requests)-1]
}
