package address_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// wantOnSite fails the test if a Location leads off the site, or into an endpoint.
func wantOnSite(t *testing.T, hostile string, answer sitetest.Response, page string) {
	t.Helper()
	locations := answer.Header["Location"]
	if answer.StatusCode != http.StatusSeeOther || len(locations) != 1 {
		t.Errorf("%q: answered %s to %q: %.200s", hostile, answer.Status, locations, answer.Body)
		return
	}
	end, path := attack.Follow(sitetest.Origin, page, locations[0])
	if end != sitetest.Origin || strings.HasPrefix(path, "//") {
		t.Errorf("%q came back to %q, which leads to %s%s", hostile, locations[0], end, path)
	}
	if plain, err := url.PathUnescape(path); err != nil || plain == sitetest.Callback || strings.HasPrefix(plain+"/", "/instagram_auth/") {
		t.Errorf("%q came back to %q, which is an own path", hostile, locations[0])
	}
}

func returnAttacks(t *testing.T) []string {
	t.Helper()
	all, err := attack.Returns(sitetest.Host)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each address goes through a whole login, from the site's button to the page that the
// callback leads to.
func TestR1_NoLoginEndsElsewhereWhateverTheButtonSays(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Global: sitetest.TrustForwarded})
	began := time.Now()
	all := returnAttacks(t)
	connections := s.NewBrowser().HTTP.Transport
	for client, hostile := range all {
		b := s.NewBrowser()
		b.HTTP.Transport = connections // which take longer to make than a login
		start := b.Do(sitetest.FromClient(sitetest.Navigation(t, http.MethodGet, "/instagram_auth/login?return_to="+url.QueryEscape(hostile)), client))
		wantOnSite(t, hostile, b.Do(sitetest.FromClient(sitetest.Navigation(t, http.MethodGet, b.Window(start)), client)), sitetest.Callback)
	}
	t.Logf("%d logins in %s", len(all), time.Since(began).Round(time.Millisecond))
}

// Signing out asks for no address to go to. Whatever stands there changes nothing.
func TestL3_NoSignOutEndsElsewhereWhateverTheFormSays(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/page*", Options: "logout_target /bye?x=1"})
	b := s.NewBrowser()
	for _, hostile := range returnAttacks(t) {
		text := "return_to=" + url.QueryEscape(hostile)
		request := sitetest.Navigation(t, http.MethodPost, "/instagram_auth/logout?"+text)
		sitetest.SetBody(request, text+"&everywhere=0")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		answer := b.Do(request)
		wantOnSite(t, hostile, answer, "/instagram_auth/logout")
		if answer.Location() != "/bye?x=1" {
			t.Errorf("%q changed the way out to %q", hostile, answer.Location())
		}
	}
}
