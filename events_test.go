package instagramauth_test

import (
	"context"
	"net/url"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(eventRecorder{}) }

// eventRecorder is an event handler that remembers what it is told.
type eventRecorder struct{}

var recorded struct {
	sync.Mutex
	events []caddy.Event
}

func (eventRecorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.recorder", New: func() caddy.Module { return new(eventRecorder) }}
}

func (eventRecorder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { d.Next(); return nil }

func (eventRecorder) Handle(_ context.Context, e caddy.Event) error {
	recorded.Lock()
	defer recorded.Unlock()
	recorded.events = append(recorded.events, e)
	return nil
}

func TestEventsTellOfTheEndsOfSessions(t *testing.T) {
	s := startSite(t, siteConfig{global: "events {\n on instagram_auth_logout recorder\n on instagram_auth_deauthorized recorder\n on instagram_auth_data_deletion recorder\n}"})
	b := s.newBrowser()
	b.signIn("/page")
	b.logout(url.Values{"everywhere": {"1"}})
	s.fromMeta(deauthorizePath, s.instagram.SignedRequest(username))
	s.fromMeta(deauthorizePath, "a.b")
	s.fromMeta(deletionPath, s.instagram.SignedRequest(username))
	recorded.Lock()
	defer recorded.Unlock()
	want := []struct{ name, user string }{
		{"instagram_auth_logout", userID}, {"instagram_auth_deauthorized", appScopedID}, {"instagram_auth_data_deletion", appScopedID},
	}
	if len(recorded.events) != len(want) {
		t.Fatalf("%d events", len(recorded.events))
	}
	for i, e := range recorded.events {
		if e.Name() != want[i].name || e.Data["user_id"] != want[i].user || e.Data["app_id"] != appID {
			t.Errorf("event %s %v", e.Name(), e.Data)
		}
	}
}
