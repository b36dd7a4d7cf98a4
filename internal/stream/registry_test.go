package stream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// block is a Block whose answers a test sets.
type block struct {
	key    uint64
	config *Config
	dead   atomic.Bool
	blind  atomic.Bool
	reason atomic.Pointer[Reason]

	mu       sync.Mutex
	reported map[Reason]int
}

func (b *block) Key() uint64             { return b.key }
func (b *block) Config() *Config         { return b.config }
func (b *block) Live() bool              { return !b.dead.Load() }
func (b *block) Opens(*Visit) bool       { return !b.blind.Load() }
func (b *block) Interval() time.Duration { return time.Hour }

func (b *block) Verdict(*Visit, time.Time) Reason {
	if reason := b.reason.Load(); reason != nil {
		return *reason
	}
	return ""
}

func (b *block) answer(reason Reason) { b.reason.Store(&reason) }

func (b *block) Report(ended map[Reason]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reported == nil {
		b.reported = make(map[Reason]int)
	}
	for reason, n := range ended {
		b.reported[reason] += n
	}
}

func (b *block) count(reason Reason) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reported[reason]
}

// env is a registry behind a real server. Requests for /wait are answered when the test says so.
type env struct {
	*Registry
	t      *testing.T
	server *httptest.Server
	clock  atomic.Int64 // seconds that the clock is ahead
	block  *block
	kind   Kind
	in     chan *Conn
	out    chan struct{}
	served atomic.Int32
}

func newEnv(t *testing.T) *env {
	e := &env{t: t, block: &block{key: 1}, kind: EventStream, in: make(chan *Conn), out: make(chan struct{})}
	began := time.Now()
	e.Registry = New(func() time.Time { return began.Add(time.Duration(e.clock.Load()) * time.Second) })
	e.server = httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	e.server.Config.ConnContext = WithConn
	e.server.Start()
	e.starts.Do(func() {}) // the tests look at connections themselves
	leave := e.Join(e.block)
	t.Cleanup(func() {
		e.server.CloseClientConnections()
		leave()
		e.Close(false)
		e.server.Close()
	})
	return e
}

func (e *env) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/wait" {
		_, _ = io.WriteString(w, "ok")
		return
	}
	c := new(Conn)
	e.Enter(c, w, r, e.block, Visit{Session: new(session.Session), Found: new(session.Found)})
	defer c.Leave()
	c.kind.Store(uint32(e.kind))
	_ = http.NewResponseController(w).Flush() // a client asks again if a connection ends before that
	e.in <- c
	select {
	case <-e.out:
		_, _ = io.WriteString(w, "answered")
	case <-r.Context().Done():
	}
	e.served.Add(1)
}

// ask sends a request that waits, and returns what becomes of it.
func (e *env) ask() (c *Conn, result <-chan string) {
	e.t.Helper()
	answers := make(chan string, 1)
	go func() {
		answer, err := e.server.Client().Get(e.server.URL + "/wait")
		if err != nil {
			answers <- "cut"
			return
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			answers <- "cut"
			return
		}
		answers <- string(body)
	}()
	return <-e.in, answers
}

func TestL5_TheBlockSaysWhichConnectionsEnd(t *testing.T) {
	for _, reason := range Reasons()[:7] {
		e := newEnv(t)
		_, result := e.ask()
		e.Sweep()
		if n := e.Count()[EventStream]; n != 1 {
			t.Errorf("%d event streams are open, want 1", n)
		}
		e.block.answer(reason)
		e.Sweep()
		if got := <-result; got != "cut" || e.block.count(reason) != 1 {
			t.Errorf("%s: %q, reported %v", reason, got, e.block.reported)
		}
	}
}

func TestL5_AShortRequestIsNeverCutAndALongOneIs(t *testing.T) {
	e := newEnv(t)
	e.kind = Request
	_, short := e.ask()
	e.block.answer(Revoked)
	e.Sweep()
	e.out <- struct{}{}
	if got := <-short; got != "answered" {
		t.Errorf("the short request was %s", got)
	}
	_, long := e.ask()
	e.clock.Add(59)
	e.Sweep()
	if n := e.Count(); n[Request] != 1 || n[Long] != 0 {
		t.Errorf("after 59 s: %v", n)
	}
	e.clock.Add(1)
	if n := e.Count(); n[Long] != 1 {
		t.Errorf("after a minute: %v", n)
	}
	e.Sweep()
	if got := <-long; got != "cut" {
		t.Errorf("the long request was %s", got)
	}
}

// A proxy in front sends many visitors' requests over one connection.
func TestL5_TheNextRequestOnAConnectionIsNotCut(t *testing.T) {
	e := newEnv(t)
	c, first := e.ask()
	e.out <- struct{}{}
	if got := <-first; got != "answered" {
		t.Fatalf("the first request was %s", got)
	}
	for e.Count()[EventStream] != 0 {
		time.Sleep(time.Millisecond) // until the handler has returned
	}
	_, second := e.ask() // over the same connection
	if c.end(Revoked) {
		t.Error("a request that is over was ended")
	}
	e.out <- struct{}{}
	if got := <-second; got != "answered" {
		t.Errorf("the second request was %s", got)
	}
}

func TestL5_AfterAReloadTheNewBlockDecides(t *testing.T) {
	for name, c := range map[string]struct {
		change func(e *env, heir *block)
		reason Reason
	}{
		"the same block goes on": {func(*env, *block) {}, ""},
		"it denies the account":  {func(_ *env, heir *block) { heir.answer(Denied) }, Denied},
		"its secret is another":  {func(_ *env, heir *block) { heir.blind.Store(true) }, Unverifiable},
		"its key is another one": {func(_ *env, heir *block) { heir.key = 2 }, ""},
		"its key is another one, and it denies": {func(_ *env, heir *block) {
			heir.key = 2
			heir.answer(Denied)
		}, Denied},
		"another block that cannot read the cookie": {func(_ *env, heir *block) {
			heir.key = 2
			heir.blind.Store(true)
		}, Removed},
		"the new configuration is not running yet": {func(e *env, heir *block) {
			heir.dead.Store(true)
			heir.answer(Denied)
			e.block.dead.Store(false)
		}, ""},
		"no configuration is running at this moment": {func(_ *env, heir *block) {
			heir.dead.Store(true)
			heir.answer(Denied)
		}, ""},
		"the old block would deny, and the new does not": {func(e *env, _ *block) { e.block.answer(Denied) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			_, result := e.ask()
			heir := &block{key: 1}
			defer e.Join(heir)()
			e.block.dead.Store(true)
			c.change(e, heir)
			e.Sweep()
			if c.reason == "" {
				e.out <- struct{}{}
				if got := <-result; got != "answered" {
					t.Errorf("the connection was %s", got)
				}
				return
			}
			if got := <-result; got != "cut" || heir.count(c.reason)+e.block.count(c.reason) != 1 {
				t.Errorf("the connection was %s; reported %v and %v", got, heir.reported, e.block.reported)
			}
		})
	}
}

// A server of the new configuration answers a little before that configuration counts as running.
// The older one may lack the secret, or deny the account.
func TestL5_WhatANewConfigurationAnswersIsNotJudgedByTheOldOne(t *testing.T) {
	e := newEnv(t)
	e.block.blind.Store(true)
	heir := &block{key: 1}
	heir.dead.Store(true)
	leave := e.Join(heir)
	defer leave()
	c := e.enter(heir, EventStream)
	defer c.Leave()
	if e.Sweep(); c.Ended() {
		t.Errorf("ended by the old block: %v", e.block.reported)
	}
	heir.dead.Store(false)
	heir.answer(Revoked)
	if e.Sweep(); !c.Ended() {
		t.Error("the new block does not end it")
	}
	other := e.enter(heir, EventStream)
	defer other.Leave()
	heir.dead.Store(true)
	leave() // it could not start
	if e.Sweep(); !other.Ended() {
		t.Error("what a configuration that could not start has answered goes on")
	}
}

// enter adds a request without a connection.
func (e *env) enter(b Block, kind Kind) *Conn {
	c := new(Conn)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	e.Enter(c, httptest.NewRecorder(), r, b, Visit{Session: new(session.Session), Found: new(session.Found)})
	c.kind.Store(uint32(kind))
	return c
}

// A request may have waited somewhere in front of the handler meanwhile.
func TestL5_AfterTheLastBlockLateRequestsEndToo(t *testing.T) {
	e := newEnv(t)
	e.mu.Lock()
	e.blocks = nil
	e.mu.Unlock()
	e.Close(true)
	for range 2 {
		c := e.enter(e.block, EventStream)
		for deadline := time.Now().Add(10 * time.Second); !c.Ended(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it goes on")
			}
		}
		c.Leave()
		for e.draining.Load() {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestL5_ATakenWebsocketStaysOneWhateverTheSiteSaysLater(t *testing.T) {
	e := newEnv(t)
	c := e.enter(e.block, Websocket)
	defer c.Leave()
	client, server := net.Pipe()
	defer client.Close()
	taken := c.Hijacked(server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)))
	defer taken.Close()
	c.NoteStatus(http.StatusBadGateway, make(http.Header))
	if got := c.Kind(time.Now()); got != Websocket {
		t.Errorf("it is %s", got)
	}
}

// Two sites of one app share their cookies' secret, and not the people whom they deny.
func TestL5_AnotherSitesBlockDoesNotJudgeAConnection(t *testing.T) {
	for _, other := range []Reason{"", Denied} {
		e := newEnv(t)
		_, result := e.ask()
		heir, neighbour := &block{key: 2}, &block{key: 3}
		neighbour.answer(other)
		defer e.Join(heir)()
		defer e.Join(neighbour)()
		e.block.dead.Store(true)
		e.Sweep()
		if e.block.count(Removed) != 1 {
			e.out <- struct{}{} // it went on, or was ended for another reason
		}
		if got := <-result; got != "cut" || e.block.count(Removed) != 1 || neighbour.count(other) != 0 {
			t.Errorf("%q: the connection was %s, reported %v and %v", other, got, e.block.reported, neighbour.reported)
		}
	}
}

// A site that a reload takes away leaves its connections to no other site. A site whose key changes
// keeps them.
func TestL5_ABlockThatWasThereBesideTheOldOneIsNoHeir(t *testing.T) {
	for name, c := range map[string]struct {
		keys   []uint64 // of the new configuration; the old one has 1 and 2
		denies uint64
		reason Reason
	}{
		"the site is gone":                        {[]uint64{2}, 0, Removed},
		"the site is gone, and the other denies":  {[]uint64{2}, 2, Removed},
		"the site has another key":                {[]uint64{2, 3}, 0, ""},
		"the other one denies":                    {[]uint64{2, 3}, 2, ""},
		"the site has another key, and it denies": {[]uint64{3, 2}, 3, Denied},
		"two new ones":                            {[]uint64{2, 3, 4}, 0, Removed},
		"nothing changes":                         {[]uint64{2, 1}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			join := func(config string, keys ...uint64) (blocks []*block) {
				for _, key := range keys {
					b := &block{key: key, config: e.Config(config)}
					t.Cleanup(e.Join(b))
					blocks = append(blocks, b)
				}
				return blocks
			}
			old := join("old", 1, 2)
			conn := e.enter(old[0], EventStream)
			defer conn.Leave()
			fresh := join("new", c.keys...)
			for _, b := range fresh {
				if b.key == c.denies {
					b.answer(Denied)
				}
			}
			for _, b := range []*block{e.block, old[1], old[0]} { // a sweep may come in between
				b.dead.Store(true)
			}
			reported := func(reason Reason) (n int) {
				for _, b := range append(fresh, old[0]) {
					n += b.count(reason)
				}
				return n
			}
			if e.Sweep(); conn.Ended() != (c.reason != "") || c.reason != "" && reported(c.reason) != 1 {
				t.Errorf("ended is %v, reported %v", conn.Ended(), old[0].reported)
			}
			if c.reason != "" {
				return
			}
			// The heir has the connection now, and may leave it to its own heir.
			last := join("last", 2, 5)
			for _, b := range fresh {
				b.dead.Store(true)
			}
			if e.Sweep(); conn.Ended() {
				t.Errorf("ended after another reload: %v", reported(Removed))
			}
			last[0].answer(Denied)
			if e.Sweep(); conn.Ended() {
				t.Error("the other site's block ends it")
			}
			last[1].answer(Denied)
			if e.Sweep(); !conn.Ended() {
				t.Error("its own block does not end it")
			}
		})
	}
}

// Two requests renew the same cookie, and only the answer to the other one can have it.
func TestL5_ACookieThatIsNotSentTakesNoLaterUseBack(t *testing.T) {
	e := newEnv(t)
	conn := e.enter(e.block, EventStream)
	defer conn.Leave()
	before, later := time.Unix(100, 0), time.Unix(200, 0)
	for _, renews := range []bool{false, true} {
		want := before
		if renews {
			want = later
			e.Touch(&session.Session{Keys: conn.visit.Session.Keys, Seen: later})
		}
		conn.Unrenewed(before)
		visit := conn.Visit()
		if seen, _ := visit.LastUse(); !seen.Equal(want) {
			t.Errorf("used at %s, want %s", seen, want)
		}
	}
}

func TestL5_OnlyTheReplacementOfItsSessionPutsAnEndOff(t *testing.T) {
	replaced := &session.Session{Keys: session.Keys{Session: 7}}
	for name, c := range map[string]struct {
		reason Reason
		of     uint64 // the session of the connection
		ended  bool
	}{
		"replaced":                   {Revoked, 7, false},
		"replaced, and denied":       {Denied, 7, true},
		"another session is revoked": {Revoked, 8, true},
	} {
		e := newEnv(t)
		conn := e.enter(e.block, EventStream)
		conn.visit.Session.Keys.Session = c.of
		done := e.Replacing(replaced)
		e.block.answer(c.reason)
		for range 2 {
			if e.Sweep(); conn.Ended() != c.ended {
				t.Errorf("%s: ended is %v", name, conn.Ended())
			}
			done() // of a callback that came twice
		}
		e.clock.Add(1)
		e.Sweep()
		if left := e.goingOn(e.now()); !conn.Ended() || len(left) != 0 {
			t.Errorf("%s: ended is %v, and %v is remembered", name, conn.Ended(), left)
		}
		conn.Leave()
	}
}

func TestL5_WithTheLastBlockItsConnectionsEnd(t *testing.T) {
	for _, cut := range []bool{true, false} {
		e := newEnv(t)
		leave := e.Join(&block{key: 5})
		_, result := e.ask()
		leave()
		e.mu.Lock()
		e.blocks = nil
		e.mu.Unlock()
		e.Close(cut)
		want := "cut"
		if !cut {
			want = "answered"
			e.out <- struct{}{}
		}
		if got := <-result; got != want {
			t.Errorf("cut is %v: the connection was %s", cut, got)
		}
	}
}

// A reload takes a block away while a handshake is under way.
func TestL5_WhatBecomesAStreamAfterTheLastBlockHasLeftEnds(t *testing.T) {
	e := newEnv(t)
	e.kind = Request
	c, result := e.ask()
	e.mu.Lock()
	e.blocks = nil
	e.mu.Unlock()
	e.Close(true)
	c.kind.Store(uint32(EventStream))
	select {
	case got := <-result:
		if got != "cut" {
			t.Errorf("the connection was %s", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestL5_AUseOfTheSessionIsNoted(t *testing.T) {
	e := newEnv(t)
	c, result := e.ask()
	seen := time.Unix(1000, 0)
	e.Touch(&session.Session{Seen: seen, Keys: session.Keys{Session: 5}})
	if got, _ := c.visit.LastUse(); !got.IsZero() {
		t.Errorf("another session's use counts: %v", got)
	}
	e.clock.Add(3)
	e.Touch(&session.Session{Seen: seen})
	if got, learned := c.visit.LastUse(); !got.Equal(seen) || learned != e.now() {
		t.Errorf("used at %v, learned at %v", got, learned)
	}
	earlier := seen.Add(-time.Hour) // the clock was set back meanwhile
	e.Touch(&session.Session{Seen: earlier})
	if got, _ := c.visit.LastUse(); !got.Equal(earlier) {
		t.Errorf("the latest use does not count: %v", got)
	}
	e.out <- struct{}{}
	<-result
}

// A connection that the site has taken over may outlive the handler.
func TestL5_ATakenConnectionEndsAfterItsHandlerHasReturned(t *testing.T) {
	b := &block{key: 1}
	g := New(time.Now)
	defer g.Close(false)
	defer g.Join(b)()
	taken := make(chan net.Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := new(Conn)
		g.Enter(c, w, r, b, Visit{Session: &session.Session{Began: time.Unix(7, 0)}, Found: new(session.Found)})
		defer c.Leave()
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		taken <- c.Hijacked(conn, rw)
		c.visit.Session.Began = time.Unix(8, 0) // as a state that is used again would do
	}))
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\nearly"); err != nil {
		t.Fatal(err)
	}
	conn := <-taken
	early := make([]byte, 5)
	if _, err := io.ReadFull(conn, early); string(early) != "early" || err != nil {
		t.Errorf("read %q, %v", early, err)
	}
	var c *Conn
	g.each(func(open *Conn) { c = open })
	for detached := false; !detached; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		detached = c.upgraded.detached
		c.mu.Unlock()
	}
	if n := g.Count()[Upgrade]; n != 1 {
		t.Fatalf("%d upgrades are open, want 1", n)
	}
	b.answer(Revoked)
	g.Sweep()
	if _, err := client.Read(early); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client reads %v", err)
	}
	if _, err := conn.Write(early); err == nil {
		t.Error("the site could write")
	}
	_ = conn.Close()
	if n := g.Count()[Upgrade]; n != 0 {
		t.Errorf("%d upgrades are open after the end", n)
	}
}

func TestOverLooksAtBothClocks(t *testing.T) {
	since := time.Now()
	end := since.Round(0).Add(time.Hour)
	for name, c := range map[string]struct {
		now  time.Time
		over bool
	}{
		"before it":                    {since.Add(time.Hour - time.Second), false},
		"at it":                        {since.Add(time.Hour), true},
		"the wall clock alone says so": {since.Add(time.Hour).Round(0), true},
		"the clock was set back, without another": {since.Round(0).Add(-time.Hour), false},
	} {
		if got := Over(end, since, c.now); got != c.over {
			t.Errorf("%s: over is %v", name, got)
		}
	}
}

// An open connection pays for itself with this and little else.
func TestAnOpenConnectionTakesLittleMemory(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 192 {
		t.Errorf("a request takes %d bytes, want at most 192", size)
	}
	if size := unsafe.Sizeof(Conn{}) + unsafe.Sizeof(upgraded{}) + unsafe.Sizeof(rawConn{}); size > 300 {
		t.Errorf("a websocket takes %d bytes, want at most 300", size)
	}
}
