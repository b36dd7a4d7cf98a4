package e2e

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Clients and sites that do not let go, and a clock that is wrong: each session ends all the
// same, and the connections of others go on.
func TestL5_FaultsOfOpenConnections(t *testing.T) {
	table := newFaultTable("open connections")
	t.Run("all", func(t *testing.T) {
		for i, fault := range []struct {
			name  string
			story func(f *streamFault)
		}{
			{"a client that never answers the close", (*streamFault).neverAnswers},
			{"a client that stops reading", (*streamFault).stopsReading},
			{"a site that ignores the close", (*streamFault).ignoresTheClose},
			{"clock set by -1 h, then back", (*streamFault).clockSetBack},
			{"thousands of event streams of one person", (*streamFault).thousands},
		} {
			t.Run(fault.name, func(t *testing.T) {
				t.Parallel()
				fault.story(&streamFault{t: t, table: table, number: i, name: fault.name})
			})
		}
	})
	table.check(t)
}

// streamFault is one story of the table.
type streamFault struct {
	t      *testing.T
	table  *faultTable
	number int
	name   string

	*streamCluster
	node          *node
	leaves, stays *visitor
	lines         map[httpVersion]roundTripper
	staying       []*openPage
}

// begin starts nodes, and has somebody there who stays.
func (f *streamFault) begin(program binary, env ...string) {
	f.t.Helper()
	f.streamCluster = newStreams(f.t, program)
	f.start(f.nodes[0], env...)
	f.start(f.nodes[1])
	f.node = f.nodes[0]
	f.leaves, f.stays = f.newcomer("visitor1", f.node), f.newcomer("visitor2", f.node)
	f.lines = f.streamCluster.lines(f.node)
	f.staying = f.openAll(f.stays, f.lines)
}

// row writes a row of the table, after a look at what was lost.
func (f *streamFault) row(moment, visitor string) {
	f.t.Helper()
	const message = "ended open connections whose session has ended"
	f.node.process.waitUntil("a line in the log", func() bool { return strings.Contains(f.node.process.out.String(), message) })
	f.wantOpen(f.staying...)
	lost := nothing
	if !f.stays.alive(f.node) {
		lost = "the session of a visitor"
	}
	if f.leaves.alive(f.node) {
		lost = "a logout"
	}
	f.table.add(f.t, f.number, faultRow{
		fault: f.name, moment: moment, visitor: visitor, operator: "INFO " + message, metrics: "`connections_cut_total{reason=\"revoked\"}`, `open_connections`", lost: lost,
	})
}

// leave signs out on another node, where the visitor then signs in again for the next row.
func (f *streamFault) leave() (gone *visitor) {
	f.t.Helper()
	gone = f.leaves.twin()
	f.leaves.wantLogout(f.nodes[1], nil)
	f.leaves = gone
	return gone
}

func (f *streamFault) neverAnswers() {
	f.begin(raceBinary)
	for _, version := range streamVersions {
		f.leaves = f.newcomer("visitor1", f.node)
		p := newPage("visitor1", "websocket over %s that does not answer", version)
		p.wire = openWebsocket(f.t, version, f.lines[version], "/private/chat", cookie+"="+f.leaves.cookies[cookie])
		go p.listen(false)
		f.wantOpen(p)
		f.leave()
		f.wantCut(time.Now(), 0, p)
		if waited := p.at.Sub(p.framed); waited < closing/2 {
			f.t.Errorf("%s was closed after %s", p.what, waited)
		}
		f.wantNothingLeft(f.node, f.leaves.name)
		f.row("websocket over "+version.String(), "close 1008 `session_ended`; a second later, the connection ends")
	}
}

func (f *streamFault) stopsReading() {
	f.begin(raceBinary)
	for _, version := range streamVersions {
		for _, kind := range []string{"websocket", "event stream"} {
			f.leaves = f.newcomer("visitor1", f.node)
			cookies := cookie + "=" + f.leaves.cookies[cookie]
			var rest io.Reader
			if kind == "websocket" {
				rest = openWebsocket(f.t, version, f.lines[version], "/private/wall", cookies)
			} else {
				rest = openStream(f.t, f.lines[version], "/private/flood", cookies).Body
			}
			f.waitForJam()
			f.leave()
			began := time.Now()
			f.wantNothingLeft(f.node, f.leaves.name)
			if took := time.Since(began); took > syncInterval+closing+tolerance {
				f.t.Errorf("%s over %s: the site heard of it after %s", kind, version, took)
			}
			f.wantGauge()
			ended := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, rest); ended <- err }()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				f.t.Errorf("%s over %s: the connection does not end", kind, version)
			}
			f.row(kind+" over "+version.String(), "the connection ends")
		}
	}
}

// waitForJam waits until the site can send no more.
func (f *streamFault) waitForJam() {
	f.t.Helper()
	sent, since := int64(-1), time.Now()
	f.node.process.waitUntil("a jam", func() bool {
		if now := f.upstream.sent.Load(); now != sent {
			sent, since = now, time.Now()
		}
		return sent > 0 && time.Since(since) > 300*time.Millisecond
	})
}

// wantGauge wants those who stay to be all who are counted.
func (f *streamFault) wantGauge() {
	f.t.Helper()
	f.node.process.waitUntil("the end of the requests", func() bool {
		open, _ := f.node.streamMetrics()
		return open["websocket"] == 3 && open["event_stream"] == 3 && len(open) == 2
	})
}

func (f *streamFault) ignoresTheClose() {
	f.begin(raceBinary)
	for _, version := range streamVersions {
		f.leaves = f.newcomer("visitor1", f.node)
		p := f.websocket(f.leaves, version, f.lines[version], "/private/rude")
		f.wantOpen(p)
		f.leave()
		f.wantCut(time.Now(), 0, p)
		f.wantNothingLeft(f.node, f.leaves.name)
		f.row("websocket over "+version.String(), "close 1008 `session_ended`, and the end of the connection")
	}
}

// wallClock is the clock of a node with the program clockBinary.
type wallClock struct{ file string }

func newWallClock(t *testing.T) wallClock {
	t.Helper()
	return wallClock{filepath.Join(t.TempDir(), "clock")}
}

func (c wallClock) env() string { return "E2E_CLOCK=" + c.file }

// age makes all requests of the node older than they are.
func (c wallClock) age(t *testing.T, older time.Duration) {
	t.Helper()
	replaceFile(t, c.file+".aged", older.String())
}

// set puts the clock ahead of the right time, and waits until the node has noticed.
func (c wallClock) set(n *node, ahead time.Duration) {
	n.t.Helper()
	jumps := func() int { return strings.Count(n.process.out.String(), `"msg":"the clock`) }
	before := jumps()
	replaceFile(n.t, c.file, ahead.String())
	n.process.waitUntil("a warning about the clock", func() bool { return jumps() > before })
}

// clockSetBack leaves the clock of the other node alone. Somebody whose session is older than an
// hour signs out on the node with the wrong clock, and somebody else on the other.
func (f *streamFault) clockSetBack() {
	clock := newWallClock(f.t)
	f.begin(clockBinary, clock.env())
	old, young := f.holder("visitor3", 2*time.Hour), f.leaves
	here, elsewhere := f.openAll(old, f.lines), f.openAll(young, f.lines)
	clock.set(f.node, -time.Hour)
	f.wantOpen(f.staying...)
	f.wantOpen(here...)
	f.leaves = old.twin()
	old.wantLogout(f.node, nil)
	f.wantCut(time.Now(), 0, here...)
	f.wantOpen(f.staying...)
	young.twin().wantLogout(f.nodes[1], nil)
	clock.set(f.node, 0)
	f.wantCut(time.Now(), 0, elsewhere...)
	f.row("a logout on this node meanwhile", "all connections of the session end in time; those of others go on")
	f.leaves = young
	f.row("a logout on another node meanwhile", "all connections of the session end, at the latest once the clock is right; those of others go on")
}
