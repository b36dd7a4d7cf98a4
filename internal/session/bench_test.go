package session_test

import (
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// BenchmarkNotSignedIn tells what the ways of not being signed in cost beside one another.
// A clock must not tell them apart. [Z1]
func BenchmarkNotSignedIn(b *testing.B) {
	at := &clock{at: time.Unix(1_800_000_000, 0)}
	c := newCookies(b, at)
	expired := create(b, c)
	at.at = at.at.Add(1000 * time.Hour)
	good := create(b, c)
	wrongKey := create(b, newCookies(b, at, func(c *session.Config) { c.Secrets = []string{"another secret of 32 characters!"} }))
	ended := func(*session.Session) bool { return true }
	var first time.Duration
	for _, way := range []struct {
		name, cookie string
		ended        func(*session.Session) bool
	}{{"wrong key", wrongKey, nil}, {"expired", expired, nil}, {"ended", good, ended}, {"forged", good[:len(good)-4] + "AAAA", nil}} {
		b.Run(way.name, func(b *testing.B) {
			found := c.Find([]string{way.cookie})
			began, n := time.Now(), 0
			for ; b.Loop(); n++ {
				if _, ok := c.Open(&found, way.ended); ok {
					b.Fatal("signed in")
				}
			}
			each := time.Since(began) / time.Duration(n)
			if first == 0 {
				first = each
			}
			b.ReportMetric(float64(each)/float64(first), "of-wrong-key")
		})
		// Telling a program why costs the same once more.
		b.Run(way.name+"/why", func(b *testing.B) {
			found, s := c.Find([]string{way.cookie}), new(session.Session)
			for b.Loop() {
				if c.Diagnose(s, &found, way.ended) == session.NoProblem {
					b.Fatal("signed in")
				}
			}
		})
	}
}
