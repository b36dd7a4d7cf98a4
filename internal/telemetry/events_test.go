package telemetry_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
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
	s := sitetest.Start(t, sitetest.Config{Global: "events {\n on instagram_auth_logout recorder\n on instagram_auth_deauthorized recorder\n on instagram_auth_data_deletion recorder\n}"})
	b := s.NewBrowser()
	b.SignIn("/page")
	b.Logout(url.Values{"everywhere": {"1"}})
	s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username))
	s.FromMeta(sitetest.DeauthorizePath, "a.b")
	s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username))
	events := takeEvents()
	want := []struct{ name, user string }{
		{"instagram_auth_logout", sitetest.UserID}, {"instagram_auth_deauthorized", sitetest.AppScopedID}, {"instagram_auth_data_deletion", sitetest.AppScopedID},
	}
	if len(events) != len(want) {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		if e.Name() != want[i].name || e.Data["user_id"] != want[i].user || e.Data["app_id"] != sitetest.AppID {
			t.Errorf("event %s %v", e.Name(), e.Data)
		}
	}
}

// takeEvents returns the events since the last call.
func takeEvents() (events []caddy.Event) {
	recorded.Lock()
	defer recorded.Unlock()
	events, recorded.events = recorded.events, nil
	return events
}

func TestEventsTellOfLogins(t *testing.T) {
	const global = "events {\n on instagram_auth_login recorder\n on instagram_auth_login_refused recorder\n}"
	takeEvents()
	for _, c := range []struct {
		name, options string
		want          map[string]string // "*" for anything
	}{
		{"by default", "", map[string]string{"user_id": sitetest.UserID, "client_ip": "127.0.0.1"}},
		{"with the username", "log {\n username on\n}", map[string]string{"user_id": sitetest.UserID, "client_ip": "127.0.0.1", "username": sitetest.Username}},
		{"as pseudonyms", "log {\n user_id hash\n client_ip hash\n}", map[string]string{"user_id_hash": "*", "client_ip_hash": "*"}},
		{"without people", "log {\n user_id off\n client_ip off\n}", map[string]string{}},
		{"of a handoff", "after_login handoff", map[string]string{"user_id": sitetest.UserID, "client_ip": "127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Global: global, Options: c.options})
			b := s.NewBrowser()
			b.Get(b.Window(b.Get("/instagram_auth/login")))
			state := sitetest.Query(t, s.NewBrowser().Get("/instagram_auth/login").Location()).Get("state")
			s.NewBrowser().Get(sitetest.Callback + "?code=the-code-0123456789&state=" + state)
			events := takeEvents()
			if len(events) != 2 {
				t.Fatalf("%d events", len(events))
			}
			wantEvent(t, events[0], "instagram_auth_login", c.want)
			refused := map[string]string{"code": "login_expired"}
			for name, value := range c.want {
				if strings.HasPrefix(name, "client_ip") { // nobody else is known
					refused[name] = value
				}
			}
			wantEvent(t, events[1], "instagram_auth_login_refused", refused)
		})
	}
}

// wantEvent fails the test unless an event has just these data, the app and the request.
func wantEvent(t *testing.T, e caddy.Event, name string, want map[string]string) {
	t.Helper()
	if e.Name() != name || len(e.Data) != len(want)+2 || e.Data["app_id"] != sitetest.AppID || len(fmt.Sprint(e.Data["request_id"])) != 36 {
		t.Errorf("event %s %v", e.Name(), e.Data)
	}
	for field, value := range want {
		if got, there := e.Data[field]; !there || value != "*" && got != value {
			t.Errorf("%s: %s is %v, want %s", name, field, got, value)
		}
	}
}
