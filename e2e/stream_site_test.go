package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// streamCluster is nodes in front of a site with pages that stay open. Each node has a port
// for every version of HTTP, and one without TLS.
type streamCluster struct {
	*cluster
	upstream *streamUpstream
	secure   map[*node]string // addresses
	proxy    string           // further lines of reverse_proxy
	handler  string           // what answers instead, "" for reverse_proxy
}

// withWebsocketsOverHTTP2 makes Go's HTTP/2 server and client offer extended CONNECT.
const withWebsocketsOverHTTP2 = "GODEBUG=http2xconnect=1"

// startStreams runs so many nodes. The options are further lines of their instagram_auth.
func startStreams(t *testing.T, program binary, count int, options ...string) *streamCluster {
	t.Helper()
	s := newStreams(t, program, options...)
	for _, n := range s.nodes[:count] {
		s.start(n)
	}
	return s
}

func newStreams(t *testing.T, program binary, options ...string) *streamCluster {
	t.Helper()
	s := &streamCluster{cluster: newCluster(t, program, inFiles(t), options...), upstream: startStreamUpstream(t), secure: make(map[*node]string)}
	for _, n := range s.nodes {
		s.secure[n] = "127.0.0.1:" + freePort(t)
		n.file = filepath.Join(t.TempDir(), "Caddyfile")
	}
	return s
}

// start starts a node, with further environment variables.
func (s *streamCluster) start(n *node, env ...string) {
	s.t.Helper()
	if err := os.WriteFile(n.file, []byte(s.caddyfile(n, "")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.run(n, env...)
}

// run is start where the configuration has been written.
func (s *streamCluster) run(n *node, env ...string) {
	s.t.Helper()
	n.process = runBinary(s.t, n.binary, n.file, append(env, withWebsocketsOverHTTP2), n.address, s.secure[n], n.admin)
	n.process.waitUntil("a certificate", func() bool {
		client := &http.Transport{TLSClientConfig: withoutCheck("http/1.1"), DisableKeepAlives: true}
		request, err := http.NewRequest(http.MethodGet, "https://"+s.secure[n]+"/", nil)
		if err != nil {
			return false
		}
		request.Host = "example.test"
		answer, err := client.RoundTrip(request)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil
	})
}

// caddyfile is a node's configuration, with further lines in its instagram_auth.
func (s *streamCluster) caddyfile(n *node, further string) string {
	handler := s.handler
	if handler == "" {
		handler = fmt.Sprintf("reverse_proxy %s {\n%s\n}", s.upstream.address, s.proxy)
	}
	return fmt.Sprintf(`{
		admin %s
		auto_https disable_redirects
		skip_install_trust
		persist_config off
		default_bind 127.0.0.1
		%s
		%s
	}
	(site) {
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri %s
			endpoints %s
			sync_interval %s
			%s
			%s
		}
		%s
	}
	http://:%s {
		import site
	}
	https://example.test:%s {
		tls internal
		import site
	}`, n.admin, s.storage.caddyfile, s.global, appID, appSecret, callback, s.instagram, syncInterval, s.options, further,
		handler, portOf(n.address), portOf(s.secure[n]))
}

// load replaces a node's configuration by one with further lines.
func (s *streamCluster) load(n *node, further string) {
	s.t.Helper()
	if err := postConfig(n.admin, s.caddyfile(n, further)); err != nil {
		s.t.Fatal(err)
	}
	n.process.waitForOneListener(n.address, s.secure[n])
}

// idOf is the ID of a visitor at Instagram.
func idOf(v *visitor) string {
	number, _ := strconv.Atoi(strings.TrimPrefix(v.name, "visitor"))
	return fmt.Sprint(17841405793187218 + number)
}

// newcomer is a visitor who has signed in on a node.
func (s *streamCluster) newcomer(name string, n *node) *visitor {
	s.t.Helper()
	v := s.visitor(name)
	v.signIn(n.address, n.address)
	return v
}

// holderLifetime is how long the sessions of holders last.
const holderLifetime = 3 * time.Hour

// holderKeys counts what a list of revoked sessions knows holders by.
var holderKeys atomic.Uint64

// holder is a visitor with a session that was made elsewhere, some time ago.
func (s *streamCluster) holder(name string, ago time.Duration) *visitor {
	s.t.Helper()
	v := s.visitor(name)
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: holderLifetime,
		Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	first := 4 * holderKeys.Add(1)
	_, header, _, err := cookies.Create(session.Session{
		Identity: session.Identity{UserID: idOf(v), Username: name}, Keys: session.Keys{Session: first, User: first + 1, AppScoped: first + 2},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	pair, _, _ := strings.Cut(header, ";")
	v.cookies[cookie] = strings.TrimPrefix(pair, cookie+"=")
	return v
}

// lines are connections of all versions to a node. Visitors can share them, as they share
// those of a proxy in front.
func (s *streamCluster) lines(n *node) map[httpVersion]roundTripper {
	s.t.Helper()
	lines := make(map[httpVersion]roundTripper)
	for _, version := range streamVersions {
		lines[version] = dialLine(s.t, version, s.secure[n])
	}
	return lines
}

// openPage is a page that is open at a visitor's.
type openPage struct {
	what  string
	name  string // the visitor's, which the page says again and again
	wire  *websocketWire
	heard atomic.Int64

	ended  chan struct{} // closed when the page has ended; then the rest is known
	at     time.Time
	framed time.Time // when a websocket got its close frame
	code   int       // of the close frame
	reason string
	after  int // what came after it, in bytes
	err    error
}

func newPage(name, format string, values ...any) *openPage {
	return &openPage{name: name, what: name + "'s " + fmt.Sprintf(format, values...), ended: make(chan struct{})}
}

// events opens an event stream.
func (s *streamCluster) events(v *visitor, version httpVersion, line roundTripper, path string) *openPage {
	s.t.Helper()
	p := newPage(v.name, "event stream over %s", version)
	answer := openStream(s.t, line, path, cookie+"="+v.cookies[cookie])
	if answer.StatusCode != http.StatusOK || answer.Proto[:6] != version.String()[:6] || answer.ProtoMajor != int(version) {
		s.t.Fatalf("%s was answered %s %s", p.what, answer.Proto, answer.Status)
	}
	go func() {
		p.end(readEvents(answer.Body, p.hear))
	}()
	return p
}

// hear takes down what a page says.
func (p *openPage) hear(text string) {
	if text == p.name {
		p.heard.Add(1)
	}
}

func (p *openPage) end(err error) {
	p.err, p.at = err, time.Now()
	close(p.ended)
}

// websocket opens one whose client answers a close, as browsers do.
func (s *streamCluster) websocket(v *visitor, version httpVersion, line roundTripper, path string) *openPage {
	s.t.Helper()
	p := newPage(v.name, "websocket over %s", version)
	p.wire = openWebsocket(s.t, version, line, path, cookie+"="+v.cookies[cookie])
	go p.listen(true)
	return p
}

// listen reads frames until the connection has ended.
func (p *openPage) listen(answers bool) {
	for {
		kind, payload, err := p.wire.next()
		switch {
		case err != nil:
			p.end(err)
			return
		case p.code != 0:
			p.after += len(payload) + 2
		case kind == textFrame:
			p.hear(string(payload))
		case kind == pingFrame:
			_ = p.wire.send(pongFrame, payload)
		case kind == closeFrame:
			p.code, p.framed = 1005, time.Now()
			if len(payload) >= 2 {
				p.code, p.reason = int(payload[0])<<8|int(payload[1]), string(payload[2:])
			}
			if answers {
				_ = p.wire.send(closeFrame, payload[:min(len(payload), 2)])
			}
		}
	}
}

// openAll opens a websocket and an event stream over each version.
func (s *streamCluster) openAll(v *visitor, lines map[httpVersion]roundTripper) (pages []*openPage) {
	s.t.Helper()
	for _, version := range streamVersions {
		pages = append(pages, s.websocket(v, version, lines[version], "/private/chat"), s.events(v, version, lines[version], "/private/events"))
	}
	s.wantOpen(pages...)
	return pages
}

// wantOpen waits until each page has said something new.
func (s *streamCluster) wantOpen(pages ...*openPage) {
	s.t.Helper()
	before := make([]int64, len(pages))
	for i, p := range pages {
		before[i] = p.heard.Load()
	}
	for i, p := range pages {
		for deadline := time.Now().Add(15 * time.Second); p.heard.Load() < before[i]+3; time.Sleep(5 * time.Millisecond) {
			select {
			case <-p.ended:
				s.t.Fatalf("%s has ended: %v, close %d %q", p.what, p.err, p.code, p.reason)
			default:
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s says nothing any more", p.what)
			}
		}
	}
}

// sessionEnded is what a websocket of a session that has ended is framed.
const (
	policyViolation = 1008
	sessionEnded    = "session_ended"
)

// closing is what a client of a websocket may take to answer a close.
const closing = time.Second

// wantCut waits until pages have ended, for at most a sync interval and what else the test
// allows, and wants each websocket to have been framed that its session has ended.
func (s *streamCluster) wantCut(began time.Time, allowed time.Duration, pages ...*openPage) {
	s.t.Helper()
	s.wantEnd(began, allowed, policyViolation, sessionEnded, pages...)
}

// wantEnd is wantCut where websockets are framed something else.
func (s *streamCluster) wantEnd(began time.Time, allowed time.Duration, code int, reason string, pages ...*openPage) {
	s.t.Helper()
	var longest time.Duration
	for _, p := range pages {
		select {
		case <-p.ended:
		case <-time.After(time.Until(began.Add(15*time.Second + allowed))):
			s.t.Errorf("%s goes on after %s", p.what, time.Since(began).Round(time.Millisecond))
			continue
		}
		took, framed := p.at.Sub(began), p.at.Sub(began)
		if p.wire != nil { // then there is time for an answer
			framed = p.framed.Sub(began)
			took -= closing
		}
		longest = max(longest, framed)
		if max(framed, took) > syncInterval+tolerance+allowed {
			s.t.Errorf("%s was framed after %s, and ended after %s", p.what, framed.Round(time.Millisecond), p.at.Sub(began).Round(time.Millisecond))
		}
		if p.wire != nil && (p.code != code || p.reason != reason || p.after != 0) {
			s.t.Errorf("%s ended with the code %d, %q, %d bytes after it, %v; want %d, %q", p.what, p.code, p.reason, p.after, p.err, code, reason)
		}
		if errors.Is(p.err, errBrokenFrame) {
			s.t.Errorf("%s: %v", p.what, p.err)
		}
	}
	s.t.Logf("%d pages ended within %s", len(pages), longest.Round(time.Millisecond))
}

// wantNothingLeft waits until the site behind has seen the end of a visitor's pages.
func (s *streamCluster) wantNothingLeft(n *node, name string) {
	s.t.Helper()
	n.process.waitUntil("the end of what the site does for "+name, func() bool { return s.upstream.openFor(name) == 0 })
}

var streamMetric = regexp.MustCompile(`(?m)^caddy_instagram_auth_(open_connections|connections_cut_total)\{app_id="\d+",(?:kind|reason)="(\w+)"\} (\S+)$`)

// streamMetrics returns the metrics of open connections: the gauge by kind, the counter by
// reason.
func (n *node) streamMetrics() (open, cut map[string]int) {
	n.t.Helper()
	open, cut = make(map[string]int), make(map[string]int)
	for _, match := range streamMetric.FindAllStringSubmatch(n.ask("/metrics"), -1) {
		number, _ := strconv.ParseFloat(match[3], 64)
		if number == 0 {
			continue
		}
		map[bool]map[string]int{true: open, false: cut}[match[1] == "open_connections"][match[2]] = int(number)
	}
	return open, cut
}

// streamBinary is the program of these tests.
var streamBinary = raceBinary
