// Package simulator is an Instagram for tests and demonstrations: one app, a few accounts, the
// authorization window, the token endpoint and the part of the graph that a login needs, in both
// families of the API. It is as strict as Instagram's documentation, and it misbehaves on command.
//
// The package is public on purpose, as a test double for other people's Instagram clients.
// [Simulator] is an [http.Handler]: start it with [net/http/httptest.NewServer] and point
// your client at the server's address. Choose what Instagram answers next with
// [Simulator.Misbehave], look at what your client sent with [Simulator.Requests], and let
// somebody remove your app with [Simulator.RemoveApp], which sends the signed callbacks. In a
// browser, a person does so at /accounts/manage_access/, as at Instagram.
// Your client may be in any language: [Handler] serves the same as the handler
// instagram_simulator of a Caddyfile, with the addresses below /simulator/ as its controls.
//
// Where the documentation is silent, a comment that begins with "Inferred" says
// what the simulator does and why. It keeps everything in memory and is made for
// loopback addresses; it is no part of a production build.
package simulator

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Endpoint names one of the addresses that the simulator answers. [Simulator.Calls],
// [Simulator.Requests] and [Simulator.Misbehave] take it.
type Endpoint string

// The endpoints of Instagram's API, and the target of the fault [Redirect].
const (
	Window     Endpoint = "window"     // /oauth/authorize, GET and POST
	Token      Endpoint = "token"      // /oauth/access_token
	UserNode   Endpoint = "user"       // /me and /{id}
	Media      Endpoint = "media"      // /me/media and /{id}/media
	LongLived  Endpoint = "long_lived" // /access_token
	Refresh    Endpoint = "refresh"    // /refresh_access_token
	Redirected Endpoint = "redirected" // where Redirect points: nobody should come here
)

// Simulator is a simulated Instagram. It is an [http.Handler] that answers every
// request, safe for concurrent use. Make one with [New].
type Simulator struct {
	config Config
	sender *http.Client // for the signed callbacks

	naming sync.RWMutex // of accounts, read by every answer

	closeOnce sync.Once
	closed    chan struct{}

	mu      sync.Mutex
	state   AppState
	grants  memory[*grant]  // authorization codes
	tokens  memory[*access] // access tokens, short- and long-lived
	persons memory[*User]   // who is signed in at this Instagram, by cookie
	records map[Endpoint]*record
	faults  map[Endpoint]Fault
}

// New checks the configuration and returns a simulator. Errors name the field that
// is wrong and never contain the app secret.
func New(config Config) (*Simulator, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	return &Simulator{
		config: config,
		// No proxy, no redirect, and never longer than a person waits for a button.
		sender: &http.Client{
			Timeout:       5 * time.Second,
			Transport:     &http.Transport{ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		closed:  make(chan struct{}),
		state:   config.App.State,
		grants:  newMemory[*grant](),
		tokens:  newMemory[*access](),
		persons: newMemory[*User](),
		records: make(map[Endpoint]*record),
		faults:  make(map[Endpoint]Fault),
	}, nil
}

// Close ends every answer that hangs or drips, at once and for good, and drops idle
// connections to the app's callbacks. Other requests are still answered.
func (s *Simulator) Close() {
	s.closeOnce.Do(func() { close(s.closed) })
	s.sender.CloseIdleConnections()
}

// version matches the optional version segment of the graph's paths.
var version = regexp.MustCompile(`^/v[0-9]{1,2}\.[0-9]/`)

// ServeHTTP answers a request as Instagram does. The paths of all three hosts
// (window, token endpoint, graph) live side by side, because they do not overlap.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/simulator/") {
		s.serveControl(w, r)
		return
	}
	if picture := pictureBehind(r.URL.Path); picture != "" {
		http.Redirect(w, r, picture, http.StatusFound)
		return
	}
	if r.URL.Path == errorPath {
		s.serveErrorPage(w, r)
		return
	}
	if r.URL.Path == connectedPath {
		s.serveConnected(w, r)
		return
	}
	endpoint, handle := s.route(r.URL.Path)
	if handle == nil {
		// Also where the version stands in a path twice.
		writeGraphError(w, graphError{Code: 2500, Message: "Unknown path components: " + r.URL.Path})
		return
	}
	if !s.receive(endpoint, w, r) {
		return
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		s.naming.RLock()
		defer s.naming.RUnlock()
		handle(w, r)
	}
	if fault, ok := s.nextFault(endpoint); ok {
		s.misbehave(fault, answer, w, r)
		return
	}
	answer(w, r)
}

// route finds the endpoint behind a path, nil if there is none.
func (s *Simulator) route(path string) (Endpoint, http.HandlerFunc) {
	switch path {
	case "/oauth/authorize":
		return Window, s.serveWindow
	case "/oauth/access_token":
		return Token, s.serveToken
	}
	if segment := version.FindString(path); segment != "" {
		path = path[len(segment)-1:]
	}
	switch path {
	case "/access_token":
		return LongLived, s.serveLongLived
	case "/refresh_access_token":
		return Refresh, s.serveRefresh
	}
	node, edge, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if node != "me" && !isDecimal(node) {
		return "", nil
	}
	switch edge {
	case "":
		if strings.HasSuffix(path, "/") {
			return "", nil
		}
		return UserNode, s.graphHandler(node, s.serveUser)
	case "media":
		return Media, s.graphHandler(node, s.serveMedia)
	}
	return "", nil
}

// secret returns an unguessable text that begins with prefix, as Instagram's codes
// and tokens do: the prefix tells what it is.
func secret(prefix string) string {
	var b [96]byte
	// crypto/rand.Read never fails. [S1]
	_, _ = rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// capacity bounds what is remembered, so that a load test does not fill the memory:
// the oldest entry makes room for the newest.
const capacity = 100_000

// memory is a map of at most capacity entries that forgets the oldest first.
type memory[T any] struct {
	entries map[string]T
	order   []string
	next    int
}

func newMemory[T any]() memory[T] { return memory[T]{entries: make(map[string]T)} }

func (m *memory[T]) put(key string, entry T) {
	if len(m.order) < capacity {
		m.order = append(m.order, key)
	} else {
		delete(m.entries, m.order[m.next])
		m.order[m.next] = key
		m.next = (m.next + 1) % capacity
	}
	m.entries[key] = entry
}

// Rename gives an account another username. Its tokens, AutoAllow and tester role stay.
func (s *Simulator) Rename(username, to string) error {
	s.naming.Lock()
	defer s.naming.Unlock()
	user := s.config.user(username)
	switch {
	case user == nil:
		return fmt.Errorf("there is no user %q", username)
	case !usernamePattern.MatchString(to):
		return fmt.Errorf("%q cannot be a username", to)
	case s.config.user(to) != nil:
		return fmt.Errorf("%q is taken", to)
	}
	user.Username = to
	if s.config.AutoAllow == username {
		s.config.AutoAllow = to
	}
	if i := slices.Index(s.config.App.Testers, username); i >= 0 {
		s.config.App.Testers[i] = to
	}
	return nil
}
