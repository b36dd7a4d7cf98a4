package lifecycle_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// slowListing is a storage in files whose listings wait until a test lets them through.
type slowListing struct {
	certmagic.FileStorage
}

var listings struct {
	mu   sync.Mutex
	hold chan struct{} // nil: nothing waits
}

// holdListings makes listings wait until release, and lets none wait after the test.
func holdListings(t *testing.T) (release func()) {
	hold := make(chan struct{})
	listings.mu.Lock()
	listings.hold = hold
	listings.mu.Unlock()
	release = sync.OnceFunc(func() {
		listings.mu.Lock()
		listings.hold = nil
		listings.mu.Unlock()
		close(hold)
	})
	t.Cleanup(release)
	return release
}

func (*slowListing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.slow_listing", New: func() caddy.Module { return new(slowListing) }}
}

func (s *slowListing) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&s.Path) {
		return d.ArgErr()
	}
	return nil
}

func (s *slowListing) CertMagicStorage() (certmagic.Storage, error) { return s, nil }

func (s *slowListing) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	listings.mu.Lock()
	hold := listings.hold
	listings.mu.Unlock()
	if hold != nil && strings.HasPrefix(prefix, "instagram_auth/") {
		<-hold // a disk that hangs knows no context
	}
	return s.FileStorage.List(ctx, prefix, recursive)
}

func init() { caddy.RegisterModule(new(slowListing)) }

func TestN12_NoSessionCountsBeforeTheListIsKnown(t *testing.T) {
	for what, options := range map[string]string{"keep": "", "deny": "on_storage_failure deny 1m"} {
		t.Run(what, func(t *testing.T) {
			config := sitetest.Config{Storage: "slow_listing", Matcher: "/page*", Options: options}
			s := sitetest.Start(t, config)
			b, stays := s.NewBrowser(), s.NewBrowser()
			b.SignIn("/page")
			stays.SignIn("/page")
			ended := b.CookieHeader()
			if answer := b.Logout(nil); answer.StatusCode != http.StatusSeeOther {
				t.Fatalf("signing out: %s", answer.Status)
			}
			release := holdListings(t)
			s.Restart(config)
			reached := s.Upstream.Count()
			// Each of these requests waits for the list, a moment.
			var waiting sync.WaitGroup
			for who, cookies := range map[string]string{"who signed out": ended, "who did not": stays.CookieHeader()} {
				waiting.Go(func() {
					answer := s.With(cookies)
					if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
						t.Errorf("%s: %s, Retry-After %q", who, answer.Status, answer.Header.Get("Retry-After"))
					}
				})
			}
			waiting.Go(func() {
				answer := stays.Get("/page")
				sitetest.WantRefusal(t, answer, http.StatusServiceUnavailable, "Please try again in ")
				if len(answer.Header["Set-Cookie"]) != 0 || answer.Location() != "" {
					t.Errorf("Set-Cookie %q, Location %q", answer.Header["Set-Cookie"], answer.Location())
				}
			})
			waiting.Go(func() {
				if answer := stays.Fetch("/instagram_auth/userinfo"); answer.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("userinfo: %s", answer.Status)
				}
			})
			waiting.Wait()
			if s.Upstream.Count() != reached {
				t.Error("a protected page was shown")
			}
			// A public page is shown without an identity.
			if page := stays.Get("/public"); page.StatusCode != http.StatusOK || page.Body != "hello " {
				t.Errorf("public page: %s %q", page.Status, page.Body)
			}
			// Nobody else waits: visitors without a session, and junk.
			began := time.Now()
			if page := s.NewBrowser().Get("/public"); page.StatusCode != http.StatusOK {
				t.Errorf("anonymous: %s", page.Status)
			}
			for _, cookies := range []string{"", sitetest.SessionCookie + "=junk", "theme=dark"} {
				if answer := s.With(cookies); answer.StatusCode != http.StatusUnauthorized {
					t.Errorf("with %q: %s", cookies, answer.Status)
				}
			}
			if waited := time.Since(began); waited > time.Second {
				t.Errorf("requests without a session of ours waited %v", waited)
			}
			release()
			sitetest.Eventually(t, "the list", func() bool { return s.With(stays.CookieHeader()).StatusCode == http.StatusOK })
			s.WantAlive(ended, false)
		})
	}
}

// A request that comes while the list is being read waits for it, a moment.
func TestN12_ARequestWaitsForAListThatIsNearlyThere(t *testing.T) {
	config := sitetest.Config{Storage: "slow_listing"}
	s := sitetest.Start(t, config)
	b := s.NewBrowser()
	b.SignIn("/page")
	release := holdListings(t)
	s.Restart(config)
	answered := make(chan sitetest.Response)
	go func() { answered <- s.With(b.CookieHeader()) }()
	select {
	case answer := <-answered:
		t.Fatalf("answered at once: %s", answer.Status)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if answer := <-answered; answer.StatusCode != http.StatusOK {
		t.Errorf("after the list was read: %s", answer.Status)
	}
}

// A storage that fails is another matter: on_storage_failure says what happens.
func TestN12_AStorageThatFailsAtTheStartIsTreatedAsConfigured(t *testing.T) {
	for options, want := range map[string]int{"": http.StatusOK, "on_storage_failure deny 1m": http.StatusServiceUnavailable} {
		t.Run(options, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: options})
			b := s.NewBrowser()
			b.SignIn("/page")
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			mend := s.BreakStorage()
			s.Load(sitetest.Config{Options: options})
			if answer := s.With(b.CookieHeader()); answer.StatusCode != want {
				t.Errorf("answered %s, want %d", answer.Status, want)
			}
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			mend()
			s.Load(sitetest.Config{Options: options})
		})
	}
}
