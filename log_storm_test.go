package instagramauth

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// watchLog has a handler log into memory.
func watchLog(h *Handler) *observer.ObservedLogs {
	core, logs := observer.New(zap.DebugLevel)
	h.telemetry.Logger = zap.New(core)
	return logs
}

func TestP2_AStormOfRefusalsDoesNotFillTheLog(t *testing.T) {
	w := newWorld(t, &Handler{})
	n := w.nodes[0]
	logs := watchLog(n.Handler)
	refused := func(times int) {
		for range times {
			answer, _, err := serve(n.Handler, func(r *http.Request) {
				r.URL = mustURL("https://example.test/auth/?code=x&state=" + strings.Repeat("s", 43))
				*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, *r))
			})
			if err != nil || answer.Code != http.StatusBadRequest {
				t.Fatalf("answered %d, %v", answer.Code, err)
			}
		}
	}
	refused(1000)
	if got := logs.FilterMessage("sign-in refused").Len(); got != telemetry.SampleLines {
		t.Errorf("%d lines about a thousand refusals", got)
	}
	w.at.advance(telemetry.SampleTime)
	refused(1)
	lines := logs.FilterMessage("sign-in refused").All()
	if last := lines[len(lines)-1].ContextMap(); len(lines) != telemetry.SampleLines+1 || last["not_logged"] != int64(1000-telemetry.SampleLines) {
		t.Errorf("%d lines, the last one %v", len(lines), last)
	}
}

func TestP2_TheBreakerTellsWhenItOpensAndCloses(t *testing.T) {
	w := newWorld(t, &Handler{})
	logs := watchLog(w.nodes[0].Handler)
	count := func(text string) int {
		return logs.Filter(func(e observer.LoggedEntry) bool {
			return strings.HasPrefix(e.Message, text) && e.ContextMap()["request_id"] != ""
		}).Len()
	}
	fail := func() {
		v := w.newVisitor()
		v.get(v.get(v.get("/page").Header.Get("Location")).Header.Get("Location"))
	}
	w.instagram.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Status500})
	for range provider.BreakAfter {
		fail()
	}
	for range 3 { // trials that fail
		w.at.advance(provider.BreakFor)
		fail()
	}
	if opened, closed := count("breaker opened"), count("breaker closed"); opened != 1 || closed != 0 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	w.instagram.Misbehave(simulator.Token, simulator.Fault{})
	w.at.advance(provider.BreakFor + time.Second)
	for range 2 {
		w.newVisitor().signIn()
	}
	if opened, closed := count("breaker opened"), count("breaker closed"); opened != 1 || closed != 1 {
		t.Errorf("after the mending: opened %d times, closed %d times", opened, closed)
	}
}
