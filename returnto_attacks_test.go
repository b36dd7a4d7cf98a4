package instagramauth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
)

// trustForwarded has Caddy believe X-Forwarded-For: the logins of one address are limited,
// and here each one comes from another.
const trustForwarded = "servers {\n trusted_proxies static 127.0.0.1/32\n}"

// from makes a request come from the client of this number.
func from(request *http.Request, client int) *http.Request {
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", client/256, client%256))
	return request
}

// wantOnSite fails the test if a Location leads off the site, or into an endpoint.
func wantOnSite(t *testing.T, hostile string, answer response, page string) {
	t.Helper()
	locations := answer.Header["Location"]
	if answer.StatusCode != http.StatusSeeOther || len(locations) != 1 {
		t.Errorf("%q: answered %s to %q: %.200s", hostile, answer.Status, locations, answer.body)
		return
	}
	end, path := attack.Follow(origin, page, locations[0])
	if end != origin || strings.HasPrefix(path, "//") {
		t.Errorf("%q came back to %q, which leads to %s%s", hostile, locations[0], end, path)
	}
	if plain, err := url.PathUnescape(path); err != nil || plain == callback || strings.HasPrefix(plain+"/", "/instagram_auth/") {
		t.Errorf("%q came back to %q, which is an address of ours", hostile, locations[0])
	}
}

func returnAttacks(t *testing.T) []string {
	t.Helper()
	all, err := attack.Returns(host)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each address goes through a whole login, from the site's button to the page that the
// callback leads to.
func TestR1_NoLoginEndsElsewhereWhateverTheButtonSays(t *testing.T) {
	s := startSite(t, siteConfig{global: trustForwarded})
	began := time.Now()
	all := returnAttacks(t)
	connections := s.newBrowser().http.Transport
	for client, hostile := range all {
		b := s.newBrowser()
		b.http.Transport = connections // which take longer to make than a login
		start := b.do(from(navigation(t, http.MethodGet, "/instagram_auth/login?return_to="+url.QueryEscape(hostile)), client))
		wantOnSite(t, hostile, b.do(from(navigation(t, http.MethodGet, b.window(start)), client)), callback)
	}
	t.Logf("%d logins in %s", len(all), time.Since(began).Round(time.Millisecond))
}

// Signing out asks for no address to go to. Whatever stands there changes nothing.
func TestL3_NoSignOutEndsElsewhereWhateverTheFormSays(t *testing.T) {
	s := startSite(t, siteConfig{matcher: "/page*", options: "logout_target /bye?x=1"})
	b := s.newBrowser()
	for _, hostile := range returnAttacks(t) {
		text := "return_to=" + url.QueryEscape(hostile)
		request := navigation(t, http.MethodPost, "/instagram_auth/logout?"+text)
		setBody(request, text+"&everywhere=0")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		answer := b.do(request)
		wantOnSite(t, hostile, answer, "/instagram_auth/logout")
		if answer.location() != "/bye?x=1" {
			t.Errorf("%q changed the way out to %q", hostile, answer.location())
		}
	}
}
