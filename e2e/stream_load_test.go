package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/stream"
)

// streamsPerConnection is less than what Caddy allows on a connection of HTTP/2.
const streamsPerConnection = 200

// manyStreams serves the site behind Caddy over HTTP/2 without TLS: thousands of event streams
// need few connections there, too.
func manyStreams(t *testing.T, u *streamUpstream) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: u.handler, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 10_000},
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "h2c://" + listener.Addr().String()
}

// crowdOfStreams is many event streams of one visitor.
type crowdOfStreams struct {
	open  atomic.Int64
	first atomic.Int64 // how many have said something
}

// openCrowd opens so many event streams, in which nothing happens.
func (s *streamCluster) openCrowd(n *node, v *visitor, count int) *crowdOfStreams {
	s.t.Helper()
	c := new(crowdOfStreams)
	for opened := 0; opened < count; {
		line := dialLine(s.t, 2, s.secure[n])
		for range min(streamsPerConnection, count-opened) {
			answer := openStream(s.t, line, "/private/quiet", cookie+"="+v.cookies[cookie])
			if answer.StatusCode != http.StatusOK {
				s.t.Fatalf("stream %d was answered %s", opened, answer.Status)
			}
			opened++
			c.open.Add(1)
			go func() {
				_ = readEvents(answer.Body, func(string) { c.first.Add(1) })
				c.open.Add(-1)
			}()
		}
	}
	n.process.waitUntil("an event in each stream", func() bool { return c.first.Load() == int64(count) })
	return c
}

// wantNone waits until all have ended, and returns how long that took since began.
func (c *crowdOfStreams) wantNone(n *node, began time.Time) time.Duration {
	n.t.Helper()
	n.process.waitUntil("the end of all streams", func() bool { return c.open.Load() == 0 })
	return time.Since(began)
}

// thousands takes many streams, all of one person. Another person's go on, and so do requests. They
// are 10,000 when the table is written, and fewer when it is compared: they need 5 GB with the race
// detector.
func (f *streamFault) thousands() {
	count := 2_000
	if os.Getenv("WRITE_FAULT_TABLE") != "" {
		count = 10_000
	}
	f.streamCluster = newStreams(f.t, fastBinary)
	f.upstream.address = manyStreams(f.t, f.upstream)
	f.start(f.nodes[0])
	f.start(f.nodes[1])
	f.node = f.nodes[0]
	f.leaves, f.stays = f.newcomer("visitor1", f.node), f.newcomer("visitor2", f.node)
	f.lines = f.streamCluster.lines(f.node)
	f.staying = []*openPage{f.events(f.stays, 1, f.lines[1], "/private/events"), f.events(f.stays, 2, f.lines[2], "/private/events"), f.events(f.stays, 3, f.lines[3], "/private/events")}
	f.wantOpen(f.staying...)
	crowd := f.openCrowd(f.node, f.leaves, count)
	f.wantOpen(f.staying...)
	f.leave()
	took := crowd.wantNone(f.node, time.Now())
	f.t.Logf("%d streams ended within %s", count, took.Round(time.Millisecond))
	f.wantNothingLeft(f.node, f.leaves.name)
	f.node.process.waitUntil("the end of all their requests", func() bool { // later than their clients see it
		open, cut := f.node.streamMetrics()
		return open["event_stream"] == 3 && cut["revoked"] == count
	})
	f.row("a logout on another node", "all of them end; those of others go on")
}

// What open connections cost: STREAMS=full writes docs/evidence/streams.md.
func TestL5_WhatOpenConnectionsCost(t *testing.T) {
	count, look := 1000, 3*time.Second
	full := os.Getenv("STREAMS") == "full"
	if full {
		count, look = 10_000, 20*time.Second
	}
	var lines []string
	for _, kind := range []string{"event stream", "websocket"} {
		for _, version := range streamVersions {
			name := kind + " over " + version.String()
			bytes := bytesOf(t, name)
			lines = append(lines, fmt.Sprintf("| %s | %d |", name, bytes))
			if bytes > 300 {
				t.Errorf("%s: %d bytes each, want 300 at most", name, bytes)
			}
		}
	}
	s := newStreams(t, fastBinary)
	s.upstream.address = manyStreams(t, s.upstream)
	n := s.nodes[0]
	s.start(n)
	s.start(s.nodes[1])
	v, w := s.newcomer("visitor1", n), s.newcomer("visitor2", n)
	empty, idle := n.measure(), n.cpu(look)
	crowd := s.openCrowd(n, v, count)
	held, busy := n.measure(), n.cpu(look)
	v.wantLogout(s.nodes[1], nil)
	apart := crowd.wantNone(n, time.Now())
	crowd = s.openCrowd(n, w, count)
	w.wantLogout(n, nil)
	here := crowd.wantNone(n, time.Now())
	page := fmt.Sprintf(streamsPage, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), strings.Join(lines, "\n"), count, streamSweep(count).Round(10*time.Microsecond),
		float64(idle)/float64(look)*100, float64(busy)/float64(look)*100, (held.heap-empty.heap)/count, here.Round(10*time.Millisecond), apart.Round(10*time.Millisecond), syncInterval)
	t.Log("\n" + page)
	if full && !t.Failed() {
		if err := os.WriteFile("../docs/evidence/streams.md", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const streamsPage = `# What open connections cost

Websockets, event streams and other long requests of signed-in visitors end with the session. For that, each node has a record of
every request that your site is answering. This page says what the records cost.

Measured on %s, on a machine with %d cores (%s/%s), %s. The clients and the site ran on the same machine.

    make streams

## Memory

What the handler adds to each open connection, in bytes. A test holds the limit of 300.

| open connection | bytes |
|---|---|
%s

## Time

With %d event streams of one person open, over HTTP/2:

| what | measured |
|---|---|
| one look at all of them | %s |
| CPU of Caddy before they were open, with a look each second | %.2f %% of a core |
| CPU of Caddy while they are open, with a look each second | %.2f %% of a core |
| heap of Caddy for each stream, with everything that it needs | %d bytes |
| from the sign-out to the end of all streams, on the same node | %s |
| from the sign-out to the end of all streams, on another node (` + "`sync_interval`" + ` is %[14]s here) | %[13]s |
`

// cpu returns how much time the node's process uses for itself meanwhile.
func (n *node) cpu(meanwhile time.Duration) time.Duration {
	n.t.Helper()
	used := func() (ticks int64) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.process.cmd.Process.Pid))
		if err != nil {
			n.t.Fatal(err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] { // in user mode, and in the kernel
			number, _ := strconv.ParseInt(field, 10, 64)
			ticks += number
		}
		return ticks
	}
	before := used()
	time.Sleep(meanwhile)
	return time.Duration(used()-before) * time.Second / 100
}

// goodBlock lets every connection go on.
type goodBlock struct{}

func (goodBlock) Key() uint64                                    { return 1 }
func (goodBlock) Config() *stream.Config                         { return nil }
func (goodBlock) Live() bool                                     { return true }
func (goodBlock) Opens(*stream.Visit) bool                       { return true }
func (goodBlock) Verdict(*stream.Visit, time.Time) stream.Reason { return "" }
func (goodBlock) Report(map[stream.Reason]int)                   {}
func (goodBlock) Interval() time.Duration                        { return time.Hour }

// bytesOf measures what a registry needs for a connection of a kind, beside what there is
// without it.
func bytesOf(t *testing.T, kind string) int {
	t.Helper()
	const count = 10_000
	registry := stream.New(time.Now)
	visit := stream.Visit{Session: new(session.Session), Found: new(session.Found)}
	writer := httptest.NewRecorder()
	requests := make([]*http.Request, count)
	connections, pages := make([]*stream.Conn, count), make([]net.Conn, count)
	buffers := bufio.NewReadWriter(bufio.NewReader(strings.NewReader("")), bufio.NewWriter(writer))
	connection, other := net.Pipe()
	defer other.Close()
	websocket := strings.HasPrefix(kind, "websocket")
	for i := range requests {
		requests[i] = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		switch requests[i].ProtoMajor = int(kind[strings.Index(kind, "HTTP/")+5] - '0'); {
		case websocket && requests[i].ProtoMajor == 2:
			requests[i].Method, requests[i].Header = http.MethodConnect, http.Header{":protocol": {"websocket"}}
		case websocket && requests[i].ProtoMajor == 3:
			requests[i].Method, requests[i].Proto = http.MethodConnect, "websocket"
		}
	}
	upgraded := http.Header{"Upgrade": {"websocket"}}
	events := http.Header{"Content-Type": {"text/event-stream"}}
	before := heapNow()
	for i, request := range requests {
		c := new(stream.Conn)
		connections[i] = c
		registry.Enter(c, writer, request, goodBlock{}, visit)
		switch {
		case !websocket:
			c.NoteHeader(events)
		case request.ProtoMajor == 1:
			c.NoteStatus(http.StatusSwitchingProtocols, upgraded)
			pages[i] = c.Hijacked(connection, buffers)
		default:
			c.NoteStatus(http.StatusOK, http.Header{})
		}
	}
	after := heapNow()
	open := registry.Count()
	if open[map[bool]stream.Kind{true: stream.Websocket, false: stream.EventStream}[websocket]] != count {
		t.Fatalf("%s: open are %v", kind, open)
	}
	runtime.KeepAlive(requests)
	runtime.KeepAlive(connections)
	runtime.KeepAlive(pages)
	return int(after-before) / count
}

// heapNow returns the bytes in use.
func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// streamSweep measures one look at so many connections that go on.
func streamSweep(count int) time.Duration {
	registry := stream.New(time.Now)
	defer registry.Join(goodBlock{})()
	visit := stream.Visit{Session: new(session.Session), Found: new(session.Found)}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	for range count {
		c := new(stream.Conn)
		registry.Enter(c, nil, request, goodBlock{}, visit)
		c.NoteHeader(http.Header{"Content-Type": {"text/event-stream"}})
	}
	registry.Sweep()
	began := time.Now()
	for range 10 {
		registry.Sweep()
	}
	return time.Since(began) / 10
}
