package instagramauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Trouble in the life of a token, a story each.

// reload replaces the first node by one with other options.
func (w *world) reload(options *Handler) {
	w.t.Helper()
	before := w.nodes[0]
	options.AppSecret, options.Endpoints = w.options.AppSecret, w.options.Endpoints
	w.options, w.nodes = options, nil
	w.addNode()
	if err := before.Cleanup(); err != nil {
		w.t.Fatal(err)
	}
}

// session opens the session of a visitor.
func (v *visitor) session() session.Session {
	v.t.Helper()
	c := v.nodes[0].settings.Cookies
	var lines []string
	for _, cookie := range v.jar.Cookies(mustURL("https://example.test/")) {
		lines = append(lines, cookie.Name+"="+cookie.Value)
	}
	found := c.Find(lines)
	s, ok := c.Open(&found, nil)
	if !ok {
		v.t.Fatal("there is no session")
	}
	return s
}

func TestN4_AShortLivedTokenThatExpiredEndsNoSession(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	w.instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Status500, Times: 1})
	v := w.newVisitor()
	v.signIn()
	w.at.advance(7 * time.Hour)
	v.wantSignedIn("jayposiris")
	v.wantSignedIn("jayposiris")

	// The same where long-lived tokens were not wanted before.
	short := longLived(0)
	short.Token.LongLived = false
	w = newWorld(t, short)
	v = w.newVisitor()
	v.signIn()
	w.at.advance(7 * time.Hour)
	w.reload(longLived(6 * time.Hour))
	v.wantSignedIn("jayposiris")
	v.wantSignedIn("jayposiris")
}

func TestAGoodTokenDoesNotGiveWayToOneThatIsTooLong(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	good := v.wantSignedIn("jayposiris")
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: `{"access_token":"` + strings.Repeat("x", 900) + `","token_type":"bearer","expires_in":5183944}`})
	w.at.advance(25 * time.Hour)
	for range 4 {
		if v.wantSignedIn("jayposiris") != good {
			t.Error("the site no longer gets the good token")
		}
	}
}

func TestP5_NothingOfASessionThatHasEndedStaysInMemory(t *testing.T) {
	for name, end := range map[string]func(h *Handler, s session.Session) error{
		"logout":     func(h *Handler, s session.Session) error { return h.sessions.Revoke(t.Context(), &s) },
		"replaced":   func(h *Handler, s session.Session) error { h.sessions.Replace(&s)(); return nil },
		"everywhere": func(h *Handler, s session.Session) error { return h.sessions.RevokeUser(t.Context(), &s) },
		"another node, or the operator": func(h *Handler, s session.Session) error {
			err := h.sessions.List.EndAll(t.Context())
			// Whatever is asked next tidies up.
			h.sessions.Refresh(t.Context(), h.sessions.NewSession(identityNamed("jayposiris"), s.Token), &h.sessions.Refreshes[1])
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, longLived(6*time.Hour))
			v := w.newVisitor()
			v.signIn()
			w.at.advance(25 * time.Hour)
			v.wantSignedIn("jayposiris")
			h, s := w.nodes[0].Handler, v.session()
			if _, ok := h.sessions.Memory.Tokens.Result(s.Keys.Session); !ok {
				t.Fatal("there is no result")
			}
			if err := end(h, s); err != nil {
				t.Fatal(err)
			}
			_, token := h.sessions.Memory.Tokens.Result(s.Keys.Session)
			if _, profile := h.sessions.Memory.Profiles.Result(s.Keys.Session); token || profile {
				t.Errorf("token kept: %v, profile kept: %v", token, profile)
			}
		})
	}
}

func TestPermissionsThatShrinkStaySo(t *testing.T) {
	options := longLived(0)
	options.RequireScope = []string{"instagram_business_manage_comments"}
	options.Scope = []string{"instagram_business_basic", "instagram_business_manage_comments"}
	w := newWorld(t, options)
	v := w.newVisitor()
	v.signIn()
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: `{"access_token":"IGshrunk","token_type":"bearer","expires_in":5183944,"permissions":"instagram_business_basic"}`, Times: 1})
	w.at.advance(25 * time.Hour)
	v.wantSignedIn("jayposiris")
	again := *options
	w.limitsForgotten()
	w.reload(&again)
	// They are asked for the permission again.
	if answer := v.get("/page"); answer.StatusCode != http.StatusFound || !strings.Contains(answer.Header.Get("Location"), "instagram_business_manage_comments") {
		t.Errorf("after a restart: %s to %q", answer.Status, answer.Header.Get("Location"))
	}
}

// limitsForgotten makes the node forget what only its memory knows.
func (w *world) limitsForgotten() {
	w.nodes[0].sessions.Memory.Tokens.Drop(func(uint64, session.Session) bool { return true })
	w.nodes[0].sessions.Memory.Profiles.Drop(func(uint64, session.Session) bool { return true })
}

func TestAWithdrawnPermissionIsNoticed(t *testing.T) {
	options := longLived(6 * time.Hour)
	options.API, options.Fields, options.Headers, options.RequireScope = "basic_display", nil, nil, []string{"user_media"}
	w := newWorld(t, options)
	v := w.newVisitor()
	v.signIn()
	v.wantSignedIn("jayposiris")
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, ContentType: "application/json", Body: `{"id":"17841405793187218","username":"jayposiris"}`})
	w.at.advance(7 * time.Hour)
	v.get("/page")
	answer := v.get("/page")
	if answer.StatusCode != http.StatusFound {
		t.Errorf("answered %s", answer.Status)
	}
	// Who does not grant it at the login is told what is missing, and by no round of logins.
	back := v.get(answer.Header.Get("Location"))
	if answer := v.get(back.Header.Get("Location")); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the login was answered %s", answer.Status)
	}
}

func TestAClockThatJumpsStopsNothing(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	w.at.advance(30 * day) // the clock is wrong for two visits
	v.wantSignedIn("jayposiris")
	v.wantSignedIn("jayposiris")
	w.at.advance(-30 * day)
	if _, err := w.instagram.RemoveApp(t.Context(), "jayposiris"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		w.at.advance(day)
		v.get("/page")
	}
	if answer := v.get("/page"); answer.StatusCode != http.StatusFound {
		t.Errorf("ten days after the app was removed: %s", answer.Status)
	}
}

func TestN4_TroubleWithRefreshingHidesNoRemoval(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.Status500})
	w.at.advance(25 * time.Hour)
	v.wantSignedIn("jayposiris")
	if _, err := w.instagram.RemoveApp(t.Context(), "jayposiris"); err != nil {
		t.Fatal(err)
	}
	w.at.advance(7 * time.Hour)
	v.get("/page")
	if answer := v.get("/page"); answer.StatusCode != http.StatusFound {
		t.Errorf("after the app was removed: %s", answer.Status)
	}
}

func TestN3_AnOutageCostsOneCallHoweverManyCome(t *testing.T) {
	w := newWorld(t, longLived(time.Hour))
	var visitors []*visitor
	for range 15 {
		v := w.newVisitor()
		v.signIn()
		visitors = append(visitors, v)
	}
	for _, kind := range []simulator.FaultKind{simulator.HTML, simulator.Redirect, simulator.Status500, simulator.Truncated} {
		w.instagram.ResetCalls()
		w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: kind})
		w.at.advance(3 * time.Hour)
		for _, v := range visitors {
			v.wantSignedIn("jayposiris")
		}
		w.wantCalls(simulator.UserNode, 1, string(kind))
	}
}

func TestD3_ALoginDoesNotWaitForALongLivedToken(t *testing.T) {
	w := newWorld(t, longLived(0))
	w.instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Hang})
	for i, most := range []time.Duration{lifecycle.ExchangeTimeout + 5*time.Second, lifecycle.ExchangeTimeout} {
		began := time.Now()
		v := w.newVisitor()
		v.signIn()
		if took := time.Since(began); took > most {
			t.Errorf("login %d took %v", i, took)
		}
	}
	w.wantCalls(simulator.LongLived, 1, "two logins")
}

// For the race detector: everything at once, under a clock that runs.
func TestTokensUnderAStormOfVisitorsOnTwoNodes(t *testing.T) {
	w := newWorld(t, longLived(time.Minute))
	w.addNode()
	done := make(chan struct{})
	for range 4 {
		v := w.newVisitor()
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 40 {
				w.at.advance(2 * time.Hour)
				n := v.nodes[i%2]
				answer := v.ask(n, "/page")
				if window := answer.Header.Get("Location"); window != "" {
					v.ask(n, v.ask(n, window).Header.Get("Location"))
				}
				if i%13 == 12 {
					v.ask(n, "/instagram_auth/userinfo")
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	for _, n := range w.nodes {
		n.sessions.Background.Wait()
	}
	if w.instagram.Calls(simulator.Refresh) == 0 || w.instagram.Calls(simulator.UserNode) < 4 || instagram.RefreshAge != 24*time.Hour {
		t.Error("nothing was renewed")
	}
}

// back takes a login as far as the callback's address.
func (v *visitor) back() string {
	v.t.Helper()
	return v.get(v.get("/page").Header.Get("Location")).Header.Get("Location")
}

// While Meta restricts the app, one login a minute is tried. Whoever comes with a bad code
// neither ends that nor keeps the next one from being tried.
func TestD3_OneLoginAMinuteIsTriedWhileTheAppIsRestricted(t *testing.T) {
	w := newWorld(t, &Handler{AppID: "1", RedirectURI: []string{"https://example.test/auth/"}})
	var visitors []*visitor
	var backs []string
	for range 6 {
		v := w.newVisitor()
		visitors, backs = append(visitors, v), append(backs, v.back())
	}
	if err := w.instagram.SetState(simulator.Restricted); err != nil {
		t.Fatal(err)
	}
	want := func(i int, status, codes int, what string) {
		t.Helper()
		if answer := visitors[i].get(backs[i]); answer.StatusCode != status {
			t.Errorf("%s: answered %s, want %d", what, answer.Status, status)
		}
		w.wantCalls(simulator.Token, codes, what)
	}
	start := func(status int, what string) {
		t.Helper()
		if answer := w.newVisitor().get("/page"); answer.StatusCode != status {
			t.Errorf("%s: a new visitor was answered %s, want %d", what, answer.Status, status)
		}
	}
	want(0, http.StatusServiceUnavailable, 1, "the first login")
	start(http.StatusServiceUnavailable, "at once")
	w.at.advance(59 * time.Second)
	want(1, http.StatusServiceUnavailable, 1, "within the minute")
	w.at.advance(2 * time.Second)
	start(http.StatusFound, "after a minute")
	backs[1] = strings.Replace(backs[1], "code=", "code=x", 1)
	want(1, http.StatusBadRequest, 2, "a trial with a bad code")
	start(http.StatusFound, "after a trial with a bad code")
	want(2, http.StatusServiceUnavailable, 3, "the next trial")
	start(http.StatusServiceUnavailable, "after the next trial")
	want(3, http.StatusServiceUnavailable, 3, "beside it")
	if err := w.instagram.SetState(simulator.Approved); err != nil {
		t.Fatal(err)
	}
	w.at.advance(time.Minute)
	want(3, http.StatusSeeOther, 4, "the trial after the end of it")
	want(4, http.StatusSeeOther, 5, "another login")
	start(http.StatusFound, "afterwards")
}

// A login ends outside of the requests that wait for it, where a panic would end Caddy.
func TestA6_APanicAtTheEndOfALoginIsARefusal(t *testing.T) {
	w := newWorld(t, &Handler{AppID: "1", RedirectURI: []string{"https://example.test/auth/"}})
	h := w.nodes[0].Handler
	h.settings.Provider.Client = nil                               // panics at the exchange
	h.logins.Telemetry = &telemetry.Recorder{Logger: zap.NewNop()} // panics when that is counted
	end := h.logins.Finish(t.Context(), telemetry.Requester{ClientIP: "192.0.2.1"}, login.CallbackState{})
	if end.Refused == nil || end.Refused.Code != refusal.Internal || !end.Spent || end.Cookie != "" {
		t.Errorf("the login ends with %+v", end)
	}
}

// A private account shows that the graph answers again.
func TestD3_AnAnswerOfTheGraphEndsTheLock(t *testing.T) {
	w := newWorld(t, &Handler{AppID: "1", RedirectURI: []string{"https://example.test/auth/"}})
	one, other := w.newVisitor(), w.newVisitor()
	backOne, backOther := one.back(), other.back()
	h := w.nodes[0]
	h.settings.Provider.Breaker.Lock(provider.LockFor)
	w.at.advance(provider.LockFor)
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: `{"id":"25025320793187218"}`, Times: 1})
	if answer := one.get(backOne); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the trial was answered %s", answer.Status)
	}
	if answer := other.get(backOther); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the next login was answered %s", answer.Status)
	}
}
