package instagramauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const day = 24 * time.Hour

// longLived are the options of a site that wants a token at every time.
func longLived(revalidate time.Duration) *Handler {
	return &Handler{
		Token:      TokenOptions{LongLived: true, ForwardAs: "X-Instagram-Access-Token"},
		Revalidate: caddy.Duration(revalidate), Fields: []string{"name"}, Headers: map[string]string{"name": "X-Name"},
		Session: SessionOptions{Lifetime: caddy.Duration(80 * day)},
	}
}

// hours lets somebody come every hour for a while.
func (v *visitor) hours(n int, username string) (token string) {
	v.t.Helper()
	for range n {
		v.at.advance(time.Hour)
		if token = v.wantSignedIn(username); !v.accepts(token) {
			v.t.Fatal("the site got a token that Instagram does not accept")
		}
	}
	return token
}

func (w *world) wantCalls(endpoint simulator.Endpoint, want int, when string) {
	w.t.Helper()
	if got := w.instagram.Calls(endpoint); got != want {
		w.t.Errorf("%s: %d calls to %s, want %d", when, got, endpoint, want)
	}
}

// Seventy days of a site, as its visitors see them.
func TestTheStoryOfSeventyDays(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))

	// Day 0. Jay signs in: one call for each of code, user node, long-lived token.
	jay := w.newVisitor()
	jay.signIn()
	w.wantCalls(simulator.Token, 1, "login")
	w.wantCalls(simulator.UserNode, 1, "login")
	w.wantCalls(simulator.LongLived, 1, "login")
	first := jay.wantSignedIn("jayposiris")

	// So does somebody who will come back when her token has expired.
	away := w.newVisitor()
	away.signIn()

	// Days 0 to 20. He comes every hour. The least that is possible: one look at the
	// user node each six hours, one refresh each 24.
	w.instagram.ResetCalls()
	last := jay.hours(20*24, "jayposiris")
	w.wantCalls(simulator.UserNode, 20*4, "20 days")
	w.wantCalls(simulator.Refresh, 20, "20 days")
	w.wantCalls(simulator.Token, 0, "20 days")
	w.wantCalls(simulator.LongLived, 0, "20 days")
	if last == first {
		t.Error("the site still gets the first token")
	}

	// Day 20. He changes his name, which shows within six hours and a visit.
	if err := w.instagram.Rename("jayposiris", "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	old := 0
	for jay.at.advance(time.Hour); jay.get("/page").Header.Get("Seen-User") == "jayposiris"; old++ {
		jay.at.advance(time.Hour)
	}
	if old > 6 {
		t.Errorf("%d visits with the old name", old)
	}

	// Days 20 to 22. Instagram is down: he notices nothing, and with each visit either
	// call is made once at the most.
	for _, endpoint := range []simulator.Endpoint{simulator.UserNode, simulator.Refresh} {
		w.instagram.Misbehave(endpoint, simulator.Fault{Kind: simulator.Status503})
	}
	w.instagram.ResetCalls()
	jay.hours(48, "jay.renamed")
	for _, endpoint := range []simulator.Endpoint{simulator.UserNode, simulator.Refresh} {
		if calls := w.instagram.Calls(endpoint); calls > 48 || calls < 20 {
			t.Errorf("%d calls to %s while Instagram was down", calls, endpoint)
		}
	}

	// Day 22. It is back, and sends a Retry-After of five minutes. With a visit every two minutes,
	// every third one calls it.
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{Kind: simulator.RateLimit})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.RateLimit})
	w.instagram.ResetCalls()
	for range 24 {
		w.at.advance(2 * time.Minute)
		jay.wantSignedIn("jay.renamed")
	}
	w.wantCalls(simulator.UserNode, 24/3, "while Instagram asked for a pause")
	w.wantCalls(simulator.Refresh, 24/3, "while Instagram asked for a pause")
	w.instagram.Misbehave(simulator.Refresh, simulator.Fault{})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{})

	// Days 23 to 69. All is well again, and as cheap.
	jay.hours(24, "jay.renamed")
	w.instagram.ResetCalls()
	jay.hours(45*24, "jay.renamed")
	w.wantCalls(simulator.UserNode, 45*4, "45 days")
	w.wantCalls(simulator.Refresh, 45, "45 days")

	// Day 69. Who stayed away comes back while Instagram is down: her session is as good
	// as ever, but there is no token any more.
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status500})
	if token := away.wantSignedIn("jayposiris"); token != "" {
		t.Errorf("an expired token is forwarded")
	}
	away.wantSignedIn("jayposiris")
	// When Instagram is back it says that it no longer accepts the token: sign in again.
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	w.at.advance(time.Hour)
	away.wantSignedIn("jayposiris")
	if answer := away.get("/page"); answer.StatusCode != http.StatusFound {
		t.Errorf("with a token that is not accepted: answered %s", answer.Status)
	}

	// Day 70. He removes the app at Instagram, whose callback never comes.
	jay.hours(24, "jay.renamed")
	if _, err := w.instagram.RemoveApp(t.Context(), "jay.renamed"); err != nil {
		t.Fatal(err)
	}
	visits := 0
	for ; jay.get("/page").StatusCode == http.StatusOK; visits++ {
		w.at.advance(time.Hour)
	}
	if visits > 7 {
		t.Errorf("%d visits after the app was removed", visits)
	}
	w.instagram.ResetCalls()
	for range 24 {
		w.at.advance(time.Hour)
		jay.get("/other")
	}
	w.wantCalls(simulator.UserNode, 0, "after the end")
	w.wantCalls(simulator.Refresh, 0, "after the end")
	if passed := w.at.now().Sub(time.Unix(1_800_000_000, 0)); passed < 70*day {
		t.Errorf("the story took %v", passed)
	}
}

// A short-lived token, which is all that a login got while the exchange for a long-lived
// one failed, is exchanged as soon as that works.
func TestALoginDoesNotNeedTheLongLivedToken(t *testing.T) {
	w := newWorld(t, longLived(0))
	w.instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Status503})
	v := w.newVisitor()
	v.signIn()
	short := v.wantSignedIn("jayposiris")
	w.instagram.Misbehave(simulator.LongLived, simulator.Fault{})
	w.at.advance(10 * time.Minute)
	v.wantSignedIn("jayposiris")
	long := v.wantSignedIn("jayposiris")
	if long == short || !w.accepts(long) {
		t.Error("the token is still the short-lived one")
	}
	w.at.advance(2 * time.Hour)
	if v.wantSignedIn("jayposiris") != long {
		t.Error("the long-lived token is not in the cookie")
	}

	// If it never works, the session outlives the hour of its token.
	w.instagram.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Status503})
	other := w.newVisitor()
	other.signIn()
	w.at.advance(instagram.ShortLifetime)
	if token := other.wantSignedIn("jayposiris"); token != "" {
		t.Error("an expired token is forwarded")
	}
}

func TestP4_TheShortLivedTokenIsForwardedForItsHour(t *testing.T) {
	w := newWorld(t, &Handler{Token: TokenOptions{ForwardAs: "X-Instagram-Access-Token"}})
	v := w.newVisitor()
	v.signIn()
	w.at.advance(instagram.ShortLifetime - time.Second)
	if token := v.wantSignedIn("jayposiris"); !w.accepts(token) {
		t.Error("there is no good token")
	}
	w.at.advance(time.Second)
	if token := v.wantSignedIn("jayposiris"); token != "" {
		t.Error("an expired token is forwarded")
	}
	w.wantCalls(simulator.LongLived, 0, "without long_lived")
}

// wantRefreshes compares what is counted of one kind of refresh with what should be.
func wantRefreshes(t *testing.T, kind string, want map[string]float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(telemetry.MetricRefreshes)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			name, result := labels[1], labels[2]
			if got := m.GetCounter().GetValue(); name == kind && got != want[result] {
				t.Errorf("%s: %v were counted, want %v", strings.Join(labels[1:], " "), got, want[result])
			}
		}
	}
}

func TestTheMetricsCountRefreshes(t *testing.T) {
	w := newWorld(t, longLived(6*time.Hour))
	v := w.newVisitor()
	v.signIn()
	v.hours(25, "jayposiris")
	wantRefreshes(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4})
	wantRefreshes(t, telemetry.KindToken, map[string]float64{telemetry.ResultOK: 1})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status500})
	v.at.advance(6 * time.Hour)
	v.wantSignedIn("jayposiris")
	wantRefreshes(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4, telemetry.ResultFailed: 1})
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{})
	v.at.advance(time.Hour)
	if _, err := w.instagram.RemoveApp(t.Context(), "jayposiris"); err != nil {
		t.Fatal(err)
	}
	v.get("/page")
	wantRefreshes(t, telemetry.KindProfile, map[string]float64{telemetry.ResultOK: 4, telemetry.ResultFailed: 1, telemetry.ResultRevoked: 1})
}

func TestAPictureIsCurrentForTenMinutesOrUntilItsAddressRunsOut(t *testing.T) {
	for name, c := range map[string]struct {
		left    time.Duration // of the address
		current time.Duration
		browser string
	}{
		"days":         {72 * time.Hour, endpoint.KeepPicture, "private, max-age=300"},
		"two minutes":  {2 * time.Minute, 2 * time.Minute, "private, max-age=120"},
		"it is over":   {-time.Hour, endpoint.MinKeepPicture, "private, max-age=60"},
		"it says none": {0, endpoint.KeepPicture, "private, max-age=300"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &Handler{Token: TokenOptions{LongLived: true}})
			v := w.newVisitor()
			v.signIn()
			address := "https://scontent.cdninstagram.com/p.jpg"
			if c.left != 0 {
				address += fmt.Sprintf("?oe=%X", w.at.now().Add(c.left).Unix())
			}
			w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: `{"profile_picture_url":"` + address + `"}`})
			w.instagram.ResetCalls()
			wantCalls := func(n int) {
				t.Helper()
				answer := v.get("/instagram_auth/picture")
				if answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != address || w.instagram.Calls(simulator.UserNode) != n {
					t.Errorf("answered %s to %q after %d calls, want %d", answer.Status, answer.Header.Get("Location"), w.instagram.Calls(simulator.UserNode), n)
				}
				if got := answer.Header.Get("Cache-Control"); n == 1 && w.at.passed.Load() == 0 && got != c.browser {
					t.Errorf("Cache-Control = %q", got)
				}
			}
			wantCalls(1)
			w.at.advance(c.current - time.Second)
			wantCalls(1)
			w.at.advance(time.Second)
			wantCalls(2)
		})
	}
}

func TestAFailureIsTriedAgainSoon(t *testing.T) {
	w := newWorld(t, &Handler{Token: TokenOptions{LongLived: true}}) // whose people have no picture
	v := w.newVisitor()
	v.signIn()
	w.instagram.ResetCalls()
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status500, Times: 1})
	for i, want := range []struct {
		after  time.Duration
		status int
		calls  int
	}{{0, 502, 1}, {endpoint.KeepFailure - time.Second, 502, 1}, {time.Second, 404, 2}} {
		w.at.advance(want.after)
		if answer := v.get("/instagram_auth/picture"); answer.StatusCode != want.status || w.instagram.Calls(simulator.UserNode) != want.calls {
			t.Errorf("%d: answered %s after %d calls", i, answer.Status, w.instagram.Calls(simulator.UserNode))
		}
	}
}

func TestC9_APanicWhileAskingForAPictureIsAFailure(t *testing.T) {
	h := provisioned(t)
	h.telemetry.Logger, h.endpoints.Provider = zap.NewNop(), nil
	v := &request.State{R: new(http.Request)}
	v.Session = session.Session{Identity: identityNamed("jay"), Token: sessionTokenOf(&world{at: new(clock)})}
	h.endpoints.Now = new(clock).now
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v.R = v.R.WithContext(ctx)
	if found, _ := h.endpoints.FindPicture(v); !errors.Is(found.Err, endpoint.ErrPictureFailed) || found.Address != "" {
		t.Errorf("found %v", found.Err)
	}
}
