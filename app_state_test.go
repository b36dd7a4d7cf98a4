package instagramauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

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
	h := *w.nodes[0].Handler
	*h.telemetry = telemetry.Recorder{Logger: h.telemetry.Logger} // its nil metrics panic at the exchange
	end := h.logins.FinishLogin(t.Context(), telemetry.Requester{}, login.Comeback{})
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
	h.provider.Breaker.Lock(provider.LockFor)
	w.at.advance(provider.LockFor)
	w.instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: `{"id":"25025320793187218"}`, Times: 1})
	if answer := one.get(backOne); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the trial was answered %s", answer.Status)
	}
	if answer := other.get(backOther); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the next login was answered %s", answer.Status)
	}
}
