package sitetest

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-instagram/caddy-instagram-auth"
	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The site of the tests, its app and its user.
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

// Site is a running Caddy with instagram_auth in front of an upstream that
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

// startSite runs Caddy until the end of the test.
func Start(t *testing.T, c Config) *Site {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", StorageDir(t)) // tests share no local copy of the revoked sessions
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

// Restart stops Caddy and starts it again, as another process with the same storage.
func (s *Site) Restart(c Config) {
	s.T.Helper()
	if err := caddy.Stop(); err != nil {
		s.T.Fatalf("stopping Caddy: %v", err)
	}
	s.Load(c)
}

// Load gives Caddy the configuration, as at a start or a reload.
func (s *Site) Load(c Config) {
	s.T.Helper()
	config, err := Adapt(s.Caddyfile(c))
	if err != nil {
		s.T.Fatalf("adapting: %v", err)
	}
	if err := caddy.Load(config, true); err != nil {
		s.T.Fatalf("loading: %v", err)
	}
	// Caddy does not wait until the server that has been replaced has closed its socket, and the
	// kernel gives new connections to either. A site on a Unix socket has none there.
	Eventually(s.T, "one server listens", func() bool { return caddy.ListenerUsage("tcp", ":"+Port(s.Addr)) <= 1 })
	// The replaced server may go on for a moment with connections that it has.
	s.browsers.Lock()
	defer s.browsers.Unlock()
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
}

// With sends a request to a page with these cookies and nothing else of a browser.
func (s *Site) With(cookies string) Response {
	s.T.Helper()
	request := Navigation(s.T, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookies)
	request.Header.Set("Sec-Fetch-Mode", "cors")
	return s.NewBrowser().Do(request)
}

// WantAlive fails the test unless the session of these cookies is alive, or has ended.
func (s *Site) WantAlive(cookies string, alive bool) {
	s.T.Helper()
	want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[alive]
	if answer := s.With(cookies); answer.StatusCode != want {
		s.T.Errorf("answered %s, want %d", answer.Status, want)
	}
}

// Eventually waits for a condition.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Repeat returns a slice with n copies of a line.
func Repeat(line string, n int) (lines []string) {
	for range n {
		lines = append(lines, line)
	}
	return lines
}
