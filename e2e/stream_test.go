package e2e

import (
	"context"
	"net/url"
	"os/exec"
	"testing"
	"time"
)

// The streams of a visitor end with the session, whatever ends that, over each version of HTTP.
// Those of others on the same connections go on.
func TestL5_OpenConnectionsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	for _, story := range []struct {
		name, reason string
		extra        time.Duration // what it may take beside the interval
		end          func(s *streamCluster, v *visitor)
	}{
		{"a logout on another node", "revoked", 0, func(s *streamCluster, v *visitor) { v.twin().wantLogout(s.nodes[1], nil) }},
		{"a logout on the same node", "revoked", 0, func(s *streamCluster, v *visitor) { v.twin().wantLogout(s.nodes[0], nil) }},
		{"a logout everywhere in another browser", "revoked", 0, func(s *streamCluster, v *visitor) {
			s.newcomer(v.name, s.nodes[1]).wantLogout(s.nodes[1], url.Values{"everywhere": {"1"}})
		}},
		{"a new login in the same browser", "revoked", syncInterval, func(s *streamCluster, v *visitor) { // it may be written at the next look
			v.twin().signIn(s.nodes[1].address, s.nodes[1].address)
		}},
		{"a callback of Meta to another node", "revoked", 0, func(s *streamCluster, v *visitor) {
			if removal, err := s.simulator.RemoveApp(s.t.Context(), v.name); err != nil || removal.Deauthorize.Err != nil {
				s.t.Fatalf("the callback: %+v, %v", removal.Deauthorize, err)
			}
		}},
		{"the operator's command on another node", "revoked", 0, func(s *streamCluster, v *visitor) { s.revoke(s.nodes[1], "--user", idOf(v)) }},
		{"a reload that denies the account", "denied", 0, func(s *streamCluster, v *visitor) { s.load(s.nodes[0], "deny "+idOf(v)) }},
	} {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t, streamBinary)
			s.proxy = "stream_close_delay 5m" // without it, Caddy itself closes websockets at a reload
			s.start(s.nodes[0])
			s.start(s.nodes[1])
			n, leaves, stays := s.nodes[0], s.newcomer("visitor1", s.nodes[0]), s.newcomer("visitor2", s.nodes[0])
			lines := s.lines(n)
			staying, leaving := s.openAll(stays, lines), s.openAll(leaves, lines)
			story.end(s, leaves)
			s.wantCut(time.Now(), story.extra, leaving...)
			s.wantOpen(staying...)
			s.wantCounted(n, leaves, story.reason)
		})
	}
}

// wantCounted wants the pages of one visitor to have been cut, and those of another to be
// all that is open.
func (s *streamCluster) wantCounted(n *node, gone *visitor, reason string) {
	s.t.Helper()
	s.wantNothingLeft(n, gone.name)
	var open, cut map[string]int
	n.process.waitUntil("the end of the requests", func() bool {
		open, cut = n.streamMetrics()
		return open["websocket"] == 3 && open["event_stream"] == 3 && len(open) == 2
	})
	if cut[reason] != 6 || len(cut) != 1 {
		s.t.Errorf("cut were %v; want 6 for %s", cut, reason)
	}
}

// A session that ends by itself takes its streams with it, and not a second earlier.
func TestL5_OpenConnectionsEndWhenTheSessionExpires(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 1)
	n := s.nodes[0]
	lines := s.lines(n)
	staying := s.openAll(s.holder("visitor2", 0), lines)
	ago := holderLifetime - 6*time.Second
	expires := time.Now().Add(-ago).Truncate(time.Second).Add(holderLifetime)
	leaves := s.holder("visitor1", ago)
	leaving := s.openAll(leaves, lines)
	s.wantCut(expires, 0, leaving...)
	for _, p := range leaving {
		if early := expires.Sub(p.at); early > 0 {
			t.Errorf("%s ended %s early", p.what, early)
		}
	}
	s.wantOpen(staying...)
	s.wantCounted(n, leaves, "expired")
}

// A page that is open does not keep its session in use, whatever is said on it. Other requests do.
func TestL5_OpenConnectionsEndWhenTheSessionIsIdle(t *testing.T) {
	t.Parallel()
	clock := newWallClock(t)
	s := newStreams(t, clockBinary, "session {\n idle 10m\n}")
	n := s.nodes[0]
	s.start(n, clock.env())
	leaves, stays := s.newcomer("visitor1", n), s.newcomer("visitor2", n)
	lines := s.lines(n)
	staying, leaving := s.openAll(stays, lines), s.openAll(leaves, lines)
	clock.set(n, 6*time.Minute)
	if !stays.alive(n) {
		t.Fatal("somebody has been signed out")
	}
	for _, p := range leaving {
		if p.wire != nil {
			if err := p.wire.send(textFrame, []byte("I am here")); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.wantOpen(leaving...)
	s.wantOpen(staying...)
	clock.set(n, 12*time.Minute)
	s.wantCut(time.Now(), 0, leaving...)
	s.wantOpen(staying...)
	s.wantCounted(n, leaves, "idle")
}

// A download that takes longer than a minute is an open connection like any other. Until then it is
// a request that may finish.
func TestL5_LongRequestsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	clock := newWallClock(t)
	s := newStreams(t, clockBinary)
	n := s.nodes[0]
	s.start(n, clock.env())
	leaves, stays := s.newcomer("visitor1", n), s.newcomer("visitor2", n)
	lines := s.lines(n)
	var leaving, staying []*openPage
	for _, version := range streamVersions {
		leaving = append(leaving, s.events(leaves, version, lines[version], "/private/endless"))
		staying = append(staying, s.events(stays, version, lines[version], "/private/endless"))
	}
	open, cut := n.streamMetrics()
	if len(open) != 0 {
		t.Errorf("open are %v from the beginning", open)
	}
	witness := s.events(leaves, 1, lines[1], "/private/events")
	leaves.twin().wantLogout(n, nil)
	s.wantCut(time.Now(), 0, witness)
	s.wantOpen(leaving...)
	clock.age(t, time.Minute)
	n.process.waitUntil("long requests", func() bool {
		open, cut = n.streamMetrics()
		return cut["revoked"] == 1+3 && open["long"] == 3
	})
	s.wantCut(time.Now(), 0, leaving...)
	s.wantOpen(staying...)
	s.wantNothingLeft(n, leaves.name)
}

// revoke calls the operator's command for a node.
func (s *streamCluster) revoke(n *node, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, n.binary, append([]string{"instagram-auth", "revoke", "--address", n.admin}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("the command says %s, %v", out, err)
	}
}

// Pages that stay open know their visitor over each version of HTTP, also where visitors
// share a connection.
func TestH1_PagesThatStayOpenKnowTheirVisitor(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 1)
	lines := s.lines(s.nodes[0])
	pages := append(s.openAll(s.holder("visitor1", 0), lines), s.openAll(s.holder("visitor2", 0), lines)...)
	s.wantOpen(pages...)
}
