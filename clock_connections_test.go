package instagramauth

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// connection is an event stream that a site sends to a visitor.
type connection struct {
	t       *testing.T
	h       *Handler
	at      *clock
	session session.Session
	cookie  string
	writes  chan chan error
	over    chan struct{}
	cut     bool // the site can no longer write
	aborted bool // instead of ending like a whole response; valid when over
}

// connect signs a visitor in, who then opens an event stream.
func connect(t *testing.T, options *Handler) *connection {
	t.Helper()
	c := &connection{t: t, at: new(clock), writes: make(chan chan error), over: make(chan struct{})}
	options.AppSecret, options.now = []string{benchSecret}, c.at.now
	c.h = provisionedWith(t, options, &certmagic.FileStorage{Path: t.TempDir()})
	who := session.Identity{UserID: "17841405793187218", AppScopedID: "25025320793187218", Username: "jayposiris"}
	var line string
	var err error
	if c.session, line, err = c.h.sessions.Create(t.Context(), who, session.Token{}, len(options.MaxAge) > 0); err != nil {
		t.Fatal(err)
	}
	c.cookie = pairOf(line)
	began := make(chan struct{})
	go func() {
		defer close(c.over)
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil {
				c.aborted = true
			}
		}()
		c.get(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "text/event-stream")
			_, err := w.Write([]byte("data: hello\n\n"))
			close(began)
			for result := range c.writes {
				_, err = w.Write([]byte("data: secret\n\n"))
				result <- err
			}
			return err
		})
	}()
	<-began
	t.Cleanup(func() {
		close(c.writes)
		if <-c.over; c.aborted != c.cut {
			t.Errorf("cut off is %v, and the response was aborted is %v", c.cut, c.aborted)
		}
	})
	return c
}

// get sends one request of the visitor, and returns the cookie that the answer sets.
func (c *connection) get(site caddyhttp.HandlerFunc) (cookie string) { return c.send(1, site) }

// send is get over a version of HTTP.
func (c *connection) send(version int, site caddyhttp.HandlerFunc) (cookie string) {
	w := httptest.NewRecorder()
	_ = c.h.ServeHTTP(w, c.request(version), site)
	return w.Header().Get("Set-Cookie")
}

func (c *connection) request(version int) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://example.test/events", nil)
	r.ProtoMajor = version
	r.Header.Set("Cookie", c.cookie)
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
}

// ended has the connections looked at, and reports whether the site can still write.
func (c *connection) ended() bool {
	c.h.memory.sessions.Open.Sweep()
	result := make(chan error)
	c.writes <- result
	c.cut = <-result != nil
	return c.cut
}

// A client must be able to tell half a file from the whole.
func TestL5_HalfAResponseOverHTTP3IsBrokenOff(t *testing.T) {
	c := connect(t, &Handler{})
	c.cut = true // the event stream belongs to the same session
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler {
			t.Errorf("the handler ends with %v", cause)
		}
	}()
	c.send(3, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("data: hello\n\n"))
		_ = c.h.sessions.Revoke(context.Background(), &c.session)
		c.h.memory.sessions.Open.Sweep()
		if r.Context().Err() == nil {
			t.Error("the request goes on")
		}
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("the rest")); n != 0 || err == nil {
			t.Errorf("the site sends %d bytes more, %v", n, err)
		}
		return nil
	})
}

// public answers as a site does whose answer any cache may show. So it can set no cookie.
func public(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=60")
	_, err := w.Write([]byte("data: hello\n\n"))
	return err
}

// A request whose answer carries the renewed cookie has used the session. In the browser, nothing
// else says so.
func TestL5_AConnectionLastsAsLongAsTheCookieThatItsAnswerLeaves(t *testing.T) {
	for name, site := range map[string]struct {
		answers  caddyhttp.HandlerFunc
		ends     bool
		advances time.Duration
	}{
		"a private answer":          {func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write(nil); return err }, false, 50 * time.Minute},
		"an answer for any visitor": {public, true, 15 * time.Minute},
		"no answer yet":             {func(http.ResponseWriter, *http.Request) error { return nil }, false, 50 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, &Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}})
			c.at.advance(50 * time.Minute)
			defer func() {
				if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
					panic(cause)
				} else if aborted := cause != nil; aborted != site.ends {
					t.Errorf("the connection is broken off: %v", aborted)
				}
				c.ended()
			}()
			c.send(2, func(w http.ResponseWriter, r *http.Request) error {
				_ = site.answers(w, r)
				c.at.advance(site.advances)
				c.h.memory.sessions.Open.Sweep()
				return nil
			})
		})
	}
}

func TestL5_WhatHandleErrorsAnswersLastsAsLongAsTheCookieThatIsSent(t *testing.T) {
	for name, shared := range map[string]bool{"the cookie is renewed": false, "caches may show the answer": true} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, &Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}})
			c.at.advance(50 * time.Minute)
			w, r := httptest.NewRecorder(), c.request(2)
			failed := c.h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				if shared {
					w.Header().Set("Cache-Control", "public")
				}
				return caddyhttp.Error(http.StatusBadGateway, nil)
			}))
			if sets := w.Header().Get("Set-Cookie") != ""; failed == nil || sets == shared {
				t.Fatalf("%v, with a cookie: %v", failed, sets)
			}
			defer func() {
				if aborted := recover() == http.ErrAbortHandler; aborted != shared {
					t.Errorf("the connection is broken off: %v", aborted)
				}
				c.ended()
			}()
			_ = lifecycle.ErrorRoute{}.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				c.at.advance(15 * time.Minute)
				c.h.memory.sessions.Open.Sweep()
				return nil
			}))
		})
	}
}

func TestL1_ASlowAnswerBringsNoRevokedSessionBack(t *testing.T) {
	c := connect(t, &Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}})
	c.at.advance(50 * time.Minute)
	cookie := c.get(func(w http.ResponseWriter, _ *http.Request) error {
		_ = c.h.sessions.Revoke(context.Background(), &c.session)
		_, err := w.Write(nil)
		return err
	})
	if cookie != "" {
		t.Errorf("the answer sets %s", cookie)
	}
	c.ended()
}

// Other tabs of the browser ask with the cookie that they have: the new one must have come by then.
func TestL5_AReplacedSessionKeepsItsConnectionsUntilTheNewCookieIsThere(t *testing.T) {
	c := connect(t, &Handler{})
	done := c.h.sessions.Replace(&c.session)
	if !c.h.sessions.Revoked(&c.session) {
		t.Error("the session is not revoked at once")
	}
	c.at.advance(2 * time.Second) // the disk is slow
	if c.ended() {
		t.Error("the connection ends before the answer to the sign-in")
	}
	done()
	c.at.advance(time.Second - time.Millisecond)
	if c.ended() {
		t.Error("the connection ends with the answer to the sign-in")
	}
	c.at.advance(time.Millisecond)
	if !c.ended() {
		t.Error("the connection goes on")
	}
}

// Requests and open connections must agree, or a page that is shown loses its event stream.
func TestA9_ARequestAndAnOpenConnectionAgreeOnTheSecond(t *testing.T) {
	c := connect(t, &Handler{MaxAge: []MaxAgeOptions{{Duration: caddy.Duration(10 * time.Minute)}}})
	for _, step := range []struct {
		passed time.Duration
		tooOld bool
	}{{10*time.Minute - time.Second, false}, {time.Second, true}, {time.Second, true}} {
		c.at.advance(step.passed)
		refused := true
		c.get(func(http.ResponseWriter, *http.Request) error { refused = false; return nil })
		if ended := c.ended(); refused != step.tooOld || ended != step.tooOld {
			t.Errorf("%v later: a request is refused: %v, the connection has ended: %v", step.passed, refused, ended)
		}
	}
}

func TestL5_EachEndOfASessionEndsItsConnections(t *testing.T) {
	lasting := caddy.Duration(24 * time.Hour)
	for name, c := range map[string]struct {
		options Handler
		change  func(c *connection)
		ended   bool
	}{
		"nothing happens":      {Handler{}, func(*connection) {}, false},
		"it is revoked":        {Handler{}, func(c *connection) { _ = c.h.sessions.Revoke(context.Background(), &c.session) }, true},
		"everywhere":           {Handler{}, func(c *connection) { _ = c.h.sessions.RevokeUser(context.Background(), &c.session) }, true},
		"all sessions":         {Handler{}, func(c *connection) { _ = c.h.sessions.List.EndAll(context.Background()) }, true},
		"another is revoked":   {Handler{}, func(c *connection) { _ = c.h.sessions.List.EndSessionByKey(context.Background(), 5) }, false},
		"a second too early":   {Handler{Session: SessionOptions{Lifetime: lasting}}, func(c *connection) { c.at.advance(24*time.Hour - time.Second) }, false},
		"its lifetime is over": {Handler{Session: SessionOptions{Lifetime: lasting}}, func(c *connection) { c.at.advance(24 * time.Hour) }, true},
		"it is not used":       {Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}}, func(c *connection) { c.at.advance(time.Hour) }, true},
		"another request uses it": {Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}}, func(c *connection) {
			c.at.advance(50 * time.Minute)
			if c.get(func(http.ResponseWriter, *http.Request) error { return nil }) == "" {
				c.t.Error("the session was not renewed")
			}
			c.at.advance(50 * time.Minute)
		}, false},
		"another request uses it, and caches may show its answer": {Handler{Session: SessionOptions{Idle: caddy.Duration(time.Hour)}}, func(c *connection) {
			c.at.advance(50 * time.Minute)
			if c.get(public) != "" {
				c.t.Error("the session was renewed")
			}
			c.at.advance(50 * time.Minute)
		}, true},
		"deny lists the account": {Handler{}, func(c *connection) {
			c.h.sessions.Deny, _ = lifecycle.ParseAccounts("deny", []string{"17841405793187218"})
		}, true},
		"allow lists another one": {Handler{}, func(c *connection) {
			c.h.sessions.Allow, _ = lifecycle.ParseAccounts("allow", []string{"1"})
		}, true},
		"a permission is required": {Handler{}, func(c *connection) { c.h.sessions.Required = instagram.Permissions(1) }, true},
		"the storage is silent":    {Handler{}, func(c *connection) { c.h.sessions.MaxStaleness = time.Minute; c.at.advance(time.Hour) }, true},
		"but may be":               {Handler{}, func(c *connection) { c.at.advance(time.Hour) }, false},
		"the clock is set back":    {Handler{}, func(c *connection) { c.at.advance(-time.Hour) }, false},
		"the site keeps sessions":  {Handler{}, func(c *connection) { c.h.sessions.Handoff = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			open := connect(t, &c.options)
			if open.ended() {
				t.Fatal("the connection has ended at once")
			}
			c.change(open)
			if got := open.ended(); got != c.ended {
				t.Errorf("ended is %v", got)
			}
		})
	}
}
