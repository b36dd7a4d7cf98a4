package instagramauth

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// withMaxAge are the options of a site whose bills need a recent sign-in.
func withMaxAge(d time.Duration) *Handler {
	return &Handler{
		AppID: "1", RedirectURI: []string{"https://example.test/auth/"},
		MaxAge: []MaxAgeOptions{{Duration: caddy.Duration(d), Paths: []string{"/billing*"}}},
	}
}

// signInFor takes a login that a page starts to its end.
func (v *visitor) signInFor(page string) {
	v.t.Helper()
	window := v.get(page).Header.Get("Location")
	if arrived := v.get(v.get(window).Header.Get("Location")); arrived.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("%s, and then the callback answered %s", window, arrived.Status)
	}
}

// wantOpen fails the test unless a node shows a page, or asks for a sign-in at Instagram.
func (v *visitor) wantOpen(n *node, page string, open bool) {
	v.t.Helper()
	answer := v.ask(n, page)
	asks := mustURL(answer.Header.Get("Location")).Query().Get("force_reauth") == "true"
	if answer.StatusCode == http.StatusOK != open || asks == open {
		v.t.Errorf("%s, %v after the start: %s to %s", page, v.at.now().Sub(time.Unix(1_800_000_000, 0)), answer.Status, answer.Header.Get("Location"))
	}
}

func TestA9_ASignInGrowsTooOldWithTime(t *testing.T) {
	w := newWorld(t, withMaxAge(10*time.Minute))
	v, n := w.newVisitor(), w.nodes[0]
	v.signInFor("/billing")
	for _, step := range []struct {
		passed time.Duration
		open   bool
	}{{0, true}, {10*time.Minute - time.Second, true}, {time.Second, false}, {5 * time.Hour, false}} {
		w.at.advance(step.passed)
		v.wantOpen(n, "/billing", step.open)
		v.wantSignedIn("jayposiris")
	}
	v.signInFor("/billing")
	v.wantOpen(n, "/billing", true)

	// While the clock is an hour behind, the session is one from the future.
	w.at.advance(-time.Hour)
	v.wantOpen(n, "/billing", false)
	w.at.advance(time.Hour)
	v.wantOpen(n, "/billing", true)
	w.at.advance(11 * time.Minute)
	v.wantOpen(n, "/billing", false)
}

func TestA9_NodesWithOtherSettingsKnowAFreshSignIn(t *testing.T) {
	w := newWorld(t, withMaxAge(10*time.Minute))
	w.options.MaxAge = nil
	without := w.addNode()
	w.options.MaxAge = withMaxAge(2 * time.Minute).MaxAge
	strict := w.addNode()
	with := w.nodes[0]

	v := w.newVisitor()
	for _, begins := range w.nodes {
		for _, ends := range w.nodes {
			v = w.newVisitor()
			// A node without the option asks for an ordinary sign-in, unless a link says otherwise.
			page := "/billing"
			if begins == without {
				page = "/instagram_auth/login?return_to=/billing&fresh=true"
			}
			window := v.ask(begins, page).Header.Get("Location")
			if arrived := v.ask(ends, v.ask(begins, window).Header.Get("Location")); arrived.StatusCode != http.StatusSeeOther {
				t.Fatalf("the callback answered %s", arrived.Status)
			}
			for _, n := range w.nodes {
				v.wantOpen(n, "/billing", true)
			}
		}
	}
	w.at.advance(3 * time.Minute)
	v.wantOpen(with, "/billing", true)
	v.wantOpen(strict, "/billing", false)
	if answer := v.ask(without, "/billing"); answer.StatusCode != http.StatusOK {
		t.Errorf("a node without the option: %s", answer.Status)
	}

	// An ordinary sign-in at that node is none for the others.
	v = w.newVisitor()
	window := v.ask(without, "/billing").Header.Get("Location")
	v.ask(without, v.ask(without, window).Header.Get("Location"))
	v.wantOpen(with, "/billing", false)
	v.wantOpen(strict, "/billing", false)
}

// Renewals write the cookie again: for an idle limit, for a new token and for a new profile.
func TestA9_ARenewedCookieStaysAsFreshAsItsSignIn(t *testing.T) {
	options := withMaxAge(48 * time.Hour)
	options.Session.Idle = caddy.Duration(20 * time.Hour)
	options.Token = TokenOptions{LongLived: true, ForwardAs: "X-Instagram-Access-Token"}
	options.Revalidate = caddy.Duration(time.Hour)
	options.Fields = []string{"name"}
	options.Headers = map[string]string{"name": "X-Name", "username": "X-Instagram-Username"}
	w := newWorld(t, options)
	v, n := w.newVisitor(), w.nodes[0]
	v.signInFor("/billing")
	token := v.wantSignedIn("jayposiris")
	for hours := range 47 {
		w.at.advance(time.Hour)
		v.get("/page") // finds that something is due
		if answer := v.get("/billing"); answer.StatusCode != http.StatusOK || answer.Header.Get("Seen-Name") == "" {
			t.Fatalf("after %d hours: %s, name %q", hours+1, answer.Status, answer.Header.Get("Seen-Name"))
		}
	}
	if token == "" || v.wantSignedIn("jayposiris") == token {
		t.Fatal("the token has not been refreshed")
	}
	w.at.advance(2 * time.Hour)
	v.wantOpen(n, "/billing", false)
	v.wantSignedIn("jayposiris")
}
