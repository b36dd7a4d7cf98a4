package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync/atomic"
)

// page is the protected page that a visitor asks for.
var page = &url.URL{Scheme: "https", Host: host, Path: privatePath}

// browser is the way to a site as if it were reached over HTTPS, by its name.
type browser struct {
	site      string // its address
	transport *http.Transport
}

func (b browser) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == host {
		r = r.Clone(r.Context())
		r.Host, r.URL.Scheme, r.URL.Host = host, "http", b.site
	}
	return b.transport.RoundTrip(r)
}

// signIn makes one complete login, from a protected page to that page, and returns the
// session cookie: three requests to the site and one to Instagram's window, which allows at
// once. from is the address that the visitor has, for a site behind a proxy.
func (b browser) signIn(ctx context.Context, from string) (session string, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	r, err := target{address: host, path: privatePath, headers: []string{"X-Forwarded-For: " + from}}.request(ctx)
	if err != nil {
		return "", err
	}
	r.URL = page
	answer, err := (&http.Client{Transport: b, Jar: jar}).Do(r)
	if err != nil {
		return "", fmt.Errorf("a login: %w", err)
	}
	_ = answer.Body.Close()
	if last := answer.Request.URL; answer.StatusCode != http.StatusOK || last.Path != privatePath {
		return "", fmt.Errorf("a login ends at %s with the status %d", last.Redacted(), answer.StatusCode)
	}
	for _, c := range jar.Cookies(page) {
		if c.Name == cookie {
			return c.String(), nil
		}
	}
	return "", errors.New("a login made no session")
}

// loginGoal is how many complete logins a second there should be, on two cores and with the
// simulator on the same machine.
const loginGoal = 500

// visits counts the addresses that visitors come from: one may not sign in that often.
var visits atomic.Uint32

// startLogins starts the site for logins. It stands behind a proxy as far as it knows.
func (b *bench) startLogins() error {
	site, err := b.start(config{binary: b.binary, options: " servers {\n  trusted_proxies static 127.0.0.1/32\n }\n", sites: siteWith(b.instagramAuth("/private*", appID, host) + b.proxy())})
	if err != nil {
		return err
	}
	visitor := browser{site.address, newTransport(b.connections)}
	b.logins = &contestant{name: "logins", server: site, visits: func(ctx context.Context) error {
		n := visits.Add(1)
		_, err := visitor.signIn(ctx, fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
		return err
	}}
	return nil
}
