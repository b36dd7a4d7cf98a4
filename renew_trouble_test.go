package instagramauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
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
	c := v.nodes[0].settings.cookies
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
		"replaced":   func(h *Handler, s session.Session) error { h.sessions.RevokeLater(&s); return nil },
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
