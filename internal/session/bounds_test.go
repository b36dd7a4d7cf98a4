package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestS8_CookiesStaySmall(t *testing.T) {
	c := newCookies(t, nil, func(c *session.Config) { c.Name = strings.Repeat("n", 64) })
	who := session.Identity{UserID: strings.Repeat("9", 32), AppScopedID: strings.Repeat("8", 32), Username: strings.Repeat("u", 30)}
	for i := range 10 {
		who.Fields = append(who.Fields, session.Field{Name: fmt.Sprint("field", i), Value: strings.Repeat("v", 40)})
	}
	made, line, dropped, err := c.Create(session.Session{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	if size := len(pair(line)); size > 512 {
		t.Errorf("the session cookie has %d bytes", size)
	}
	if len(made.Fields) == 0 || len(made.Fields)+len(dropped) != 10 {
		t.Errorf("kept %v, dropped %v", made.Fields, dropped)
	}
	if got, ok := open(c, pair(line)); !ok || len(got.Fields) != len(made.Fields) {
		t.Errorf("opened %v, %v", got, ok)
	}
	who.Username = strings.Repeat("u", 400)
	if _, _, _, err := c.Create(session.Session{Identity: who}); err == nil {
		t.Error("made a session that does not fit")
	}
}

func TestS8_ASessionWithATokenHasTwiceTheRoom(t *testing.T) {
	token := session.Token{LongLived: true, Issued: time.Unix(1_700_000_000, 0), Expires: time.Unix(1_800_000_000, 0)}
	who := session.Identity{UserID: strings.Repeat("9", 32), AppScopedID: strings.Repeat("8", 32), Username: strings.Repeat("u", 30), Permissions: 0xffff}
	for range 10 {
		who.Fields = append(who.Fields, session.Field{Name: "field", Value: strings.Repeat("v", 40)})
	}
	for _, size := range []struct {
		token, most int
		room, kept  bool // for tokens, and so the token itself
	}{{200, 512, false, false}, {200, 1024, true, true}, {450, 1024, true, true}, {600, 1024, true, false}} {
		c := newCookies(t, nil, func(c *session.Config) { c.Name, c.Tokens = strings.Repeat("n", 64), size.room })
		token.Access = strings.Repeat("T", size.token)
		made, line, dropped, err := c.Create(session.Session{Identity: who, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(pair(line)); n > size.most {
			t.Errorf("token of %d: the cookie has %d bytes", size.token, n)
		}
		got, ok := open(c, pair(line))
		if !ok || (got.Token == token) != size.kept || slices.Contains(dropped, session.DroppedToken) == size.kept || len(got.Fields) != len(made.Fields) || got.Permissions != 0xffff {
			t.Errorf("token of %d: %+v, dropped %v", size.token, got, dropped)
		}
		// What comes later has to fit, too.
		made.Token.Access = strings.Repeat("T", size.token+500)
		if line, dropped, err := c.Renew(&made, true); err != nil || len(pair(line)) > size.most || !slices.Contains(dropped, session.DroppedToken) {
			t.Errorf("token of %d, grown: dropped %v, %v", size.token, dropped, err)
		}
	}
}

func TestS8_ALongReturnPathIsNeverCutInTheMiddle(t *testing.T) {
	c := newCookies(t, nil)
	for _, step := range []struct{ name, returnTo, want string }{
		{"fits", "/page?x=" + strings.Repeat("y", 500), "/page?x=" + strings.Repeat("y", 500)},
		{"the longest that is accepted", "/page?x=" + strings.Repeat("y", 2040), "/page?x=" + strings.Repeat("y", 2040)},
		{"the longest path", "/" + strings.Repeat("p", 2047), "/" + strings.Repeat("p", 2047)},
		{"query too long", "/page?x=" + strings.Repeat("y", 3000), "/page"},
		{"fragment too long", "/page#" + strings.Repeat("y", 3000), "/page"},
		{"path too long", "/" + strings.Repeat("p", 3000), "/"},
		{"query of a path that is too long", "/" + strings.Repeat("p", 2500) + "?x", "/"},
	} {
		t.Run(step.name, func(t *testing.T) {
			found := session.Found{}
			state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: step.returnTo}, &found)
			if err != nil {
				t.Fatal(err)
			}
			if size := len(pair(lines[0])); size > 3072 {
				t.Errorf("the login cookie has %d bytes", size)
			}
			if l, ok := resume(c, pair(lines[0]), state); !ok || l.ReturnTo != step.want {
				t.Errorf("comes back to %q, %v; want %q", l.ReturnTo, ok, step.want)
			}
		})
	}
}

func TestS8_ABrowserHasFewLoginsUnderWay(t *testing.T) {
	c := newCookies(t, nil)
	var jar []string // pairs, oldest first, as browsers send them
	var states []string
	for range 50 {
		found := c.Find([]string{strings.Join(jar, "; ")})
		state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, &found)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, state)
		for _, line := range lines {
			if strings.Contains(line, "Max-Age=0") {
				deleted := strings.Split(line, "=")[0] + "="
				jar = slices.DeleteFunc(jar, func(p string) bool { return strings.HasPrefix(p, deleted) })
				continue
			}
			jar = append(jar, pair(line))
		}
		if len(jar) > session.MaxLogins {
			t.Fatalf("%d login cookies", len(jar))
		}
	}
	for i, state := range states {
		_, ok := resume(c, strings.Join(jar, "; "), state)
		if want := i >= len(states)-session.MaxLogins; ok != want {
			t.Errorf("login %d: resumed = %v", i, ok)
		}
	}
}

func TestS8_AllCookiesTogetherStayBelow5KB(t *testing.T) {
	for _, tokens := range []bool{false, true} {
		t.Run(fmt.Sprint("with tokens ", tokens), func(t *testing.T) { wantBelow5KB(t, tokens) })
	}
}

func wantBelow5KB(t *testing.T, tokens bool) {
	c := newCookies(t, nil, func(c *session.Config) { c.Name, c.Tokens = strings.Repeat("n", 64), tokens })
	longest := func(who session.Identity) (cookie string) {
		for {
			_, line, _, err := c.Create(session.Session{Identity: who})
			if err != nil {
				return cookie
			}
			cookie = pair(line)
			who.Username += "u"
		}
	}
	jar := []string{longest(somebody())}
	mark, err := c.Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	jar = append(jar, pair(mark))
	// Whatever a browser asks for, and however often.
	logins, random := []string(nil), rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		length := 1 + random.IntN(3000)
		if i%3 == 0 {
			length = []int{1, 2048, 600}[random.IntN(3)]
		}
		logins = startAnother(t, c, logins, "/"+strings.Repeat("p", length-1))
		if size := len("Cookie: " + strings.Join(append(jar, logins...), "; ")); size >= 5*1024 {
			t.Fatalf("all cookies together have %d bytes", size)
		}
	}
}

// startAnother starts a login in a browser that has others under way, and returns its login
// cookies, oldest first.
func startAnother(t *testing.T, c *session.Cookies, logins []string, returnTo string) []string {
	t.Helper()
	found := c.Find([]string{strings.Join(logins, "; ")})
	_, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: returnTo}, &found)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[:len(lines)-1] {
		deleted := strings.Split(line, "=")[0] + "="
		logins = slices.DeleteFunc(logins, func(pair string) bool { return strings.HasPrefix(pair, deleted) })
	}
	return append(logins, pair(lines[len(lines)-1]))
}

func TestS8_ALongLoginGivesUpNoMoreThanItNeeds(t *testing.T) {
	c := newCookies(t, nil)
	long := "/" + strings.Repeat("p", 2047)
	logins := startAnother(t, c, nil, "/first")
	for _, returnTo := range []string{"/second", long, "/fourth", "/fifth"} {
		logins = startAnother(t, c, logins, returnTo)
	}
	if len(logins) != session.MaxLogins {
		t.Fatalf("%d logins are left beside one long one", len(logins))
	}
	// The long one in the middle goes, and with it the older ones.
	if logins = startAnother(t, c, logins, long); len(logins) != 3 {
		t.Errorf("%d logins are left beside a second long one", len(logins))
	}
}

func TestS9_AnOverlongLoginIsNotLookedAt(t *testing.T) {
	c := newCookies(t, nil)
	found := session.Found{}
	state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/"}, &found)
	if err != nil {
		t.Fatal(err)
	}
	login := pair(lines[0])
	for what, bad := range map[string]string{
		"longer than any": login + strings.Repeat("A", 3<<10), "longer": login + "AAAA", "shorter": login[:len(login)-4], "empty": login[:len(login)-len(strings.SplitN(login, "=", 2)[1])],
		"with a line break": login[:len(login)-4] + "\n" + login[len(login)-4:],
	} {
		if _, ok := resume(c, bad, state); ok {
			t.Errorf("%s: resumed", what)
		}
	}
}

func TestS9_PlantedCookiesDoNotHideTheGoodOne(t *testing.T) {
	c := newCookies(t, nil)
	good := create(t, c)
	planted := good[:len(good)-8] + "AAAAAAAA; "
	for what, header := range map[string]string{
		"evil in front":            name + "=evil; " + good,
		"a thousand in front":      strings.Repeat(name+"=evil; ", 1000) + good,
		"seven copies in front":    strings.Repeat(planted, 7) + good,
		"many copies in front":     strings.Repeat(planted, 500) + good,
		"many copies, three last":  strings.Repeat(planted, 500) + good + strings.Repeat("; "+planted, 3),
		"many copies behind":       good + "; " + strings.Repeat(planted, 500),
		"three and many behind":    strings.Repeat(planted, 3) + good + "; " + strings.Repeat(planted, 500),
		"behind 10,000":            strings.Repeat("x=1; ", 10_000) + good,
		"behind names alike":       strings.Repeat("x"+name+"=1;"+name+"x=1;", 1000) + good,
		"behind it as a value":     "x=" + name + "=1; y= " + name + "; " + good,
		"a huge one in front":      name + "=" + strings.Repeat("A", 15_000) + "; " + good,
		"an empty one in front":    name + "=; " + name + "; " + good,
		"odd spaces":               " \t;; " + good + " ;",
		"between others":           "a=1; " + good + "; b=\"x;y\"",
		"at the end of 199 others": strings.Repeat("x=1; ", 199) + good,
	} {
		if _, ok := open(c, header); !ok {
			t.Errorf("%s: not found", what)
		}
	}
	for what, header := range map[string]string{
		"in the middle of many": strings.Repeat(planted, 500) + good + "; " + strings.Repeat(planted, 500),
		"without a value":       name,
		"part of a name":        "x" + good,
		"part of a value":       "x=" + good,
		"behind a space":        "x " + good,
	} {
		if _, ok := open(c, header); ok {
			t.Errorf("%s: found", what)
		}
	}
	found := c.Find([]string{"a=1", strings.Repeat("x=1; ", 10), good})
	if _, ok := c.Open(&found, nil); !ok || !found.Any() {
		t.Error("not found in the third of several lines")
	}
	for n, crowded := range map[int]bool{0: false, session.MaxTried - 1: false, session.MaxTried: true} {
		if found := c.Find([]string{strings.Repeat(planted, n) + good}); found.Crowded() != crowded {
			t.Errorf("behind %d: crowded = %v", n, !crowded)
		}
	}
}

func TestS9_TagsAreWhatTagsAre(t *testing.T) {
	c := newCookies(t, nil)
	for _, tag := range []string{"", "short", "ninechars", "abc defg", "abc,defg", "abc\tdefg"} {
		var header []string
		for range 10 {
			header = append(header, name+"_login_"+tag+"=x")
		}
		found := c.Find([]string{strings.Join(header, "; ")})
		if _, lines, err := c.Start(session.Login{RedirectURI: redirectURI}, &found); err != nil || len(lines) != 1 {
			t.Errorf("tag %q comes back in %q, %v", tag, lines, err)
		}
	}
}

func TestA7_RoundsAreCountedForAMinute(t *testing.T) {
	at := &clock{}
	at.at = at.at.AddDate(2026, 0, 0)
	c := newCookies(t, at)
	mark, err := c.Mark(session.Login{Rounds: 0})
	if err != nil || !strings.Contains(mark, "Max-Age=60;") {
		t.Fatal(mark, err)
	}
	found := c.Find([]string{pair(mark)})
	if n := c.Rounds(&found); n != 1 || !found.Marked() {
		t.Errorf("rounds = %d", n)
	}
	mark, err = c.Mark(session.Login{Rounds: 7})
	if err != nil {
		t.Fatal(err)
	}
	found = c.Find([]string{pair(mark)})
	if n := c.Rounds(&found); n != session.MaxRounds {
		t.Errorf("rounds = %d", n)
	}
	at.at = at.at.Add(session.RoundWindow + 1e9)
	if n := c.Rounds(&found); n != 0 {
		t.Errorf("after a minute rounds = %d", n)
	}
	found = c.Find([]string{name + "_round=forged"})
	if n := c.Rounds(&found); n != 0 {
		t.Errorf("a forged mark counts %d", n)
	}
}

func TestC1_RoundsTravelWithTheLogin(t *testing.T) {
	c := newCookies(t, nil)
	found := session.Found{}
	state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/", Rounds: 1}, &found)
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := resume(c, pair(lines[0]), state); !ok || l.Rounds != 1 {
		t.Errorf("resumed %+v, %v", l, ok)
	}
}

func TestC3_InstancesThatTakeOneAnothersCookiesOverlap(t *testing.T) {
	for _, c := range []struct {
		one, two string
		want     bool
	}{
		{"ig", "ig", true}, {"ig", "ig_round", true}, {"ig", "ig_login_b", true}, {"ig", "ig_login", true}, {"ig", "ig_login_abcdefgh", true},
		{"ig", "ig2", false}, {"ig", "ig_rounds", false}, {"ig", "ig_loginb", false}, {"ig", "IG", false}, {"ig", "i", false},
	} {
		one, two := named(t, c.one), named(t, c.two)
		if one.Overlaps(two) != c.want || two.Overlaps(one) != c.want {
			t.Errorf("%s and %s: %v, %v", c.one, c.two, one.Overlaps(two), two.Overlaps(one))
		}
	}
}

// named returns an instance whose session cookie has this name.
func named(t *testing.T, name string) *session.Cookies {
	t.Helper()
	c, err := session.New(session.Config{Secrets: []string{"0123456789abcdef0123456789abcdef"}, Instance: "1 /x", Name: name, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestA7_MovesAreCountedForOnePageAndTenSeconds(t *testing.T) {
	at := &clock{}
	at.at = at.at.AddDate(2026, 0, 0)
	c := newCookies(t, at)
	const page = "https://example.com/page?x=1"
	moves := func(line, page string) int {
		found := c.Find([]string{pair(line)})
		return c.Moves(&found, page)
	}
	line, err := c.MarkMove(page, 2)
	if err != nil || !strings.Contains(line, "Max-Age=10;") {
		t.Fatal(line, err)
	}
	if n := moves(line, page); n != 2 {
		t.Errorf("moves = %d", n)
	}
	if n := moves(line, page+"2"); n != 0 {
		t.Errorf("another page was moved %d times", n)
	}
	if found := c.Find([]string{pair(line)}); c.Rounds(&found) != 0 {
		t.Error("a move counts as the round of a login")
	}
	round, err := c.Mark(session.Login{Rounds: 1})
	if err != nil || moves(round, page) != 0 {
		t.Errorf("the round of a login counts as %d moves, %v", moves(round, page), err)
	}
	at.at = at.at.Add(session.MoveWindow + 1e9)
	if n := moves(line, page); n != 0 {
		t.Errorf("later moves = %d", n)
	}
	if n := moves(name+"_round=forged", page); n != 0 {
		t.Errorf("a forged mark counts %d", n)
	}
}
