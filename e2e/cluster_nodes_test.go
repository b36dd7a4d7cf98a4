package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/e2e/internal/redisserver"
	"github.com/caddy-instagram/caddy-instagram-auth/e2e/redisstorage"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// syncInterval is how often a node asks the storage what is new. What a test measures
// may be a little longer: a poll takes its time, and machines are busy.
const (
	syncInterval = time.Second
	tolerance    = 900 * time.Millisecond
)

// The programs of the nodes: with the race detector for stories, without for load.
var (
	raceBinary = sync.OnceValues(func() (string, error) { return build("cluster-race", ".", "-race") })
	fastBinary = sync.OnceValues(func() (string, error) { return build("cluster", ".") })
)

// binary is one of them.
type binary func() (string, error)

// cluster is three nodes that share a storage, behind a load balancer, with a site
// behind them and a simulated Instagram beside them.
type cluster struct {
	t         *testing.T
	nodes     [3]*node
	balancer  string // its address
	simulator *simulator.Simulator
	instagram string // the simulator's origin
	storage   *sharedStorage
	options   string // further lines of the block of instagram_auth
	global    string // further global options of the nodes
}

// node is a Caddy with instagram_auth.
type node struct {
	t              *testing.T
	name           string
	address, admin string
	binary, file   string
	process        *process
}

// run starts the node, again with the same configuration if it has been killed.
func (n *node) run() {
	n.t.Helper()
	n.start()
	n.process.waitFor(n.address)
}

func (n *node) start() {
	n.t.Helper()
	n.process = runBinary(n.t, n.binary, n.file, nil)
}

// sharedStorage is a storage of Caddy's for several nodes, and the way to it for a test.
type sharedStorage struct {
	certmagic.Storage
	caddyfile string
	folder    string              // of a file system storage
	redis     *redisserver.Server // of the other
}

func inFiles(t *testing.T) *sharedStorage {
	folder := filepath.Join(t.TempDir(), "storage")
	return &sharedStorage{Storage: &certmagic.FileStorage{Path: folder}, caddyfile: "storage file_system {\n root " + folder + "\n}", folder: folder}
}

func inRedis(t *testing.T) *sharedStorage {
	t.Helper()
	server := redisserver.Start(t)
	module := &redisstorage.Storage{Address: server.Address}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = module.Cleanup() })
	storage, err := module.CertMagicStorage()
	if err != nil {
		t.Fatal(err)
	}
	return &sharedStorage{Storage: storage, caddyfile: "storage e2e_redis {\n address " + server.Address + "\n}", redis: server}
}

// onBoth tells a story on a cluster with each of the storages.
func onBoth(t *testing.T, program binary, story func(t *testing.T, c *cluster), options ...string) {
	t.Run("file system", func(t *testing.T) { story(t, startCluster(t, program, inFiles(t), options...)) })
	t.Run("Redis", func(t *testing.T) { story(t, startCluster(t, program, inRedis(t), options...)) })
}

func startCluster(t *testing.T, program binary, storage *sharedStorage, options ...string) *cluster {
	t.Helper()
	c := newCluster(t, program, storage, options...)
	site := "127.0.0.1:" + freePort(t)
	c.startNodes(site, c.nodes[:]...)
	fast, err := fastBinary()
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, n := range c.nodes {
		addresses = append(addresses, n.address)
	}
	// A node that has died is tried no more for a second, and GET goes to another.
	front := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(front, fmt.Appendf(nil, `{
		admin off
		auto_https off
		default_bind 127.0.0.1
	}
	http://:%s {
		reverse_proxy %s {
			lb_policy round_robin
			lb_try_duration 5s
			lb_try_interval 20ms
			fail_duration 1s
			transport http {
				dial_timeout 1s
			}
		}
	}
	http://:%s {
		respond "{http.request.header.X-Instagram-Username}"
	}`, portOf(c.balancer), strings.Join(addresses, " "), portOf(site)), 0o600); err != nil {
		t.Fatal(err)
	}
	runBinary(t, fast, front, nil, c.balancer, site)
	for _, n := range c.nodes {
		n.process.waitFor(n.address)
	}
	return c
}

// newCluster returns a cluster of which nothing but Instagram runs.
func newCluster(t *testing.T, program binary, storage *sharedStorage, options ...string) *cluster {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, storage: storage, balancer: "127.0.0.1:" + freePort(t), options: strings.Join(options, "\n")}
	for i := range c.nodes {
		c.nodes[i] = &node{t: t, name: fmt.Sprint("node ", i+1), address: "127.0.0.1:" + freePort(t), admin: "127.0.0.1:" + freePort(t), binary: file}
	}
	c.startInstagram()
	return c
}

// startNodes starts nodes in front of a site and does not wait for them.
func (c *cluster) startNodes(site string, nodes ...*node) {
	c.t.Helper()
	for _, n := range nodes {
		n.file = filepath.Join(c.t.TempDir(), "Caddyfile")
		if err := os.WriteFile(n.file, []byte(c.nodeCaddyfile(n, site)), 0o600); err != nil {
			c.t.Fatal(err)
		}
		n.start()
	}
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// callback is where Instagram sends visitors back to: the nodes stand behind something
// that ends TLS.
const callback = "https://example.test/auth/"

// nodeCaddyfile is a node's configuration. Of a configuration that a reload has
// replaced, Caddy keeps idle connections to the site for two minutes: with less, a
// test sees sooner what is really left behind.
func (c *cluster) nodeCaddyfile(n *node, site string) string {
	return fmt.Sprintf(`{
		admin %s
		auto_https off
		persist_config off
		default_bind 127.0.0.1
		%s
		%s
	}
	http://:%s {
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri %s
			endpoints %s
			sync_interval %s
			%s
		}
		reverse_proxy %s {
			transport http {
				keepalive 2s
			}
		}
	}`, n.admin, c.storage.caddyfile, c.global, portOf(n.address), appID, appSecret, callback, c.instagram, syncInterval, c.options, site)
}

// startInstagram runs the simulator, which tells node 2 who has removed the app.
func (c *cluster) startInstagram() {
	c.t.Helper()
	config := simulator.Config{App: simulator.App{
		ID: appID, Secret: appSecret, RedirectURIs: []string{callback}, Live: true,
		DeauthorizeURL: "http://" + c.nodes[1].address + "/instagram_auth/deauthorize",
	}}
	for i := range 30 {
		config.Users = append(config.Users, simulator.User{ID: fmt.Sprint(17841405793187218 + i), Username: fmt.Sprint("visitor", i)})
	}
	s, err := simulator.New(config)
	if err != nil {
		c.t.Fatal(err)
	}
	server := httptest.NewServer(s)
	c.t.Cleanup(func() { s.Close(); server.Close() })
	c.simulator, c.instagram = s, server.URL
}

// others returns the nodes but one.
func (c *cluster) others(but *node) (nodes []*node) {
	for _, n := range c.nodes {
		if n != but {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// keys lists everything that we have in the storage.
func (c *cluster) keys() []string {
	c.t.Helper()
	keys, err := c.storage.List(c.t.Context(), "instagram_auth", true)
	if err != nil {
		c.t.Fatal(err)
	}
	return keys
}
