package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The end of a session must leave these alone: ordinary requests, other visitors, and
// connections while the configuration is loaded again.

// A request that was sent just before the sign-out gets its whole answer.
func TestL5_ShortRequestsFinishAfterTheSignOut(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 1)
	n, v := s.nodes[0], s.newcomer("visitor1", s.nodes[0])
	lines := s.lines(n)
	var all sync.WaitGroup
	finish := sync.OnceFunc(func() { close(s.upstream.done) })
	t.Cleanup(finish)
	for _, version := range streamVersions {
		for path, end := range map[string]string{"/private/poll": v.name, "/private/download": "the end"} {
			request := newStreamRequest(t, http.MethodGet, path, cookie+"="+v.cookies[cookie])
			all.Go(func() {
				answer, err := lines[version].RoundTrip(request)
				if err != nil {
					t.Errorf("%s over %s: %v", path, version, err)
					return
				}
				defer answer.Body.Close()
				text, err := io.ReadAll(answer.Body)
				if err != nil || answer.StatusCode != http.StatusOK || strings.ReplaceAll(string(text), strings.Repeat("x", 1000), "") != end {
					t.Errorf("%s over %s was answered %s, %d bytes, %v", path, version, answer.Status, len(text), err)
				}
			})
		}
	}
	n.process.waitUntil("six requests at the site", func() bool { return s.upstream.openFor(v.name) == 6 })
	witness, replay := s.events(v, 1, lines[1], "/private/events"), v.twin()
	v.wantLogout(n, nil)
	replay.wantOut(n)
	s.wantCut(time.Now(), 0, witness)
	finish()
	all.Wait()
	var cut map[string]int
	n.process.waitUntil("a count", func() bool {
		_, cut = n.streamMetrics()
		return len(cut) != 0
	})
	if cut["revoked"] != 1 || len(cut) != 1 {
		t.Errorf("cut were %v, want the event stream alone", cut)
	}
}

// A proxy in front gives the connection of one visitor to the next. The end of the first
// one's session, at whatever moment, does not break the answer to the second one.
func TestL5_AConnectionOfAProxyIsNotCutUnderTheNextVisitor(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 1)
	n := s.nodes[0]
	var finished, cut atomic.Int64
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			proxy := &http.Transport{MaxConnsPerHost: 1}
			defer proxy.CloseIdleConnections()
			const rounds = 12
			for round := range rounds {
				first, second := s.newcomer(fmt.Sprint("visitor", 1+i), n), s.holder("visitor9", 0)
				path, logout := "/private/some", func() { first.twin().wantLogout(n, nil) }
				meanwhile := func() {
					time.Sleep(time.Duration(25*round) * time.Millisecond) // in the middle, at the end, and after it
					logout()
				}
				switch round { // both are met, however busy the machine is
				case 0:
					path = "/private/events"
				case rounds - 1:
					meanwhile = func() {}
				}
				from, _, err := readPage(proxy, n.address, path, first, meanwhile)
				if err != nil {
					cut.Add(1)
				}
				if round == rounds-1 {
					logout()
				}
				to, events, secondErr := readPage(proxy, n.address, "/private/some", second, func() {})
				if secondErr != nil || events != 4 {
					t.Errorf("round %d: the next visitor got %d events, %v", round, events, secondErr)
				}
				if err == nil && from == to {
					finished.Add(1)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d first visitors were cut; %d connections went on to a second one", cut.Load(), finished.Load())
	if cut.Load() == 0 || finished.Load() == 0 {
		t.Error("this test meets only one of both")
	}
}

// readPage reads an event stream until it ends or is cut. It returns the connection, and how many
// events came.
func readPage(proxy *http.Transport, address, path string, v *visitor, meanwhile func()) (from net.Addr, events int, err error) {
	request, err := v.request(http.MethodGet, address, path, byOwnScript, nil)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), 30*time.Second)
	defer cancel()
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { from = got.Conn.LocalAddr() },
	}))
	answer, err := proxy.RoundTrip(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, errors.New(answer.Status)
	}
	var background sync.WaitGroup
	background.Go(meanwhile)
	err = readEvents(answer.Body, func(text string) {
		if text == v.name {
			events++
		}
	})
	background.Wait()
	if ctx.Err() != nil {
		v.t.Errorf("%s of %s goes on", path, v.name)
	}
	if err == io.EOF {
		err = nil
	}
	return from, events, err
}

// With a proxy in front, the close of a websocket reaches the visitor, too.
func TestL5_OpenConnectionsEndThroughAProxyInFront(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 2)
	n, leaves, stays := s.nodes[0], s.newcomer("visitor1", s.nodes[0]), s.newcomer("visitor2", s.nodes[0])
	front := &node{t: t, name: "the proxy", address: "127.0.0.1:" + freePort(t), admin: "127.0.0.1:" + freePort(t), binary: n.binary, file: filepath.Join(t.TempDir(), "Caddyfile")}
	s.secure[front] = "127.0.0.1:" + freePort(t)
	text := s.caddyfile(front, "")
	before, rest, _ := strings.Cut(text, "instagram_auth")
	_, rest, _ = strings.Cut(rest, "reverse_proxy")
	text = before + "reverse_proxy" + strings.Replace(rest, s.upstream.address, n.address, 1)
	if err := os.WriteFile(front.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(front)
	lines := s.lines(front)
	staying, leaving := s.openAll(stays, lines), s.openAll(leaves, lines)
	leaves.wantLogout(s.nodes[1], nil)
	s.wantCut(time.Now(), 0, leaving...)
	s.wantOpen(staying...)
	s.wantCounted(n, leaves, "revoked")
}

// The configuration is loaded again and again while visitors use the site. Nobody's
// connection ends, and connections of before still ends with its session.
func TestL5_AReloadUnderLoadCutsNobodyWhoseSessionIsGood(t *testing.T) {
	t.Parallel()
	s := newStreams(t, streamBinary)
	s.proxy = "stream_close_delay 5m"
	s.start(s.nodes[0])
	s.start(s.nodes[1])
	n, leaves, stays := s.nodes[0], s.newcomer("visitor1", s.nodes[0]), s.newcomer("visitor2", s.nodes[0])
	lines := s.lines(n)
	staying, leaving := s.openAll(stays, lines), s.openAll(leaves, lines)
	l := &load{t: t, began: time.Now(), stop: make(chan struct{}), tries: 10, pace: 20 * time.Millisecond}
	t.Cleanup(l.end)
	for i := range 4 {
		v := s.holder(fmt.Sprint("visitor", 20+i), 0)
		l.clients.Go(func() { l.ask(n.address, v.page) })
	}
	for i := range 6 {
		s.load(n, fmt.Sprintf("timeout %ds", 5+i))
		s.wantOpen(staying...)
		s.wantOpen(leaving...)
	}
	if _, cut := n.streamMetrics(); len(cut) != 0 {
		t.Errorf("cut were %v", cut)
	}
	leaves.wantLogout(s.nodes[1], nil)
	s.wantCut(time.Now(), 0, leaving...)
	s.wantOpen(staying...)
	l.end()
	s.wantCounted(n, leaves, "revoked")
}
