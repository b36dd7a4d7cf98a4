package instagramauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

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
