package stream_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

// stream opens an event stream of a signed-in browser, and returns its lines. The channel is closed
// when the stream ends.
func openStream(t *testing.T, s *sitetest.Site, b *sitetest.Browser, path string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	answer, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, path).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", answer.Status)
	}
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(answer.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// events makes the upstream answer with an event stream that says hello and then nothing. Below
// /events/camera, it is one of pictures, with the header of a camera on sale.
func events(s *sitetest.Site) {
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/events") {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if strings.HasPrefix(r.URL.Path, "/events/camera") {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace;boundary=boundarydonotcross")
		}
		_, _ = w.Write([]byte("data: hello\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestL5_AnEventStreamEndsWithItsSession(t *testing.T) {
	for _, path := range []string{"/events", "/events/camera"} {
		t.Run(path, func(t *testing.T) { wantEndOfStream(t, path) })
	}
}

// wantEndOfStream signs out a visitor who has a stream open, while another visitor's goes on.
func wantEndOfStream(t *testing.T, path string) {
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1m"}) // the own node does not wait for it
	events(s)
	b, other := s.NewBrowser(), s.NewBrowser()
	b.SignIn("/page")
	other.SignIn("/page")
	mine, theirs := openStream(t, s, b, path), openStream(t, s, other, path)
	if line := <-mine; line != "data: hello" {
		t.Fatalf("the stream begins with %q", line)
	}
	<-theirs
	b.Logout(nil)
	select {
	case line, open := <-mine:
		if open {
			t.Errorf("the stream goes on with %q", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream is still open 10 s after the sign-out")
	}
	select {
	case <-theirs:
		t.Error("the stream of another session has ended")
	default:
	}
	s.WaitForLog("ended open connections whose session has ended", 1)
	lines := s.Logged("ended open connections whose session has ended")
	if len(lines) != 1 || lines[0]["revoked"] != 1.0 {
		t.Errorf("logged %v", lines)
	}
}

// The page of another tab asks at once why its connection has ended. If the browser did not have
// the new cookie by then, the page would say that the visitor is signed out.
func TestL5_S10_ANewSignInEndsTheOldSessionsStreamsAfterItsAnswer(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1m"})
	events(s)
	b := s.NewBrowser()
	b.SignIn("/page")
	lines := openStream(t, s, b, "/events")
	<-lines
	old, began := b.CookieHeader(), time.Now()
	b.SignIn("/instagram_auth/login?return_to=/page")
	s.WantAlive(old, false)
	select {
	case line, open := <-lines:
		if open {
			t.Errorf("the stream goes on with %q", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream is still open 10 s after the new sign-in")
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the stream has ended %v after the new sign-in began", took)
	}
}

// Caddy runs handle_errors after the handler has returned.
func TestL5_WhatHandleErrorsStreamsEndsWithTheSession(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{
		Before: "handle_errors {\nrewrite * /events\nreverse_proxy {upstream}\n}",
		After:  "error /missing* 404\nreverse_proxy {upstream}",
	})
	events(s)
	b := s.NewBrowser()
	b.SignIn("/page")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answer, err := b.HTTP.Do(sitetest.Navigation(t, http.MethodGet, "/missing").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	in := bufio.NewReader(answer.Body)
	if line, err := in.ReadString('\n'); line != "data: hello\n" || err != nil {
		t.Fatalf("the stream begins with %q, %v", line, err)
	}
	if who := s.Upstream.Last(t).Header.Get("X-Instagram-Username"); who != sitetest.Username {
		t.Errorf("the upstream sees %q", who)
	}
	b.Logout(nil)
	if line, err := in.ReadString('\n'); err == nil || ctx.Err() != nil {
		t.Errorf("the stream goes on: %q, %v", line, err)
	}
}

func TestL5_A9_AnEventStreamEndsWhenTheSignInBecomesTooOldForIt(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "max_age 1m /events/bills*\n sync_interval 1s"})
	events(s)
	b := s.NewBrowser()
	b.Plant(sitetest.SessionCookie, s.ReauthenticatedCookie(sitetest.Users()[0], 50*time.Second))
	bills, news := openStream(t, s, b, "/events/bills"), openStream(t, s, b, "/events/news")
	<-bills
	<-news
	select {
	case line, open := <-bills:
		if open {
			t.Errorf("the stream goes on with %q", line)
		}
	case <-time.After(25 * time.Second):
		t.Error("the stream is still open 75 s after the sign-in")
	}
	select {
	case <-news:
		t.Error("a stream that takes any session has ended")
	default:
	}
	s.WaitForLog("ended open connections whose session has ended", 1)
	lines := s.Logged("ended open connections whose session has ended")
	if len(lines) != 1 || lines[0]["too_old"] != 1.0 {
		t.Errorf("logged %v", lines)
	}
}

// Both blocks have let the request through, so that either session can end what handle_errors
// streams.
func TestL5_WhatHandleErrorsStreamsEndsWithEachSessionOfNestedBlocks(t *testing.T) {
	inner := sitetest.DefaultBlock("path_prefix /missing/inner\nsession {\ncookie inner\n}")
	inner = strings.Replace(inner, sitetest.RedirectURI, sitetest.Origin+"/missing/auth/", 1)
	for _, prefix := range []string{"/instagram_auth", "/missing/inner"} {
		s := sitetest.Start(t, sitetest.Config{
			Before:    "handle_errors {\nrewrite * /events\nreverse_proxy {upstream}\n}",
			After:     "handle /missing* {\n" + inner + "\nerror 404\n}\nreverse_proxy {upstream}",
			Redirects: []string{sitetest.Origin + "/missing/auth/"},
		})
		events(s)
		b := s.NewBrowser()
		b.SignIn("/page")
		b.SignIn("/missing/page")
		lines := openStream(t, s, b, "/missing")
		if line := <-lines; line != "data: hello" {
			t.Fatalf("the stream begins with %q", line)
		}
		request := b.LogoutRequest(nil)
		request.URL.Path = prefix + "/logout"
		if answer := b.Do(request); answer.StatusCode >= 400 {
			t.Fatalf("%s: the sign-out is answered %s", prefix, answer.Status)
		}
		select {
		case line, open := <-lines:
			if open {
				t.Errorf("%s: the stream goes on with %q", prefix, line)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the stream is still open 10 s after the sign-out", prefix)
		}
	}
}

// Two sites of one app share their cookies. So a reload that takes one away leaves one block that
// can read its cookies, and that is the other site's. A site that only has another redirect_uri
// keeps its connections, and the other site has no say in them.
func TestL5_AReloadThatTakesASiteAwayEndsItsConnectionsAndNoOthers(t *testing.T) {
	neighbour := func(host, callback, options string) string {
		block := strings.Replace(sitetest.DefaultBlock(options), sitetest.RedirectURI, "https://"+host+callback, 1)
		return "http://" + host + ":{port} {\n" + block + "\nreverse_proxy {upstream}\n}\n"
	}
	const interval, denies = "sync_interval 1s", "sync_interval 1s\ndeny " + sitetest.UserID
	for name, c := range map[string]struct {
		after string // the other sites after the reload
		ends  bool
	}{
		"it is gone":                  {"", true},
		"it has another redirect URI": {neighbour("a.test", "/other/", interval), false},
		"another site comes beside it": {
			neighbour("a.test", "/auth/", interval) + neighbour("b.test", "/auth/", denies), false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := sitetest.Config{Options: interval, Extra: neighbour("a.test", "/auth/", interval)}
			s := sitetest.Start(t, config)
			events(s)
			b, other := s.NewBrowser(), s.NewBrowser()
			for _, visitor := range []*sitetest.Browser{b, other} {
				visitor.SignIn("/page")
			}
			open := func(visitor *sitetest.Browser, address string) <-chan string {
				request := sitetest.Navigation(t, http.MethodGet, address)
				request.Header.Set("Cookie", visitor.CookieHeader())
				answer, err := visitor.HTTP.Do(request)
				if err != nil || answer.StatusCode != http.StatusOK {
					t.Fatalf("%s: %v %v", address, answer, err)
				}
				t.Cleanup(func() { _ = answer.Body.Close() })
				ended := make(chan string)
				go func() {
					_, _ = bufio.NewReader(answer.Body).ReadString(0)
					close(ended)
				}()
				return ended
			}
			mine, theirs := open(b, "https://a.test/events"), open(other, sitetest.Origin+"/events")
			config.Extra = c.after
			s.Load(config)
			if c.ends {
				await(t, mine, "the stream of the site that is gone")
				s.WaitForLog("ended open connections whose session has ended", 1)
				if lines := s.Logged("ended open connections whose session has ended"); lines[0]["removed"] != 1.0 {
					t.Errorf("logged %v", lines)
				}
				return
			}
			other.Logout(nil)
			await(t, theirs, "a stream whose session has ended")
			b.Logout(nil)
			await(t, mine, "a stream whose session has ended")
			s.WaitForLog("ended open connections whose session has ended", 2)
			for _, line := range s.Logged("ended open connections whose session has ended") {
				if line["revoked"] != 1.0 { // mine goes on until it is signed out
					t.Errorf("logged %v", line)
				}
			}
		})
	}
}

// await fails the test unless a stream ends.
func await(t *testing.T, ended <-chan string, what string) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Errorf("%s goes on", what)
	}
}
