// Package sitetest is the test harness: a site behind a real Caddy with instagram_auth, a simulated
// Instagram, and browsers that keep cookies.
//
// Caddy runs in the process of the test, which talks to it over loopback sockets. It speaks plain
// HTTP, but browsers send their requests to https://example.test: the site is one behind a TLS
// proxy, and the scheme of the cookies is that of redirect_uri.
//
// The package imports the root of the module, so only external tests (package x_test) can use it.
// There is one Caddy for the whole process: tests with a site of their own cannot run in parallel.
package sitetest
