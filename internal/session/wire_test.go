package session

import (
	"crypto/rand"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// randomText ends in what has confused formats without lengths before: digits, dots
// and underscores.
func randomText(t *testing.T, longest int64) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(longest))
	if err != nil {
		t.Fatal(err)
	}
	return rand.Text()[:n.Int64()%20] + strings.Repeat("9", int(n.Int64()%5)) + "._"[:n.Int64()%3]
}

func TestS3_EncodingIsUnambiguous(t *testing.T) {
	for range 2000 {
		s := Session{Issued: time.Unix(1, 0), Expires: time.Unix(1<<40, 0)}
		s.UserID, s.AppScopedID, s.Username = randomText(t, 1000), randomText(t, 1000), randomText(t, 1000)
		s.Fields = []Field{{"f" + randomText(t, 1000), randomText(t, 1000)}}
		s.Reauthenticated = len(s.UserID)%2 == 0
		encoded := appendSession(nil, s)
		got, ok := readSession(string(encoded))
		if !ok || got.UserID != s.UserID || got.AppScopedID != s.AppScopedID || got.Username != s.Username || got.Fields[0] != s.Fields[0] || got.Reauthenticated != s.Reauthenticated || !got.Expires.Equal(s.Expires) {
			t.Fatalf("%+v became %+v, %v", s, got, ok)
		}
		if _, ok := readSession(string(encoded) + "x"); ok {
			t.Fatal("a trailing byte is accepted")
		}
		if _, ok := readSession(string(encoded[:len(encoded)-1])); ok {
			t.Fatal("a missing byte is accepted")
		}
	}
}

// readSession reads a whole plaintext, as Open does.
func readSession(plaintext string) (s Session, ok bool) {
	b := []byte(plaintext)
	return s, readTimes(&s, b) && readTexts(&s, b)
}

func TestS3_AByteMovedAcrossABorderIsRefused(t *testing.T) {
	s := Session{Identity: Identity{UserID: "bob9", AppScopedID: "1", Username: "jay.9"}}
	encoded := appendSession(nil, s)
	for _, border := range []struct {
		name string
		at   int // where the length of the later string stands
	}{
		{"between the two IDs", fixedSize + 1 + 2 + len("bob9")},
		{"between ID and username", fixedSize + 1 + 2 + len("bob9") + 2 + len("1")},
	} {
		t.Run(border.name, func(t *testing.T) {
			back := move(encoded, border.at-1, border.at+1)
			if got, ok := readSession(back); ok {
				t.Errorf("moved to the later one: read %+v", got)
			}
			forth := move(encoded, border.at+2, border.at)
			if got, ok := readSession(forth); ok {
				t.Errorf("moved to the earlier one: read %+v", got)
			}
		})
	}
	one := appendString(appendString(nil, "bob9"), "1")
	two := appendString(appendString(nil, "bob"), "91")
	if string(one) == string(two) {
		t.Error("two identities have one encoding")
	}
}

// move returns b with the byte at from taken out and put back at to.
func move(b []byte, from, to int) string {
	rest := slices.Delete(slices.Clone(b), from, from+1)
	return string(slices.Insert(rest, to, b[from]))
}

func TestS4_NoPartOfTheBindingBorrowsFromTheNext(t *testing.T) {
	seen := make(map[string][3]string)
	for _, parts := range [][3]string{
		{"name", "instance", "uri"}, {"nam", "einstance", "uri"}, {"namei", "nstance", "uri"}, {"name", "instanceu", "ri"},
		{"name", "instanc", "euri"}, {"", "nameinstance", "uri"}, {"name", "", "instanceuri"}, {"name", "instanceuri", ""},
	} {
		c := Cookies{instance: parts[1]}
		ad := string(c.bind(parts[0], parts[2]))
		if other, taken := seen[ad]; taken {
			t.Errorf("%q and %q are bound to the same", parts, other)
		}
		seen[ad] = parts
	}
}

func TestS3_WhatIsLeftOverMakesTheWholeUnreadable(t *testing.T) {
	encoded := string(appendTime(appendString(nil, "bob"), time.Unix(1, 0)))
	for text, want := range map[string]bool{encoded: true, encoded + "x": false, encoded[:len(encoded)-1]: false, "": false} {
		r := reader{rest: text}
		_, _ = r.string(), r.time()
		if r.done() != want {
			t.Errorf("%q: done = %v", text, r.done())
		}
	}
}

func TestS4_KeysOfDifferentPurposesAreDifferent(t *testing.T) {
	purposes := []purpose{purposeLogin, purposeSession, purposeStorage, purposeConfirm}
	for _, p := range purposes {
		one := sealerOf(t, p)
		value, err := one.seal([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := one.sealBytes([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range purposes {
			other := sealerOf(t, q)
			if text, err := other.open(value, []byte("ad")); (err == nil) != (p == q) || p == q && text != "text" {
				t.Errorf("%s opens what is sealed for %s: %q, %v", q, p, text, err)
			}
			if text, err := other.openBytes(nil, raw, []byte("ad")); (err == nil) != (p == q) || p == q && string(text) != "text" {
				t.Errorf("%s opens the bytes that are sealed for %s: %q, %v", q, p, text, err)
			}
		}
	}
}

func sealerOf(t *testing.T, p purpose) sealer {
	t.Helper()
	s, err := newSealer(p, []string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func FuzzSessionPlaintext(f *testing.F) {
	f.Add(string(appendSession(nil, Session{Identity: Identity{"1", "2", "jay", 3, []Field{{"name", "Jay"}}}, Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)})))
	f.Add("")
	f.Add(strings.Repeat("\xff", 60))
	f.Add(strings.Repeat("\x00", fixedSize))
	f.Add(strings.Repeat("\x00", fixedSize+7))
	f.Add(string(appendSession(nil, Session{Token: Token{Access: "T", LongLived: true}})))
	f.Add(string(appendSession(nil, Session{Identity: Identity{UserID: "1"}})) + "\x00")
	f.Add(string(appendSession(nil, Session{Reauthenticated: true, Identity: Identity{UserID: "1", Fields: []Field{{"name", "Jay"}}}})))
	f.Add(string(appendSession(nil, Session{Identity: Identity{UserID: "1", Fields: []Field{{"name", "Jay"}, {"", reauthenticated}}}})))
	f.Fuzz(func(t *testing.T, plaintext string) {
		if s, ok := readSession(plaintext); ok && string(appendSession(nil, s)) != plaintext {
			t.Errorf("%q became %q", plaintext, appendSession(nil, s))
		}
	})
}

func FuzzC9_SessionFields(f *testing.F) {
	f.Add("17841405793187218", "25025320793187218", "jay", "name", "Jay", int64(1), int64(2))
	f.Add("bob9", "1", "", "", "", int64(-1), int64(1<<62))
	f.Add("", "", "", "", "", int64(0), int64(0))
	f.Add("1", "2", "j", "name", strings.Repeat("x", 255), int64(1), int64(2))
	f.Add("\x00\x04", "\x00", "\xff\xff", "\x00\x00", "\x00", int64(-1<<63), int64(1<<63-1))
	f.Fuzz(func(t *testing.T, id, scoped, username, field, value string, issued, expires int64) {
		if len(id)+len(scoped)+len(username)+len(field)+len(value) > maxSealed {
			return // Create has refused it long before.
		}
		who := Identity{id, scoped, username, uint16(issued), []Field{{"f" + field, value}, {"v" + value, field}}}
		s := Session{Identity: who, Issued: time.Unix(issued, 0), Expires: time.Unix(expires, 0)}
		s.ID[0], s.ID[31] = byte(issued), byte(expires)
		s.Seen, s.Began, s.Keys = time.Unix(expires, 0), time.UnixMilli(issued), Keys{uint64(issued), uint64(expires), 1}
		s.Checked, s.Reauthenticated = time.Unix(issued, 0), expires%2 == 0
		if value != "" {
			s.Token = Token{value, issued%2 == 0, time.Unix(issued, 0), time.Unix(expires, 0)}
		}
		if got, ok := readSession(string(appendSession(nil, s))); !ok || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v became %+v, %v", s, got, ok)
		}
	})
}

// What is sealed under the right key and name may still be anything, if one day a
// second writer of it appears: the readers refuse what they do not know. [C9]
func FuzzC9_LoginPlaintext(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	c, err := New(Config{Secrets: []string{"secret"}, Instance: "1", Name: "ig", Lifetime: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(appendTime(make([]byte, nonceLength), now), "\x01/page?x=1"...))
	f.Add(append(appendTime(make([]byte, nonceLength), now), 1))
	f.Add(append(appendTime(nil, now), 1))
	f.Add([]byte{})
	f.Add(append(appendTime(make([]byte, nonceLength), now.Add(time.Hour)), "\x00/"...))
	f.Add(append(appendTime(make([]byte, nonceLength), now.Add(-time.Hour)), "\xff//evil.example"...))
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		if overhead+len(plaintext) > encoding.DecodedLen(maxSealed) {
			return // It would be refused unopened.
		}
		var nonce [nonceLength]byte
		copy(nonce[:], plaintext)
		state, err := c.makeState(&Login{RedirectURI: "uri", Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		l, ok := c.openLogin(login{state[:tagLength], seal(t, c, plaintext, c.bind(c.loginPrefix+state[:tagLength], "uri"))}, state, "uri")
		if want := len(plaintext) > 40 && recentText(c, plaintext[32:40], LoginLifetime); ok != want {
			t.Fatalf("%x: ok = %v, want %v", plaintext, ok, want)
		}
		if ok && (l.Nonce != nonce || l.Rounds != int(plaintext[40]) || l.ReturnTo != string(plaintext[41:])) {
			t.Errorf("%x became %+v", plaintext, l)
		}
		found := Found{round: seal(t, c, plaintext, c.roundAD)}
		rounds := 0
		if len(plaintext) == 9 && recentText(c, plaintext[:8], RoundWindow) {
			rounds = int(plaintext[8])
		}
		if got := c.Rounds(&found); got != rounds {
			t.Errorf("%x counts as %d rounds, want %d", plaintext, got, rounds)
		}
	})
}

func FuzzC9_OriginPlaintext(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	c, err := New(Config{Secrets: []string{"secret"}, Instance: "1", Name: "ig", Lifetime: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	for _, length := range []byte{0, 5, maxOriginPath, maxOriginPath + 1, 255} {
		f.Add(append(append(appendTime(nil, now), 3, length), strings.Repeat("/page", 30)[:maxOriginPath]...))
	}
	f.Add(append(appendTime(nil, now.Add(-time.Hour)), make([]byte, 2+maxOriginPath)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		if overhead+len(plaintext) > encoding.DecodedLen(maxSealed) {
			return // It would be refused unopened.
		}
		var nonce [nonceLength]byte
		l, ok := c.Origin(encoding.EncodeToString(nonce[:])+seal(t, c, plaintext, c.bindOrigin(nonce[:], "uri")), "uri")
		if want := len(plaintext) == originSize && plaintext[9] <= maxOriginPath && recentText(c, plaintext[:8], LoginLifetime); ok != want {
			t.Fatalf("%x: ok = %v, want %v", plaintext, ok, want)
		}
		if ok && (l.App != plaintext[8] || l.ReturnTo != string(plaintext[10:10+int(plaintext[9])])) {
			t.Errorf("%x became %+v", plaintext, l)
		}
	})
}

// Two states can begin alike. Each is whole, and the nonce in the cookie decides which one is its
// own.
func TestC1_AStateThatBeginsAlikeIsAnotherOne(t *testing.T) {
	c, err := New(Config{Secrets: []string{"secret"}, Instance: "1", Name: "ig", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	own, other := Login{RedirectURI: "uri"}, Login{RedirectURI: "uri"}
	other.Nonce[nonceLength-1] = 1
	states := [2]string{}
	for i, l := range []*Login{&own, &other} {
		if states[i], err = c.makeState(l); err != nil {
			t.Fatal(err)
		}
	}
	cookie := login{states[0][:tagLength], seal(t, c, append(appendTime(own.Nonce[:], time.Now()), 0), c.bind(c.loginPrefix+states[0][:tagLength], "uri"))}
	for i, want := range []bool{true, false} {
		if _, ok := c.openLogin(cookie, states[i], "uri"); ok != want {
			t.Errorf("state %d: %v", i, ok)
		}
	}
}

func seal(t *testing.T, c *Cookies, plaintext, ad []byte) string {
	t.Helper()
	value, err := c.keys().login.seal(plaintext, ad)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// recentText is recent for a time as it stands in a plaintext.
func recentText(c *Cookies, text []byte, d time.Duration) bool {
	r := reader{rest: string(text)}
	return c.recent(r.time(), d)
}
