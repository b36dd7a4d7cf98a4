package session_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// newSecret is another one in each process: the fuzzer's workers get the seeds of
// another process, and none of those may open for them.
func newSecret() func(*session.Config) { return secrets(rand.Text() + rand.Text()) }

func FuzzC9_CookieHeader(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	good := create(f, c)
	_, login := begin(f, c, "")
	for _, seed := range []string{"", good, login, good + "; " + login, name + "=", name, "; ;=;" + name + "_login_=", "a=1;" + strings.Repeat(name+"=x;", 9), name + "_round=x", "\x00=" + name} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		found := c.Find([]string{header})
		if _, ok := c.Open(&found, nil); ok && !strings.Contains(header, good) {
			t.Errorf("%q is a session", header)
		}
		c.Rounds(&found)
		c.Resume(&found, strings.Repeat("A", session.StateLength), redirectURI)
		if _, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, &found); err != nil || strings.ContainsAny(strings.Join(lines, ""), "\r\n\x00") {
			t.Errorf("%q, %v", lines, err)
		}
	})
}

func FuzzC9_SessionCookie(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	_, value, _ := strings.Cut(create(f, c), "=")
	for _, seed := range []string{"", value, value[:40], "AQ", strings.Repeat("A", 1024)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if _, ok := open(c, name+"="+v); ok && strings.Trim(strings.Split(v, ";")[0], " \t") != value && !strings.Contains(v, value) {
			t.Errorf("%q opened", v)
		}
	})
}

func FuzzC9_LoginCookie(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	state, cookie := begin(f, c, "")
	loginName, value, _ := strings.Cut(cookie, "=")
	for _, seed := range []string{"", value, value[:40], strings.Repeat("A", 900)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if _, ok := resume(c, loginName+"="+v, state); ok && !strings.Contains(v, value) {
			t.Errorf("%q resumed", v)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	c := newCookies(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		create(b, c)
	}
}

func BenchmarkOpen(b *testing.B) {
	c := newCookies(b, nil)
	for name, header := range map[string]string{"good": create(b, c), "forged": create(b, newCookies(b, nil, secrets(strings.Repeat("x", 32)))), "behind 20 others": strings.Repeat("_ga=GA1.2.1234567890; ", 20) + create(b, c)} {
		b.Run(name, func(b *testing.B) {
			lines := []string{header}
			b.ReportAllocs()
			for b.Loop() {
				found := c.Find(lines)
				c.Open(&found, nil)
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	c := newCookies(b, nil)
	good := create(b, c)
	for _, others := range []int{0, 20} {
		b.Run(fmt.Sprint(others, " others"), func(b *testing.B) {
			lines := []string{strings.Repeat("_ga=GA1.2.1234567890; ", others) + good}
			b.ReportAllocs()
			for b.Loop() {
				c.Find(lines)
			}
		})
	}
}
