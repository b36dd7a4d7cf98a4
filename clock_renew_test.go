package instagramauth

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// storm sends many requests of one visitor at once, spread over all nodes, and waits
// until what they have set off is done.
func (v *visitor) storm(requests int) {
	v.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "https://example.test/page", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.jar.Cookies(request.URL) {
		request.AddCookie(c)
	}
	var all sync.WaitGroup
	var good atomic.Int32
	slots := make(chan struct{}, 100)
	for i := range requests {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			r, n := request.Clone(v.t.Context()), v.nodes[i%len(v.nodes)]
			r.URL.Scheme, r.URL.Host, r.Host = "http", n.addr, "example.test"
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				good.Add(1)
			}
		})
	}
	all.Wait()
	for _, n := range v.nodes {
		n.sessions.Background.Wait()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if int(good.Load()) != requests {
		v.t.Errorf("%d of %d requests were answered", good.Load(), requests)
	}
}

func TestT7_ATokenIsRefreshedOnceHoweverManyRequestsComeIn(t *testing.T) {
	for name, c := range map[string]struct{ nodes, requests int }{
		"one node":    {1, 1000},
		"two nodes":   {2, 50},
		"three nodes": {3, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, longLived(0))
			for range c.nodes - 1 {
				w.addNode()
			}
			v := w.newVisitor()
			v.signIn()
			first := v.wantSignedIn("jayposiris")
			w.at.advance(25 * time.Hour)
			v.storm(c.requests)
			w.wantCalls(simulator.Refresh, 1, "at refresh time")
			v.storm(c.requests)
			w.wantCalls(simulator.Refresh, 1, "and a moment later")
			// The node that has asked hands the cookie over, and all know it then.
			for range c.nodes {
				v.wantSignedIn("jayposiris")
			}
			for range c.nodes {
				if token := v.wantSignedIn("jayposiris"); token == first || !w.accepts(token) {
					t.Error("a node goes on with the old token")
				}
			}
			w.wantCalls(simulator.Refresh, 1, "in all")
		})
	}
}

func TestT7_AFailedRefreshKeepsTheSessionAndARevokedTokenEndsItEverywhere(t *testing.T) {
	w := newWorld(t, longLived(0))
	other := w.addNode()
	v := w.newVisitor()
	v.signIn()
	for _, kind := range []simulator.FaultKind{simulator.Status500, simulator.Status502, simulator.HTML, simulator.Truncated, simulator.Reset, simulator.WrongTypes, simulator.RateLimit, simulator.Redirect} {
		w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: kind})
		for range 4 {
			w.at.advance(8 * time.Hour)
			if token := v.wantSignedIn("jayposiris"); !w.accepts(token) {
				t.Errorf("%s: there is no good token", kind)
			}
		}
	}
	// An answer that only looks like one about the token, from a server that fails.
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.Answer, Status: 500, ContentType: "application/json", Body: `{"error":{"message":"x","code":190,"error_subcode":458}}`})
	w.at.advance(8 * time.Hour)
	v.wantSignedIn("jayposiris")
	v.wantSignedIn("jayposiris")
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{})

	if _, err := w.instagram.RemoveApp(t.Context(), "jayposiris"); err != nil {
		t.Fatal(err)
	}
	w.at.advance(8 * time.Hour)
	v.wantSignedIn("jayposiris")
	v.wantSignedIn("jayposiris")
	for _, n := range w.nodes {
		n.sessions.List.Sync(t.Context())
	}
	for _, n := range []*node{w.nodes[0], other} {
		if answer := v.ask(n, "/page"); answer.StatusCode != http.StatusFound {
			t.Errorf("after the app was removed: %s", answer.Status)
		}
	}
}

func TestN4_RevalidationHasItsCodesRight(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		ends         bool
	}{
		{"expired", `{"error":{"message":"m","code":190,"error_subcode":463}}`, true},
		{"password changed", `{"error":{"message":"m","code":190,"error_subcode":460}}`, true},
		{"app removed", `{"error":{"message":"m","code":190,"error_subcode":458}}`, true},
		{"invalidated", `{"error":{"message":"m","code":190,"error_subcode":467}}`, true},
		{"no subcode", `{"error":{"message":"m","code":190}}`, true},
		{"rate limit of the app", `{"error":{"message":"m","code":4}}`, false},
		{"rate limit of the account", `{"error":{"message":"m","code":17}}`, false},
		{"permission", `{"error":{"message":"m","code":10}}`, false},
		{"unknown field", `{"error":{"message":"m","code":100}}`, false},
		{"temporary", `{"error":{"message":"m","code":2}}`, false},
		{"no profile", `{"id":"17841405793187218"}`, false},
		{"somebody else's profile", `{"id":"25025320822304914","user_id":"17841405822304914","username":"maria.sees"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, longLived(time.Hour))
			v := w.newVisitor()
			v.signIn()
			status := 400
			if !strings.Contains(c.answer, "error") {
				status = 200
			}
			w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: status, ContentType: "application/json", Body: c.answer})
			w.at.advance(2 * time.Hour)
			v.wantSignedIn("jayposiris")
			if answer := v.get("/page"); (answer.StatusCode == http.StatusFound) != c.ends {
				t.Errorf("answered %s", answer.Status)
			}
		})
	}
}

func TestAFieldThatIsNoLongerThereIsForgotten(t *testing.T) {
	w := newWorld(t, longLived(time.Hour))
	v := w.newVisitor()
	v.signIn()
	if got := v.get("/page").Header.Get("Seen-Name"); got != "Jay%20Posiris" {
		t.Errorf("name = %q", got)
	}
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: `{"user_id":"17841405793187218","username":"jayposiris"}`})
	w.at.advance(2 * time.Hour)
	v.get("/page")
	if got := v.get("/page").Header.Get("Seen-Name"); got != "" {
		t.Errorf("name = %q", got)
	}
}

func TestN3_WhatIsAskedOfInstagramIsBounded(t *testing.T) {
	w := newWorld(t, longLived(time.Hour))
	var visitors []*visitor
	for range lifecycle.MaxConcurrentRefreshes + 5 {
		v := w.newVisitor()
		v.signIn()
		visitors = append(visitors, v)
	}
	w.instagram.ResetCalls()
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Hang})
	w.at.advance(2 * time.Hour)
	for _, v := range visitors {
		if answer := v.ask(w.nodes[0], "/page"); answer.StatusCode != http.StatusOK {
			t.Fatalf("answered %s", answer.Status)
		}
	}
	waitFor(t, func() bool { return w.instagram.Calls(simulator.UserNode) == lifecycle.MaxConcurrentRefreshes })
	// Shutting down waits for none of them, and nothing is left.
	began := time.Now()
	if err := w.nodes[0].Cleanup(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if answer := visitors[0].ask(w.nodes[0], "/page"); answer.StatusCode != http.StatusOK {
		t.Errorf("a request that was still on its way was answered %s", answer.Status)
	}
	w.wantCalls(simulator.UserNode, lifecycle.MaxConcurrentRefreshes, "after the end")
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if condition() {
			return
		}
	}
	t.Fatal("waited for too long")
}

func TestA6_APanicBesideARequestEndsNothing(t *testing.T) {
	w := newWorld(t, longLived(time.Hour))
	v := w.newVisitor()
	v.signIn()
	h := w.nodes[0].Handler
	calls := h.settings.Provider.Client.Client
	h.settings.Provider.Client.Client = nil
	if wait := h.sessions.Refresh(t.Context(), h.sessions.NewSession(identityNamed("jayposiris"), sessionTokenOf(w)), &h.sessions.Refreshes[0]); wait != lifecycle.RetryDelay {
		t.Errorf("not asked for %v", wait)
	}
	h.settings.Provider.Client.Client = calls
	v.wantSignedIn("jayposiris")
}

// A client that keeps no cookie costs no more calls than one that does.
func TestAClientThatKeepsNoCookieIsAskedAboutNoMoreOften(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	v.wantSignedIn("jayposiris")
	kept := v.jar
	w.instagram.ResetCalls()
	for range 10 * 24 {
		w.at.advance(time.Hour)
		fixed := w.newVisitor()
		for _, c := range kept.Cookies(mustURL("https://example.test/")) {
			fixed.jar.SetCookies(mustURL("https://example.test/"), []*http.Cookie{c})
		}
		fixed.wantSignedIn("jayposiris")
	}
	if calls := w.instagram.Calls(simulator.UserNode); calls > 10*4 {
		t.Errorf("%d calls to the user node in ten days", calls)
	}
	if calls := w.instagram.Calls(simulator.Refresh); calls > 10 {
		t.Errorf("%d refreshes in ten days", calls)
	}
}

func TestAReloadForgetsNoResult(t *testing.T) {
	w := newWorld(t, longLived(time.Hour))
	v := w.newVisitor()
	v.signIn()
	if err := w.instagram.Rename("jayposiris", "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	w.at.advance(2 * time.Hour)
	v.wantSignedIn("jayposiris")
	before := w.nodes[0]
	w.nodes = nil
	reloaded := *w.options
	reloaded.now, reloaded.Session.Idle = w.at.now, caddy.Duration(day)
	w.options = &reloaded
	w.addNode()
	if err := before.Cleanup(); err != nil {
		t.Fatal(err)
	}
	v.wantSignedIn("jay.renamed")
}

// BenchmarkSignedInWhileInstagramHangs tells what a request costs of a visitor about whom
// Instagram is asked again with each hundredth one, while it answers and while it hangs, and
// the ratio of the two. No request waits for the answer.
func BenchmarkSignedInWhileInstagramHangs(b *testing.B) {
	answers, hangs := newDueRequests(b, simulator.Fault{}), newDueRequests(b, simulator.Fault{Kind: simulator.Hang})
	var took [2]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		// In turn, so that whatever else the machine does meets both.
		for i, r := range []*dueRequests{answers, hangs} {
			began := time.Now()
			r.one(b)
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "ns/answering")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(b.N), "ns/hanging")
	b.ReportMetric(float64(took[1])/float64(took[0]), "hanging/answering")
}

// dueRequests are the requests of a visitor who keeps what cookies they get.
type dueRequests struct {
	*node
	at      *clock
	request *http.Request
	cookie  []string
	w       *discard
	made    int
}

func newDueRequests(b *testing.B, fault simulator.Fault) *dueRequests {
	options := longLived(time.Minute)
	options.Session.Lifetime = caddy.Duration(365 * day)
	w := newWorld(b, options)
	w.nodes = append(w.nodes, w.addNode())[1:] // which has a memory of its own
	v := w.newVisitor()
	v.signIn()
	for _, endpoint := range []simulator.Endpoint{simulator.Refresh, simulator.UserNode, simulator.LongLived} {
		w.instagram.Misbehave(endpoint, fault)
	}
	r, err := http.NewRequest(http.MethodGet, "https://example.test/page", nil)
	if err != nil {
		b.Fatal(err)
	}
	var cookie string
	for _, c := range v.jar.Cookies(r.URL) {
		if c.Name == w.nodes[0].settings.Cookies.Name() {
			cookie = c.Name + "=" + c.Value
		}
	}
	return &dueRequests{
		node: w.nodes[0], at: w.at, request: caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil), cookie: []string{cookie}, w: &discard{make(http.Header)},
	}
}

func (d *dueRequests) one(b *testing.B) {
	if d.made++; d.made%100 == 0 {
		d.at.advance(2 * time.Minute)
	}
	d.request.Header["Cookie"] = d.cookie
	clear(d.w.header)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	if err := d.Handler.ServeHTTP(d.w, d.request, next); err != nil {
		b.Fatal(err)
	}
	if d.request.Header.Get("X-Instagram-Username") != "jayposiris" {
		b.Fatal("not signed in")
	}
	if line := d.w.header.Get("Set-Cookie"); line != "" {
		d.cookie[0] = pairOf(line)
	}
}
