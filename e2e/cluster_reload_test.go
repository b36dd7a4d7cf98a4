package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const reloads = 100

func TestF6_AHundredReloadsUnderLoad(t *testing.T) {
	onBoth(t, fastBinary, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		ended, during := c.signedIn("visitor1"), c.signedIn("visitor2")
		replay, duringReplay := ended.twin(), during.twin()
		ended.wantLogout(c.nodes[1], nil)
		untilOut(time.Now(), 0, c.others(c.nodes[1]), replay)

		// Caddy gives each configuration a socket of its own (SO_REUSEPORT), and a
		// connection that waits at the old one is broken, with or without this module.
		// Browsers and load balancers send a GET again then, and so do these visitors.
		l := c.underLoad(n.address, 10)
		// One of them has been signed out, and not one configuration may forget that.
		l.clients.Go(func() { l.ask(n.address, replay.twin().refusal) })
		n.reload(10) // what is made once is made
		time.Sleep(time.Second)
		before := n.measure()
		began := time.Now()
		n.reload(reloads / 2)
		replay.wantOut(n)
		during.wantLogout(n, nil)
		untilOut(time.Now(), 0, c.others(n), duringReplay)
		n.reload(reloads / 2)
		took := time.Since(began)
		for _, v := range []*visitor{replay, duringReplay} {
			v.wantOut(n)
		}
		// Old configurations end when their last requests and idle connections have.
		time.Sleep(3 * time.Second)
		var after usage
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(500 * time.Millisecond) {
			if after = n.measure(); after.flat(before) || time.Now().After(deadline) {
				break
			}
		}
		l.end()
		t.Logf("%d reloads in %s: goroutines %d -> %d, heap %d -> %d KB, files %d -> %d", reloads, took.Round(time.Millisecond),
			before.goroutines, after.goroutines, before.heap>>10, after.heap>>10, before.files, after.files)
		if !after.flat(before) {
			t.Errorf("that is not flat; the goroutines:\n%.4000s", n.ask("/debug/pprof/goroutine?debug=1"))
		}
	})
}

// reload loads the node's configuration again and again, each time with something new
// in it, as an operator does.
func (n *node) reload(times int) {
	n.t.Helper()
	text, err := os.ReadFile(n.file)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := range times {
		changed := strings.Replace(string(text), "reverse_proxy", fmt.Sprintf("header X-Reload %d\nreverse_proxy", i), 1)
		answer, err := admin.Post("http://"+n.admin+"/load", "text/caddyfile", strings.NewReader(changed))
		for tries := 1; err != nil && tries < 10; tries++ { // the admin endpoint has a new socket each time, too
			answer, err = admin.Post("http://"+n.admin+"/load", "text/caddyfile", strings.NewReader(changed))
		}
		if err != nil {
			n.t.Fatal(err)
		}
		if said := body(n.t, answer); answer.StatusCode != http.StatusOK {
			n.t.Fatalf("reload %d was answered %d: %s", i, answer.StatusCode, said)
		}
	}
}

// admin asks admin endpoints, which a reload replaces: on a new connection each time.
var admin = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ask returns what the node's admin endpoint says.
func (n *node) ask(uri string) string {
	n.t.Helper()
	answer, err := admin.Get("http://" + n.admin + uri)
	if err != nil {
		n.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

// usage is what a node has in use.
type usage struct{ goroutines, heap, files int }

var (
	goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)
	heapInUse      = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)
)

// measure asks the node, after it has collected its garbage.
func (n *node) measure() (u usage) {
	n.t.Helper()
	for what, number := range map[string]*int{n.ask("/debug/pprof/goroutine?debug=1"): &u.goroutines, n.ask("/debug/pprof/heap?gc=1&debug=1"): &u.heap} {
		for _, pattern := range []*regexp.Regexp{goroutineTotal, heapInUse} {
			if match := pattern.FindStringSubmatch(what); match != nil {
				*number, _ = strconv.Atoi(match[1])
			}
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	u.files = len(files)
	return u
}

// flat reports whether a hundred reloads have left less than one thing each behind.
func (u usage) flat(before usage) bool {
	return u.goroutines < before.goroutines+reloads/5 && u.files < before.files+reloads/5 && u.heap < before.heap+before.heap/4+2<<20
}
