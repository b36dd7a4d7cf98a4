package session_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	secret      = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	redirectURI = "https://example.test/auth/"
	name        = "__Host-Http-ig"
)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// newCookies returns the cookies of an instance, with changes to the usual one.
func newCookies(t testing.TB, c *clock, changes ...func(*session.Config)) *session.Cookies {
	t.Helper()
	config := session.Config{Secrets: []string{secret}, Instance: "1 /auth", Name: "ig", Lifetime: time.Hour}
	if c != nil {
		config.Now = c.now
	}
	for _, change := range changes {
		change(&config)
	}
	cookies, err := session.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}

func instance(i string) func(*session.Config) { return func(c *session.Config) { c.Instance = i } }
func secrets(s ...string) func(*session.Config) {
	return func(c *session.Config) { c.Secrets = s }
}

func somebody() session.Identity {
	return session.Identity{UserID: "17841405793187218", AppScopedID: "25025320793187218", Username: "jayposiris"}
}

// pair returns name and value of a Set-Cookie line.
func pair(line string) string {
	p, _, _ := strings.Cut(line, ";")
	return p
}

func create(t testing.TB, c *session.Cookies) string {
	t.Helper()
	_, line, _, err := c.Create(session.Session{Identity: somebody()})
	if err != nil {
		t.Fatal(err)
	}
	return pair(line)
}

func open(c *session.Cookies, header string) (session.Session, bool) {
	found := c.Find([]string{header})
	return c.Open(&found, nil)
}

// begin starts a login with what the browser sends and returns state and cookie.
func begin(t testing.TB, c *session.Cookies, header string) (state, cookie string) {
	t.Helper()
	found := c.Find([]string{header})
	state, lines, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/page?x=1"}, &found)
	if err != nil {
		t.Fatal(err)
	}
	return state, pair(lines[len(lines)-1])
}

func resume(c *session.Cookies, header, state string) (session.Login, bool) {
	found := c.Find([]string{header})
	return c.Resume(&found, state, redirectURI)
}

func TestASessionComesBackAsItWasMade(t *testing.T) {
	c := newCookies(t, nil)
	who := somebody()
	who.Fields = []session.Field{{Name: "name", Value: "María"}, {Name: "media_count", Value: "3"}}
	made, line, dropped, err := c.Create(session.Session{Identity: who})
	if err != nil || len(dropped) != 0 {
		t.Fatal(err, dropped)
	}
	got, ok := open(c, "a=1; "+pair(line)+"; b=2")
	if !ok || fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("opened %v, %v; want %v", got, ok, made)
	}
}

func TestS7_TimesAreWholeSecondsFromTheStart(t *testing.T) {
	at := &clock{time.Unix(1_800_000_000, 700_000_000)}
	c := newCookies(t, at, func(c *session.Config) { c.Lifetime = time.Hour + 1500*time.Millisecond })
	made, line, _, err := c.Create(session.Session{Identity: somebody()})
	if err != nil {
		t.Fatal(err)
	}
	want := time.Unix(1_800_000_000, 0).Add(time.Hour + time.Second)
	if got, ok := open(c, pair(line)); !ok || !got.Expires.Equal(want) || !made.Expires.Equal(want) {
		t.Errorf("made until %v, opened until %v, %v; want %v", made.Expires, got.Expires, ok, want)
	}
	if !strings.Contains(line, "; Max-Age=3601;") {
		t.Errorf("the browser is told %q", line)
	}
}

func TestA1_StatesAreRandomAndShowNothing(t *testing.T) {
	c := newCookies(t, nil)
	seen := make(map[string]bool)
	for range 100_000 {
		found := session.Found{}
		state, _, err := c.Start(session.Login{RedirectURI: redirectURI, ReturnTo: "/secret-page"}, &found)
		if err != nil || seen[state] || len(state) != session.StateLength {
			t.Fatalf("state %q: %v, repeated %v", state, err, seen[state])
		}
		seen[state] = true
	}
	for state := range seen {
		nonce, err := base64.RawURLEncoding.DecodeString(state[:43])
		if err != nil || len(nonce) != 32 {
			t.Fatalf("state %q = %q, %v", state, nonce, err)
		}
		if rest, err := base64.RawURLEncoding.DecodeString(state[43:]); err != nil || strings.Contains(string(rest), "secret") {
			t.Fatalf("state %q = %q, %v", state, rest, err)
		}
	}
}

func TestC1_C3_ALoginIsResumedByItsOwnCookieAlone(t *testing.T) {
	at := &clock{time.Unix(1_800_000_000, 0)}
	c := newCookies(t, at)
	state, cookie := begin(t, c, "")
	if l, ok := resume(c, "x=1; "+cookie, state); !ok || l.ReturnTo != "/page?x=1" || l.RedirectURI != redirectURI {
		t.Fatalf("resumed %+v, %v", l, ok)
	}
	otherState, otherCookie := begin(t, c, "")
	found := c.Find([]string{cookie})
	if _, ok := c.Resume(&found, state, "https://other.test/auth/"); ok {
		t.Error("resumed for another redirect URI")
	}
	cookieName, value, _ := strings.Cut(cookie, "=")
	_, otherValue, _ := strings.Cut(otherCookie, "=")
	for what, try := range map[string]struct{ header, state string }{
		"no cookie":              {"", state},
		"empty state":            {cookie, ""},
		"both empty":             {cookieName + "=", ""},
		"other login's state":    {cookie, otherState},
		"other login's cookie":   {otherCookie, state},
		"other value, this name": {cookieName + "=" + otherValue, state},
		"this value, other name": {strings.Split(otherCookie, "=")[0] + "=" + value, otherState},
		"state with the tag":     {cookie, state[:8] + strings.Repeat("A", len(state)-8)},
		"state cut":              {cookie, state[:len(state)-1]},
	} {
		if _, ok := resume(c, try.header, try.state); ok {
			t.Errorf("%s: resumed", what)
		}
	}
	at.at = at.at.Add(session.LoginLifetime)
	if _, ok := resume(c, cookie, state); !ok {
		t.Error("not resumed after exactly ten minutes")
	}
	at.at = at.at.Add(time.Second)
	if _, ok := resume(c, cookie, state); ok {
		t.Error("resumed after ten minutes and a second")
	}
}

func TestC3_S4_CookiesOfAnotherInstanceOrPurposeDoNotOpen(t *testing.T) {
	c := newCookies(t, nil)
	state, login := begin(t, c, "")
	made := create(t, c)
	for what, other := range map[string]*session.Cookies{
		"another instance": newCookies(t, nil, instance("2 /auth")),
		"another secret":   newCookies(t, nil, secrets(strings.Repeat("b", 32))),
	} {
		if _, ok := open(other, made); ok {
			t.Errorf("%s: opened the session", what)
		}
		if _, ok := resume(other, login, state); ok {
			t.Errorf("%s: resumed the login", what)
		}
	}
}

func TestS4_AValueOpensUnderItsOwnNameAlone(t *testing.T) {
	c := newCookies(t, nil)
	state, login := begin(t, c, "")
	_, loginValue, _ := strings.Cut(login, "=")
	loginName, _, _ := strings.Cut(login, "=")
	_, sessionValue, _ := strings.Cut(create(t, c), "=")
	mark, err := c.Mark(session.Login{})
	if err != nil {
		t.Fatal(err)
	}
	_, markValue, _ := strings.Cut(pair(mark), "=")
	for what, value := range map[string]string{"login": loginValue, "mark": markValue} {
		if _, ok := open(c, name+"="+value); ok {
			t.Errorf("%s opened as a session", what)
		}
	}
	for what, value := range map[string]string{"session": sessionValue, "mark": markValue} {
		if _, ok := resume(c, loginName+"="+value, state); ok {
			t.Errorf("%s resumed as a login", what)
		}
	}
	for what, value := range map[string]string{"session": sessionValue, "login": loginValue} {
		found := c.Find([]string{name + "_round=" + value})
		if n := c.Rounds(&found); n != 0 {
			t.Errorf("%s counts as %d rounds", what, n)
		}
	}
}

func TestS4_AValueIsBoundToItsCookiesName(t *testing.T) {
	_, value, _ := strings.Cut(create(t, newCookies(t, nil)), "=")
	other := newCookies(t, nil, func(c *session.Config) { c.Name = "other" })
	if _, ok := open(other, other.Name()+"="+value); ok {
		t.Error("a session opened under the name that another configuration has")
	}
}

func TestS2_EveryKindOfInvalidIsTheSameNothing(t *testing.T) {
	at := &clock{time.Unix(1_800_000_000, 0)}
	c := newCookies(t, at)
	_, value, _ := strings.Cut(create(t, c), "=")
	flip := func(i int) string {
		b := []byte(value)
		b[i] ^= 1
		return string(b)
	}
	for what, v := range map[string]string{
		"empty": "", "short": value[:10], "cut": value[:len(value)-1], "longer": value + "A", "no base64": "!" + value[1:], "padded": value + "=",
		"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(value) + "+", "unknown version": "Ag" + value[2:], "huge": strings.Repeat("A", 20_000),
		"quoted": `"` + value + `"`,
	} {
		if s, ok := open(c, name+"="+v); ok || s.UserID != "" {
			t.Errorf("%s: opened %v", what, s)
		}
	}
	for i := range value {
		if s, ok := open(c, name+"="+flip(i)); ok || s.UserID != "" {
			t.Errorf("with a bit flipped at %d: opened %v", i, s)
		}
	}
	at.at = at.at.Add(time.Hour)
	if s, ok := open(c, name+"="+value); ok || s.UserID != "" {
		t.Errorf("expired: opened %v", s)
	}
}

func TestS2_C9_LineBreaksInAValueAreNeitherSkippedNorAPanic(t *testing.T) {
	c := newCookies(t, nil)
	_, value, _ := strings.Cut(create(t, c), "=")
	state, cookie := begin(t, c, "")
	loginName, loginValue, _ := strings.Cut(cookie, "=")
	for _, breaks := range []string{"\n", "\r", "\r\n", strings.Repeat("\n", 4), strings.Repeat("\n", 60)} {
		// The good one in between leaves its bytes in the pooled buffers.
		if _, ok := open(c, name+"="+value); !ok {
			t.Fatal("the good one does not open")
		}
		for what, v := range map[string]string{"alone": breaks, "within": value[:9] + breaks + value[9:], "behind": value + breaks, "in front": breaks + value} {
			if s, ok := open(c, name+"="+v); ok {
				t.Errorf("%q %s: opened %v", breaks, what, s)
			}
		}
		if _, ok := resume(c, loginName+"="+loginValue[:9]+breaks+loginValue[9:], state); ok {
			t.Errorf("%q within: resumed", breaks)
		}
	}
}

func TestS2_NoNonceRepeats(t *testing.T) {
	seals := 1_000_000
	if raceEnabled {
		seals = 100_000 // the race detector makes each ten times as long
	}
	c := newCookies(t, nil)
	seen := make(map[[24]byte]bool, seals)
	for range seals {
		_, value, _ := strings.Cut(create(t, c), "=")
		// Decoded, because the nonce ends within a character of the text.
		raw, err := base64.RawURLEncoding.DecodeString(value[:36])
		if err != nil {
			t.Fatal(err)
		}
		nonce := [24]byte(raw[1:])
		if seen[nonce] {
			t.Fatalf("nonce %x repeats", nonce)
		}
		seen[nonce] = true
	}
}

func TestS5_SetCookieLinesAreExact(t *testing.T) {
	c := newCookies(t, nil)
	_, line, _, err := c.Create(session.Session{Identity: somebody()})
	if err != nil {
		t.Fatal(err)
	}
	const attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax"
	if got, want := line, pair(line)+"; Max-Age=3600"+attributes; got != want || !strings.HasPrefix(got, name+"=") {
		t.Errorf("session: %q, want %q", got, want)
	}
	found := session.Found{}
	state, lines, err := c.Start(session.Login{RedirectURI: redirectURI}, &found)
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	if got, want := lines[0], pair(lines[0])+"; Max-Age=600"+attributes; got != want || !strings.HasPrefix(got, name+"_login_"+state[:8]+"=") {
		t.Errorf("login: %q, want %q", got, want)
	}
	insecure := newCookies(t, nil, func(c *session.Config) { c.InsecureHTTP = true })
	if got := insecure.End(); got != "ig=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax" {
		t.Errorf("over plain HTTP: %q", got)
	}
	if c.Name() != name || insecure.Name() != "ig" {
		t.Errorf("names = %q, %q", c.Name(), insecure.Name())
	}
}

func TestS5_NamesAreComparedWithCase(t *testing.T) {
	c := newCookies(t, nil)
	_, value, _ := strings.Cut(create(t, c), "=")
	for _, planted := range []string{"__host-http-ig", "__HOST-HTTP-IG", "__Host-Http-Ig", "ig", "__Host-ig", "__Host-Http-ig2"} {
		if _, ok := open(c, planted+"="+value); ok || c.Ours(planted) {
			t.Errorf("%s counts as ours", planted)
		}
	}
	for _, ours := range []string{name, name + "_round", name + "_login_abcdefgh"} {
		if !c.Ours(ours) {
			t.Errorf("%s does not count as ours", ours)
		}
	}
}

func TestS6_DeletingRepeatsAllAttributes(t *testing.T) {
	c := newCookies(t, nil)
	state, _ := begin(t, c, "")
	const rest = "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax"
	for got, want := range map[string]string{c.End(): name + rest, c.Unmark(): name + "_round" + rest, c.Finish(state): name + "_login_" + state[:8] + rest} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestS7_LifetimesAreCheckedOnTheServer(t *testing.T) {
	start := time.Date(2038, 2, 1, 0, 0, 0, 0, time.UTC)
	at := &clock{start}
	c := newCookies(t, at)
	made := create(t, c)
	for _, step := range []struct {
		name  string
		after time.Duration
		alive bool
	}{
		{"at once", 0, true}, {"a second before the end", time.Hour - time.Second, true}, {"at the end", time.Hour, false}, {"long after", 1000 * time.Hour, false},
		{"on a node whose clock is a minute behind", -time.Minute, true}, {"from the future", -time.Minute - time.Second, false},
	} {
		at.at = start.Add(step.after)
		if _, ok := open(c, made); ok != step.alive {
			t.Errorf("%s: alive = %v", step.name, ok)
		}
	}
}

func TestS7_AnIdleSessionEndsOnTheServerAndUsePushesThatBack(t *testing.T) {
	start := time.Date(2038, 2, 1, 0, 0, 0, 0, time.UTC)
	at := &clock{start}
	c := newCookies(t, at, func(c *session.Config) { c.Idle = 10 * time.Minute })
	made := create(t, c)
	alive := func(cookie string, after time.Duration, want bool) (s session.Session) {
		t.Helper()
		at.at = start.Add(after)
		s, ok := open(c, cookie)
		if ok != want {
			t.Errorf("after %s: alive = %v", after, ok)
		}
		return s
	}
	s := alive(made, 10*time.Minute-time.Second, true)
	line, _, err := c.Renew(&s, false)
	if err != nil || line == "" {
		t.Fatalf("a used session was not written anew: %q, %v", line, err)
	}
	renewed := pair(line)
	alive(made, 10*time.Minute, false)
	alive(renewed, 15*time.Minute, true)
	alive(renewed, 20*time.Minute-time.Second, false)
	// Use does not carry it beyond its lifetime.
	s = alive(renewed, 19*time.Minute, true)
	for at.at.Before(start.Add(59 * time.Minute)) {
		at.at = at.at.Add(5 * time.Minute)
		if line, _, err = c.Renew(&s, false); err != nil {
			t.Fatal(err)
		}
	}
	alive(pair(line), time.Hour-time.Second, true)
	alive(pair(line), time.Hour, false)
}

func TestS7_SecretsRotate(t *testing.T) {
	first, second := strings.Repeat("1", 32), strings.Repeat("2", 32)
	before, both, after := newCookies(t, nil, secrets(first)), newCookies(t, nil, secrets(second, first)), newCookies(t, nil, secrets(second))
	old, fresh := create(t, before), create(t, both)
	state, login := begin(t, before, "")
	if _, ok := resume(both, login, state); !ok {
		t.Error("a login under way does not survive")
	}
	for what, c := range map[string]struct {
		cookies *session.Cookies
		header  string
		opens   bool
	}{
		"old with both": {both, old, true}, "new with both": {both, fresh, true}, "new with the second": {after, fresh, true}, "old with the second": {after, old, false}, "new with the first": {before, fresh, false},
	} {
		if _, ok := open(c.cookies, c.header); ok != c.opens {
			t.Errorf("%s: opens = %v", what, ok)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for what, change := range map[string]func(*session.Config){
		"no secret": secrets(), "empty secret": secrets(""), "no instance": instance(""), "no lifetime": func(c *session.Config) { c.Lifetime = 0 },
		"no name": func(c *session.Config) { c.Name = "" }, "name with a space": func(c *session.Config) { c.Name = "a b" }, "long name": func(c *session.Config) { c.Name = strings.Repeat("a", 65) },
	} {
		config := session.Config{Secrets: []string{secret}, Instance: "1", Name: "ig", Lifetime: time.Hour}
		change(&config)
		if _, err := session.New(config); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
