package session_test

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// newSecret is another one in each process: the fuzzer's workers get the seeds of
// another process, and none of those may open for them.
func newSecret() func(*session.Config) { return secrets(rand.Text() + rand.Text()) }

// values returns the values that a Cookie header has for a name, as RFC 6265 reads it.
func values(header, name string) (all []string) {
	for pair := range strings.SplitSeq(header, ";") {
		if n, value, ok := strings.Cut(strings.Trim(pair, " \t"), "="); ok && n == name {
			all = append(all, strings.TrimRight(value, " \t"))
		}
	}
	return all
}

// setCookiePattern matches every Set-Cookie line of this package.
var setCookiePattern = regexp.MustCompile(`^__Host-Http-ig(_round|_login_[A-Za-z0-9_-]{8})?=[A-Za-z0-9_-]*; Max-Age=[0-9]+(; Expires=Thu, 01 Jan 1970 00:00:00 GMT)?; Path=/; Secure; HttpOnly; SameSite=Lax$`)

func FuzzC9_CookieHeader(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	good := create(f, c)
	_, value, _ := strings.Cut(good, "=")
	_, login := begin(f, c, "")
	for _, seed := range []string{
		"", good, login, good + "; " + login, name + "=", name, "; ;=;" + name + "_login_=", "a=1;" + strings.Repeat(name+"=x;", 9), name + "_round=x", "\x00=" + name, "a=" + good, name + "=x; " + good, " \t" + good + "\t ;", name + " =" + value, strings.ToLower(good),
		strings.Repeat("a=1;", 200) + good, good + "\r\nX: y", name + "_login_../../x=1", name + "_login_abcdefgh=1; " + name + "_login_abcdefg\n=1", name + "==" + value, name + "=\"" + value + "\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		found := c.Find([]string{header})
		if s, ok := c.Open(&found, nil); ok && (!slices.Contains(values(header, name), value) || !reflect.DeepEqual(s.Identity, somebody())) {
			t.Errorf("%q is a session of %+v", header, s.Identity)
		} else if problem := c.Diagnose(&s, &found, nil); (problem == session.NoProblem) != ok {
			t.Errorf("%q opened %v, and has the problem %d", header, ok, problem)
		}
		ours := 0
		for pair := range strings.SplitSeq(header, ";") {
			if n, _, _ := strings.Cut(pair, "="); pair != "" && c.Ours(strings.Trim(n, " \t")) {
				ours++
			}
		}
		if line, start, end, ok := found.Single(); ok && (ours != 1 || line != 0 || strings.Contains(header[start:end], ";") || start > 0 && header[start-1] != ';' || end < len(header) && header[end] != ';') || found.Any() != (ours > 0) && strings.Count(header, ";") < 200 {
			t.Errorf("%q: %d of this package, single %v at %d to %d", header, ours, ok, start, end)
		}
		c.Rounds(&found)
		c.Resume(&found, strings.Repeat("A", session.StateLength), redirectURI)
		_, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, &found)
		for _, line := range append(lines, c.Clear(&found)...) {
			if err != nil || !setCookiePattern.MatchString(line) {
				t.Errorf("%q sets %q, %v", header, line, err)
			}
		}
	})
}

func FuzzC9_SessionCookie(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	_, value, _ := strings.Cut(create(f, c), "=")
	for _, seed := range []string{"", value, value[:40], "AQ", strings.Repeat("A", 1024), value + "=", value + "A", " " + value, value + "; a=" + value, value[:len(value)-1] + "_", value[:60] + "\n" + value[60:], strings.ReplaceAll(value, "_", "/"), value + "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if s, ok := open(c, name+"="+v); ok != slices.Contains(values(name+"="+v, name), value) || ok && !reflect.DeepEqual(s.Identity, somebody()) {
			t.Errorf("%q opened %v: %+v", v, ok, s.Identity)
		}
	})
}

func FuzzC9_LoginCookie(f *testing.F) {
	c := newCookies(f, nil, newSecret())
	state, cookie := begin(f, c, "")
	loginName, value, _ := strings.Cut(cookie, "=")
	for _, seed := range []string{"", value, value[:40], strings.Repeat("A", 900), value + "=", value + "A", " " + value + "\t", value + "; x=1", value[:60] + "\n" + value[60:], "x; " + loginName + "=" + value} {
		f.Add(seed, state)
	}
	for _, other := range []string{"", state[:42], state + "A", state[:8] + strings.Repeat("A", 35), strings.ToLower(state)} {
		f.Add(value, other)
	}
	f.Fuzz(func(t *testing.T, v, asked string) {
		l, ok := resume(c, loginName+"="+v, asked)
		if good := slices.Contains(values(loginName+"="+v, loginName), value) && asked == state; ok && (!good || l.ReturnTo != "/page?x=1" || l.RedirectURI != redirectURI) {
			t.Errorf("%q resumed by %q: %+v", v, asked, l)
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
