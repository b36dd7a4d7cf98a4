package session_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestA1_ALoginOfAnotherBrowserIsNotResumed(t *testing.T) {
	c := newCookies(t, nil)
	mine, cookie := begin(t, c, "")
	theirs, otherCookie := begin(t, c, "")
	cookieName, value, _ := strings.Cut(cookie, "=")
	otherName, otherValue, _ := strings.Cut(otherCookie, "=")
	if mine == theirs || cookieName == otherName || value == otherValue {
		t.Fatalf("two starts share something: %q and %q", cookie, otherCookie)
	}
	for _, c2 := range []struct{ name, header string }{
		{"with a login of its own", otherCookie},
		{"with its own login under the name of the other", cookieName + "=" + otherValue},
		{"with both names and its own value", cookieName + "=" + otherValue + "; " + otherCookie},
	} {
		t.Run(c2.name, func(t *testing.T) {
			if l, ok := resume(c, c2.header, mine); ok {
				t.Errorf("resumed %+v", l)
			}
		})
	}
}

func TestC1_S2_NoBitOfACookieCanBeFlipped(t *testing.T) {
	c := newCookies(t, nil)
	made := create(t, c)
	state, login := begin(t, c, "")
	line, err := c.Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name, cookie string
		good         func(header string) bool
	}{
		{"session", made, func(h string) bool { _, ok := open(c, h); return ok }},
		{"login", login, func(h string) bool { _, ok := resume(c, h, state); return ok }},
		{"mark", pair(line), func(h string) bool { f := c.Find([]string{h}); return c.Rounds(&f) != 0 }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			if !kind.good(kind.cookie) {
				t.Fatal("it is refused as it came")
			}
			// Name, equals sign and value: a cookie is bound to all of it.
			for i := range len(kind.cookie) * 8 {
				flipped := []byte(kind.cookie)
				flipped[i/8] ^= 1 << (i % 8)
				if kind.good(string(flipped)) {
					t.Errorf("accepted with bit %d of byte %d flipped: %q", i%8, i/8, flipped)
				}
			}
		})
	}
}

func TestC1_NoBitOfAStateCanBeFlipped(t *testing.T) {
	c := newCookies(t, nil)
	state, login := begin(t, c, "")
	for i := range len(state) * 8 {
		flipped := []byte(state)
		flipped[i/8] ^= 1 << (i % 8)
		if _, ok := resume(c, login, string(flipped)); ok {
			t.Errorf("resumed with bit %d of byte %d flipped", i%8, i/8)
		}
	}
}

func TestS4_AMarkBelongsToOneInstanceAndKey(t *testing.T) {
	line, err := newCookies(t, nil).Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	for what, other := range map[string]*session.Cookies{
		"another instance": newCookies(t, nil, instance("2 /auth")),
		"another secret":   newCookies(t, nil, secrets(strings.Repeat("b", 32))),
	} {
		found := other.Find([]string{pair(line)})
		if n := other.Rounds(&found); n != 0 || !found.Marked() {
			t.Errorf("%s: %d rounds, marked = %v", what, n, found.Marked())
		}
	}
}

func TestS5_S6_EveryLineIsExactWithAndWithoutTLS(t *testing.T) {
	for _, mode := range []struct {
		name, prefix, attributes string
		insecure                 bool
	}{
		{"secure", "__Host-Http-ig", "; Path=/; Secure; HttpOnly; SameSite=Lax", false},
		{"plain HTTP", "ig", "; Path=/; HttpOnly; SameSite=Lax", true},
	} {
		t.Run(mode.name, func(t *testing.T) {
			c := newCookies(t, nil, func(c *session.Config) { c.InsecureHTTP = mode.insecure })
			_, made, _, err := c.Create(session.Session{Identity: somebody()})
			if err != nil {
				t.Fatal(err)
			}
			found := session.Found{}
			state, started, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, &found)
			if err != nil || len(started) != 1 {
				t.Fatal(started, err)
			}
			mark, err := c.Mark(session.Login{})
			if err != nil {
				t.Fatal(err)
			}
			login := mode.prefix + "_login_" + state[:8]
			const gone = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
			for _, line := range []struct{ what, got, name, age string }{
				{"session", made, mode.prefix, "; Max-Age=3600"},
				{"login", started[0], login, "; Max-Age=600"},
				{"mark", mark, mode.prefix + "_round", "; Max-Age=60"},
				{"session deleted", c.End(), mode.prefix, gone},
				{"login deleted", c.Finish(state), login, gone},
				{"mark deleted", c.Unmark(), mode.prefix + "_round", gone},
			} {
				_, value, _ := strings.Cut(pair(line.got), "=")
				if want := line.name + "=" + value + line.age + mode.attributes; line.got != want || (value == "") != (line.age == gone) {
					t.Errorf("%s: %q, want %q", line.what, line.got, want)
				}
			}
		})
	}
}

func TestS5_LoginsAndMarksUnderNamesInOtherCaseAreIgnored(t *testing.T) {
	c := newCookies(t, nil)
	state, login := begin(t, c, "")
	line, err := c.Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"__host-http-ig", "__HOST-HTTP-IG", "__Host-Http-IG", "__Host-ig", "__Secure-ig", "ig"} {
		planted := strings.Replace(login+"; "+pair(line), name, prefix, 2)
		found := c.Find([]string{planted})
		if _, ok := c.Resume(&found, state, redirectURI); ok || c.Rounds(&found) != 0 || found.Any() {
			t.Errorf("%q counts as ours", planted)
		}
	}
}

func TestS7_LoginsAndMarksHaveLifetimesToo(t *testing.T) {
	start := time.Date(2038, 2, 1, 0, 0, 0, 0, time.UTC) // 32 bits of seconds end in January
	at := &clock{start}
	c := newCookies(t, at)
	state, login := begin(t, c, "")
	line, err := c.Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name          string
		after         time.Duration
		login, marked bool
	}{
		{"at once", 0, true, true},
		{"after a minute", time.Minute, true, true},
		{"after a minute and a second", time.Minute + time.Second, true, false},
		{"after ten minutes", 10 * time.Minute, true, false},
		{"after ten minutes and a second", 10*time.Minute + time.Second, false, false},
		{"on a node whose clock is a minute behind", -time.Minute, true, true},
		{"from the future", -time.Minute - time.Second, false, false},
		{"seventy years before, where 32 bits would have wrapped to", -70 * 365 * 24 * time.Hour, false, false},
	} {
		t.Run(step.name, func(t *testing.T) {
			at.at = start.Add(step.after)
			if _, ok := resume(c, login, state); ok != step.login {
				t.Errorf("resumed = %v", ok)
			}
			found := c.Find([]string{pair(line)})
			if n := c.Rounds(&found); (n == 1) != step.marked {
				t.Errorf("rounds = %d", n)
			}
		})
	}
}

func TestS9_ManyOrLargeCookiesCostNothing(t *testing.T) {
	c := newCookies(t, nil)
	for what, header := range map[string]string{
		"3,000 of others":    strings.Repeat("x=1; ", 3000),
		"3,000 of our name":  strings.Repeat(name+"=AQ; ", 3000),
		"one of 15 KB":       name + "=" + strings.Repeat("A", 15_000),
		"15 KB of borders":   strings.Repeat(";", 15_000),
		"15 KB of our names": strings.Repeat(name+";", 1000),
		"10,000 of others":   strings.Repeat("a=1; ", 10_000),
		"names alike":        strings.Repeat("x"+name+"=1; ", 500),
		"15 KB of spaces":    strings.Repeat(strings.Repeat(" ", 100)+name, 120),
	} {
		lines := []string{header}
		var found session.Found
		s := new(session.Session)
		scan := func() {
			found = c.Find(lines)
			if c.OpenInto(s, &found, nil) {
				t.Errorf("%s: opened", what)
			}
		}
		if n := testing.AllocsPerRun(100, scan); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
		// The best of several runs: other programs may hold the processor in one of them.
		best := time.Hour
		for range 20 {
			began := time.Now()
			scan()
			best = min(best, time.Since(began))
		}
		if best >= 20*time.Millisecond { // well above what a busy machine with the race detector takes
			t.Errorf("%s: took %v", what, best)
		}
	}
}

// The header of a request may have a megabyte. Login cookies are kept as they come, and what
// is kept of them would come back as Set-Cookie lines.
func TestS9_LoginCookiesWithoutEndAreNotAllKept(t *testing.T) {
	c := newCookies(t, nil)
	state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, new(session.Found))
	if err != nil {
		t.Fatal(err)
	}
	header := []string{strings.Repeat(name+"_login_abcdefgh=x; ", 20_000) + pair(lines[0])}
	found := c.Find(header)
	if _, ok := c.Resume(&found, state, redirectURI); !ok {
		t.Error("the login is not found behind them")
	}
	if n := len(c.Clear(&found)); n > 300 {
		t.Errorf("%d Set-Cookie lines", n)
	}
	if n := testing.AllocsPerRun(10, func() { c.Find(header) }); n > 12 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyRequestsShareOneInstance(t *testing.T) {
	c := newCookies(t, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				made, line, _, err := c.Create(session.Session{Identity: somebody()})
				if err != nil {
					t.Error(err)
				}
				if s, ok := open(c, pair(line)); !ok || s.ID != made.ID || s.UserID != made.UserID {
					t.Errorf("opened %v, %v", s, ok)
				}
				found := session.Found{}
				state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/page"}, &found)
				if err != nil {
					t.Error(err)
					return
				}
				if l, ok := resume(c, pair(lines[0]), state); !ok || l.ReturnTo != "/page" {
					t.Errorf("resumed %v, %v", l, ok)
				}
			}
		})
	}
	all.Wait()
}
