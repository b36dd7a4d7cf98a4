package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Two Caddys with unlike settings on one storage, and a third that starts later.

const (
	lenient = "on_storage_failure keep\nsession {\n lifetime 1h\n }"
	strict  = "on_storage_failure deny 2s\nsession {\n lifetime 30d\n }"
)

// startUnlike starts node 1 with lenient and node 2 with strict settings. later starts
// node 3 with the strict ones.
func startUnlike(t *testing.T, storage *sharedStorage) (c *cluster, later func()) {
	t.Helper()
	c = newCluster(t, raceBinary, storage)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Instagram-Username"))
	}))
	t.Cleanup(site.Close)
	start := func(n *node, options string) {
		c.options = options
		c.startNodes(site.Listener.Addr().String(), n)
		n.process.waitFor(n.address)
	}
	start(c.nodes[0], lenient)
	start(c.nodes[1], strict)
	return c, func() { start(c.nodes[2], strict) }
}

func onBothUnlike(t *testing.T, story func(t *testing.T, c *cluster, later func())) {
	for what, storage := range map[string]func(*testing.T) *sharedStorage{
		"file system": func(t *testing.T) *sharedStorage { return inFiles(t) }, "Redis": inRedis,
	} {
		t.Run(what, func(t *testing.T) {
			c, later := startUnlike(t, storage(t))
			story(t, c, later)
		})
	}
}

// A session of a node with a long lifetime that ends on a node with a short one has ended
// for as long as it could live.
func TestN13_NodesWithUnlikeLifetimesKnowTheSameEnds(t *testing.T) {
	onBothUnlike(t, func(t *testing.T, c *cluster, later func()) {
		short, long := c.nodes[0], c.nodes[1]
		one, all, stays := c.visitor("visitor1"), c.visitor("visitor2"), c.visitor("visitor3")
		for _, v := range []*visitor{one, all, stays} {
			v.signIn(long.address, long.address)
		}
		gone := []*visitor{one.twin(), all.twin()}
		one.wantLogout(short, nil)
		all.wantLogout(short, url.Values{"everywhere": {"1"}})
		untilOut(time.Now(), 0, []*node{long}, gone...)
		later()
		for _, v := range gone {
			v.wantOut(c.nodes[:]...)
		}
		if !stays.alive(long) || !stays.alive(c.nodes[2]) {
			t.Error("somebody else has been signed out")
		}
	})
}

// The storage is emptied under both: the lenient node fills it again, and the strict one
// goes on. Nobody who signed out comes back, and nobody else goes.
func TestN12_AnEmptiedStorageBringsNobodyBack(t *testing.T) {
	onBothUnlike(t, func(t *testing.T, c *cluster, later func()) {
		v, stays := c.visitor("visitor1"), c.visitor("visitor2")
		v.signIn(c.nodes[1].address, c.nodes[1].address)
		stays.signIn(c.nodes[1].address, c.nodes[1].address)
		gone := v.twin()
		v.wantLogout(c.nodes[1], nil)
		untilOut(time.Now(), 0, c.nodes[:1], gone)
		for _, key := range c.keys() {
			_ = c.storage.Delete(t.Context(), key) // folders go with what is in them
		}
		marked := func() bool {
			keys, _ := c.storage.List(t.Context(), "instagram_auth", true)
			return strings.Contains(strings.Join(keys, "\n")+"\n", "/marker\n")
		}
		c.nodes[0].process.waitUntil("the marker", marked)
		later()
		gone.wantOut(c.nodes[:]...)
		c.nodes[1].process.waitUntil("the session on the strict node", func() bool {
			return stays.get(c.nodes[1].address, "/private/data", byScript).status == http.StatusOK
		})
		if !stays.alive(c.nodes[0]) || !stays.alive(c.nodes[2]) {
			t.Error("somebody who did not sign out is out")
		}
	})
}
