package instagramauth

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// What takes weeks is tested here with a clock of the test's own: the handler itself
// over a real socket, in front of it a browser, behind it a simulated Instagram.

// clock is a time that a test moves.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.passed.Load()) }
func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// world is an Instagram and the nodes of a site.
type world struct {
	t         testing.TB
	at        *clock
	instagram *simulator.Simulator
	options   *Handler
	storage   revocation.Storage
	nodes     []*node
}

// node is one server of the site.
type node struct {
	*Handler
	addr string
}

func newWorld(t testing.TB, options *Handler) *world {
	t.Helper()
	w := &world{t: t, at: new(clock), options: options, storage: &certmagic.FileStorage{Path: t.TempDir()}}
	var err error
	w.instagram, err = simulator.New(simulator.Config{
		App: simulator.App{ID: "1", Secret: benchSecret, RedirectURIs: []string{"https://example.test/auth/"}, API: simulator.API(options.API), Live: true},
		Now: w.at.now, AutoAllow: "jayposiris",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.instagram)
	t.Cleanup(server.Close)
	t.Cleanup(w.instagram.Close)
	options.AppSecret = []string{benchSecret}
	options.Endpoints = EndpointOptions{server.URL + "/oauth/authorize", server.URL + "/oauth/access_token", server.URL}
	w.addNode()
	return w
}

// addNode starts one more node. Nodes of one process would share what they know of an
// app, so that this one gets memories of its own.
func (w *world) addNode() *node {
	w.t.Helper()
	h := *w.options
	h.now = w.at.now
	n := &node{Handler: provisionedWith(w.t, &h, w.storage)}
	shared, err := caddy.NewContext(caddy.Context{Context: context.Background()})
	w.t.Cleanup(err)
	if len(w.nodes) > 0 {
		list := revocation.New("1", w.at.now)
		leave := list.Join(revocation.Member{Storage: w.storage, Sealer: h.settings.Vault, Logger: shared.Slogger(), Interval: time.Hour})
		w.t.Cleanup(func() { list.Close(); leave() })
		n.sessions.List = list
		n.logins.Memory, n.endpoints.Memory = login.NewMemory(w.at.now), endpoint.NewMemory(w.at.now)
		n.sessions.Memory = lifecycle.NewMemory(w.at.now)
	}
	server := httptest.NewServer(n)
	w.t.Cleanup(server.Close)
	n.addr = server.Listener.Addr().String()
	w.nodes = append(w.nodes, n)
	return n
}

// ServeHTTP prepares a request as Caddy does. The site behind says who it sees.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	err := n.Handler.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Seen-User"] = r.Header["X-Instagram-Username"]
		w.Header()["Seen-Token"] = r.Header["X-Instagram-Access-Token"]
		w.Header()["Seen-Name"] = r.Header["X-Name"]
		return nil
	}))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// visitor is a browser that spreads its requests over the nodes in turn.
type visitor struct {
	*world
	jar  http.CookieJar
	turn int
}

func (w *world) newVisitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{world: w, jar: jar}
}

// get asks a node for an address, and waits until what that has set off is done.
func (v *visitor) get(address string) *http.Response {
	v.t.Helper()
	n := v.nodes[v.turn%len(v.nodes)]
	v.turn++
	answer := v.ask(n, address)
	n.sessions.Background.Wait()
	return answer
}

// ask asks a node for an address.
func (v *visitor) ask(n *node, address string) *http.Response {
	v.t.Helper()
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, n.addr)
	}, DisableKeepAlives: true}
	client := &http.Client{Jar: v.jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if strings.HasPrefix(address, "/") {
		address = "https://example.test" + address
	}
	answer, err := client.Get(address)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer
}

// signIn takes a login to its end.
func (v *visitor) signIn() {
	v.t.Helper()
	back := v.get(v.get("/page").Header.Get("Location"))
	if arrived := v.get(back.Header.Get("Location")); arrived.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("the callback answered %s", arrived.Status)
	}
}

// wantSignedIn fails the test unless the visitor is known by this name, and returns the
// token that the site got.
func (v *visitor) wantSignedIn(username string) (token string) {
	v.t.Helper()
	answer := v.get("/page")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Seen-User") != username {
		v.t.Fatalf("after %v: answered %s, seen as %q", v.at.now().Sub(time.Unix(1_800_000_000, 0)), answer.Status, answer.Header.Get("Seen-User"))
	}
	return answer.Header.Get("Seen-Token")
}

// accepts reports whether Instagram accepts a token, by a call that nothing counts.
func (w *world) accepts(token string) bool {
	recorder := httptest.NewRecorder()
	w.instagram.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/me/media?fields=id&access_token="+url.QueryEscape(token), nil))
	return recorder.Code == http.StatusOK
}

func mustURL(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u
}

func identityNamed(username string) session.Identity {
	return session.Identity{UserID: "17841405793187218", AppScopedID: "25025320793187218", Username: username}
}

// sessionTokenOf returns a token that is due for a refresh.
func sessionTokenOf(w *world) session.Token {
	now := w.at.now()
	return session.Token{Access: "TOKEN", LongLived: true, Issued: now.Add(-25 * time.Hour), Expires: now.Add(time.Hour)}
}
