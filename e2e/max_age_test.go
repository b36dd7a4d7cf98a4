package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// reauthenticated returns a cookie with a session whose sign-in asked Instagram again.
func reauthenticated(t *testing.T) string {
	t.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{appSecret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{Identity: session.Identity{UserID: userID, Username: username}, Reauthenticated: true})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return pair
}

// An ordinary session opens no spelling of a path that needs a recent sign-in.
func TestA9_RoutersReadAPathOfMaxAgeAlike(t *testing.T) {
	routers := startRouters(t)
	var config strings.Builder
	config.WriteString("{\nadmin off\nauto_https off\n}\n")
	sites := make(map[string]string)
	for router, handler := range routers {
		port := freePort(t)
		sites[router] = "127.0.0.1:" + port
		fmt.Fprintf(&config, "http://:%s {\ninstagram_auth /elsewhere* {\napp_id %s\napp_secret %s\nredirect_uri https://example.test/auth/\nmax_age 10m /members*\n}\n%s\n}\n", port, appID, appSecret, handler)
	}
	addresses := make([]string, 0, len(sites))
	for _, address := range sites {
		addresses = append(addresses, address)
	}
	startCaddy(t, config.String(), nil, addresses...)
	ordinary, fresh := sessionFor(t), reauthenticated(t)
	all := spellings(700, 17)
	var judges sync.WaitGroup
	for router, address := range sites {
		judges.Go(func() {
			c := &rawClient{address: address}
			defer c.close()
			if routes, err := c.routes("/members/files/1", fresh); err != nil || !strings.Contains(routes, "=secret") {
				t.Errorf("%s: with a fresh sign-in %q, %v", router, routes, err)
			}
			if routes, err := c.routes("/public/a", ordinary); err != nil || !strings.Contains(routes, "=public") {
				t.Errorf("%s: a public page is %q, %v", router, routes, err)
			}
			for _, target := range all {
				routes, err := c.routes(target, ordinary)
				if err != nil {
					t.Errorf("%s: %s: %v", router, target, err)
					return
				}
				if strings.Contains(routes, "=secret") {
					t.Errorf("%s: %s is open: %s", router, target, routes)
				}
			}
		})
	}
	judges.Wait()
}

// allowAs presses Allow as another user of the window.
func allowAs(user string) step {
	return chromedp.Steps(chromedp.WaitVisible("#allow"), chromedp.Click(`input[type=radio][value="`+user+`"]`), chromedp.Click("#allow"))
}

// wantWindow waits for Instagram's window in a tab, and fails the test unless it asks again.
func wantWindow(t *testing.T, tab context.Context, s *site, again bool) {
	t.Helper()
	run(t, tab, chromedp.WaitVisible("#allow"))
	at := look(t, tab).address
	if !strings.HasPrefix(at, s.instagram+"/oauth/authorize?") || strings.Contains(at, "force_reauth=true") != again {
		t.Errorf("the window is at %s", at)
	}
}

func TestA9_BillingNeedsARecentSignInWhileOtherTabsGoOn(t *testing.T) {
	s := startSite(t, "/members*", "max_age 10m /billing*", greeting)
	members := newBrowser(t, "")
	billing, closeTab := chromedp.NewContext(members)
	t.Cleanup(closeTab)
	run(t, members, chromedp.Navigate(s.origin+"/members"))
	wantWindow(t, members, s, false)
	run(t, members, allow, atSite)
	want(t, members, s.origin+"/members", "Hello "+username)

	run(t, billing, chromedp.Navigate(s.origin+"/billing?month=5"))
	wantWindow(t, billing, s, true)
	// While that tab is at Instagram, the other one stays signed in.
	run(t, members, chromedp.Navigate(s.origin+"/members/2"), atSite)
	want(t, members, s.origin+"/members/2", "Hello "+username)
	run(t, billing, allow, atSite)
	want(t, billing, s.origin+"/billing?month=5", "Hello "+username)
	run(t, members, chromedp.Reload(), atSite)
	want(t, members, s.origin+"/members/2", "Hello "+username)
	run(t, members, chromedp.Navigate(s.origin+"/billing"), atSite)
	want(t, members, s.origin+"/billing", "Hello "+username)

	// Another account comes back. Nothing changes until the visitor has chosen.
	run(t, billing, chromedp.Navigate(s.origin+"/instagram_auth/login?return_to=/billing&fresh=true"))
	wantWindow(t, billing, s, true)
	run(t, billing, allowAs("maria.sees"), chromedp.WaitVisible("a.button.second"))
	page := look(t, billing)
	if !strings.Contains(page.text, "You are signed in here as @"+username+". At Instagram you have just signed in as @maria.sees.") ||
		strings.Contains(page.address, "code=") || strings.Contains(page.address, "state=") {
		t.Errorf("at %s: %s", page.address, page.text)
	}
	shoot(t, billing, "other-account")
	run(t, members, chromedp.Reload(), atSite)
	want(t, members, s.origin+"/billing", "Hello "+username)
	run(t, billing, chromedp.Click("a.button.second"))
	wantWindow(t, billing, s, true)
	run(t, billing, allowAs("maria.sees"), atSite)
	want(t, billing, s.origin+"/billing", "Hello maria.sees")
	run(t, members, chromedp.Reload(), atSite)
	want(t, members, s.origin+"/billing", "Hello maria.sees")
}
