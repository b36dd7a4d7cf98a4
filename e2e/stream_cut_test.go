package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Handlers and clients that notice nothing by themselves: Caddy ends the connection all the same.

// slowEnd is the time that an end may take on a busy machine. Without the code that is tested, it
// takes longer: for example the five seconds that the farewell of TLS waits for a client.
const slowEnd = syncInterval + 4*closing

// newFastCGI returns two nodes with the site of the stream tests behind FastCGI, as PHP is
// served, and starts the first one.
func newFastCGI(t *testing.T, program binary, env ...string) (*streamCluster, *node) {
	t.Helper()
	s := newStreams(t, program)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { _ = fcgi.Serve(listener, s.upstream.handler) }()
	s.handler = "reverse_proxy " + listener.Addr().String() + " {\ntransport fastcgi\nflush_interval -1\n}"
	s.start(s.nodes[0], env...)
	return s, s.nodes[0]
}

// Caddy's FastCGI does not look at the request's context, and has no deadline. Only a reset that
// needs no help of the handler reaches the client.
func TestL5_ASilentEventStreamByFastCGIEndsForTheClient(t *testing.T) {
	t.Parallel()
	s, n := newFastCGI(t, streamBinary)
	s.start(s.nodes[1])
	lines, stays := s.lines(n), s.holder("visitor2", 0)
	for _, version := range streamVersions {
		staying := s.events(stays, version, lines[version], "/private/events")
		leaves := s.newcomer("visitor1", n)
		p := s.events(leaves, version, lines[version], "/private/deaf")
		n.process.waitUntil("an event", func() bool { return p.heard.Load() == 1 })
		leaves.wantLogout(s.nodes[1], nil)
		s.wantCut(time.Now(), 0, p)
		if s.upstream.openFor(leaves.name) != 1 {
			t.Errorf("over %s: this handler has noticed the end, so this test shows nothing", version)
		}
		close(s.upstream.takeDeaf())
		s.wantNothingLeft(n, leaves.name)
		s.wantOpen(staying)
	}
}

// A handler that is writing at the moment of the end, to clients that read and that do not.
func TestL5_ABusyEventStreamByFastCGIEndsForTheClient(t *testing.T) {
	t.Parallel()
	s, n := newFastCGI(t, streamBinary)
	s.start(s.nodes[1])
	for _, version := range streamVersions {
		leaves := s.newcomer("visitor1", n)
		var ends []<-chan error
		for i := range 6 {
			body := openStream(t, dialLine(t, version, s.secure[n]), "/private/flood", cookie+"="+leaves.cookies[cookie]).Body
			ended := make(chan error, 1)
			ends = append(ends, ended)
			go func() {
				if i%2 == 0 { // until there is a jam, and after the end
					_, _ = io.CopyN(io.Discard, body, 10_000)
					n.process.waitUntil("the end at the site", func() bool { return s.upstream.openFor(leaves.name) == 0 })
				}
				_, err := io.Copy(io.Discard, body)
				ended <- err
			}()
		}
		n.process.waitUntil("six streams", func() bool { return s.upstream.openFor(leaves.name) == 6 })
		leaves.wantLogout(s.nodes[1], nil)
		began := time.Now()
		s.wantNothingLeft(n, leaves.name)
		if took := time.Since(began); took > slowEnd {
			t.Errorf("over %s: the site heard of it after %s", version, took)
		}
		for _, ended := range ends {
			select {
			case err := <-ended:
				if err == nil {
					t.Errorf("over %s: half a response ends like a whole one", version)
				}
			case <-time.After(20 * time.Second):
				t.Errorf("over %s: a stream does not end", version)
			}
		}
	}
}

// A site may take its time to accept a websocket. Over HTTP/3, it ends then.
func TestL5_AWebsocketThatTheSiteHasNotAcceptedEndsForTheClient(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 2)
	n := s.nodes[0]
	v := s.newcomer("visitor1", n)
	request := newStreamRequest(t, http.MethodConnect, "/private/poll", cookie+"="+v.cookies[cookie])
	request.Header.Set("Sec-Websocket-Version", "13")
	request.Header[":protocol"] = []string{"websocket"}
	request.Body, _ = pipe()
	line, answered := s.lines(n)[2], make(chan error, 1)
	go func() {
		answer, err := answerOf(line, request)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode >= 300 {
				err = errors.New(answer.Status)
			}
		}
		answered <- err
	}()
	n.process.waitUntil("the handshake", func() bool { return s.upstream.openFor(v.name) == 1 })
	v.wantLogout(s.nodes[1], nil)
	began := time.Now()
	if err := <-answered; err == nil || time.Since(began) > slowEnd {
		t.Errorf("it ended after %s, %v", time.Since(began), err)
	}
	s.wantNothingLeft(n, v.name)
}

// A client that answers no close frame, and keeps sending.
func TestL5_AClientThatSendsAllTheTimeDoesNotKeepItsWebsocket(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 2)
	n := s.nodes[0]
	lines := s.lines(n)
	for _, version := range streamVersions {
		for range 2 {
			v := s.newcomer("visitor1", n)
			p := newPage(v.name, "websocket over %s that sends all the time", version)
			p.wire = openWebsocket(t, version, lines[version], "/private/chat", cookie+"="+v.cookies[cookie])
			go p.listen(false)
			s.wantOpen(p)
			go func() {
				for p.wire.send(textFrame, make([]byte, 100)) == nil {
					time.Sleep(100 * time.Microsecond)
				}
			}()
			v.wantLogout(s.nodes[1], nil)
			began := time.Now()
			s.wantNothingLeft(n, v.name)
			if took := time.Since(began); took > slowEnd {
				t.Errorf("over %s: the site heard of it after %s", version, took)
			}
		}
	}
}

// What a reverse proxy with HTTP/1.0 in front would pass on as a whole response.
func TestL5_AResponseOverHTTP10IsReset(t *testing.T) {
	t.Parallel()
	s := startStreams(t, streamBinary, 1)
	n := s.nodes[0]
	v := s.newcomer("visitor1", n)
	client, err := net.Dial("tcp", n.address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, _ = fmt.Fprintf(client, "GET /private/events HTTP/1.0\r\nHost: %s\r\nCookie: %s=%s\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\r\n", n.address, cookie, v.cookies[cookie])
	in := bufio.NewReader(client)
	if head, err := in.ReadString('\n'); !strings.Contains(head, " 200 ") || err != nil {
		t.Fatalf("answered %q, %v", head, err)
	}
	v.wantLogout(n, nil)
	_ = client.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, in); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it ends with %v", err)
	}
}

// Under an access log, Caddy puts a connection that the site takes over into another one, and the
// farewell of TLS waits for a client that does not read.
func TestL5_NoClientHoldsUpTheEndUnderAnAccessLog(t *testing.T) {
	t.Parallel()
	s := newStreams(t, streamBinary)
	s.handler = "log\nreverse_proxy " + s.upstream.address
	n := s.nodes[0]
	s.start(n)
	s.start(s.nodes[1])
	for _, protocol := range []string{"websocket", "other"} {
		v := s.newcomer("visitor1", n)
		cookies := cookie + "=" + v.cookies[cookie]
		for range 3 {
			s.upstream.sent.Store(0)
			if protocol == "websocket" {
				openWebsocket(t, 1, dialLine(t, 1, s.secure[n]), "/private/wall", cookies)
			} else {
				request := newStreamRequest(t, http.MethodGet, "/private/other", cookies)
				request.Header.Set("Connection", "Upgrade")
				request.Header.Set("Upgrade", protocol)
				answer, err := answerOf(dialLine(t, 1, s.secure[n]), request)
				if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("answered %v, %v", answer, err)
				}
				t.Cleanup(func() { _ = answer.Body.Close() })
			}
			(&streamFault{t: t, streamCluster: s, node: n}).waitForJam()
		}
		page := s.events(v, 2, dialLine(t, 2, s.secure[n]), "/private/events")
		v.wantLogout(s.nodes[1], nil)
		began := time.Now()
		s.wantCut(began, 0, page)
		s.wantNothingLeft(n, v.name)
		if took := time.Since(began); took > slowEnd {
			t.Errorf("%s: the site heard of it after %s", protocol, took)
		}
	}
}

// An upload over HTTP/3 whose handler waits for the site, and not for the client, when the session
// ends. Caddy then puts off the deadline with the next read.
func TestL5_AnUploadOverHTTP3EndsWithItsSession(t *testing.T) {
	t.Parallel()
	clock := newWallClock(t)
	s, n := newFastCGI(t, clockBinary, clock.env())
	v := s.newcomer("visitor1", n)
	request := newStreamRequest(t, http.MethodPost, "/private/upload", cookie+"="+v.cookies[cookie])
	body, toServer := pipe()
	request.Body, request.ContentLength = body, 1<<40 // without a length, Caddy's FastCGI reads all of it first
	t.Cleanup(func() { _ = toServer.Close() })
	line, ended := dialLine(t, 3, s.secure[n]), make(chan error, 1)
	go func() {
		answer, err := line.RoundTrip(request)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
		}
		ended <- err
	}()
	go func() {
		for part := make([]byte, 10_000); ; s.upstream.sent.Add(1) {
			if _, err := toServer.Write(part); err != nil {
				return
			}
		}
	}()
	(&streamFault{t: t, streamCluster: s, node: n}).waitForJam()
	clock.age(t, 2*time.Minute)
	v.wantLogout(n, nil)
	n.process.waitUntil("the end of the session", func() bool { _, cut := n.streamMetrics(); return cut["revoked"] == 1 })
	close(s.upstream.done) // the site reads on
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the upload ends like a whole one")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the upload goes on")
	}
	s.wantNothingLeft(n, v.name)
}
