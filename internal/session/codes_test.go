package session_test

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const codeAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// askedAt is when the deletions of these tests were asked for: late on a day, so that
// another time zone would make another day of it.
var askedAt = time.Date(2026, time.November, 24, 23, 30, 0, 0, time.UTC)

func newCodes(t testing.TB, secrets ...string) *session.Codes {
	t.Helper()
	return newRing(t, secrets...).Codes()
}

func newRing(t testing.TB, secrets ...string) *session.Keyring {
	t.Helper()
	ring, err := session.NewKeyring(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestK4_ACodeCarriesStateAndDayItself(t *testing.T) {
	for _, state := range []session.DeletionState{session.DeletionPending, session.DeletedByAll, session.DeletedBySignIn} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)} {
			code := newCodes(t, secret).New(state, askedAt.In(zone))
			// Another node, which has heard of nothing.
			got, ok := newCodes(t, secret).Read(code)
			if want := time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC); !ok || got.State != state || got.Day != want {
				t.Errorf("%s says %+v, %v", code, got, ok)
			}
			if len(code) != 44 || strings.Trim(code, codeAlphabet) != "" {
				t.Errorf("code %q", code)
			}
		}
	}
}

func TestK4_CodesHave128RandomBits(t *testing.T) {
	c := newCodes(t, secret)
	seen := make(map[string]bool)
	ones := make([]int, 128)
	const rounds = 4000
	for range rounds {
		code := c.New(session.DeletedByAll, askedAt)
		if seen[code] {
			t.Fatal("a code came twice")
		}
		seen[code] = true
		raw := decodeCode(t, code)
		for bit := range ones {
			ones[bit] += int(raw[3+bit/8]>>(bit%8)) & 1
		}
	}
	for bit, n := range ones {
		if n < rounds*4/10 || n > rounds*6/10 {
			t.Errorf("bit %d is 1 in %d of %d codes", bit, n, rounds)
		}
	}
}

func decodeCode(t testing.TB, code string) []byte {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(code))
	if err != nil || len(raw) != 27 {
		t.Fatalf("%q has %d bytes, %v", code, len(raw), err)
	}
	return raw
}

func encodeCode(raw []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
}

func TestS4_NoCodeIsReadThatWasNotIssuedLikeThis(t *testing.T) {
	c := newCodes(t, secret)
	code := c.New(session.DeletionPending, askedAt)
	if _, ok := c.Read(code); !ok {
		t.Fatal("the code itself does not read")
	}
	for i := range code {
		for _, other := range codeAlphabet + "ABYZ0189=-_ \n\r\x00\xff" {
			if forged := code[:i] + string(other) + code[i+1:]; forged != code {
				wantNoCode(t, c, forged)
			}
		}
	}
	raw := decodeCode(t, code)
	for i := range raw {
		for bit := range 8 {
			forged := append([]byte(nil), raw...)
			forged[i] ^= 1 << bit
			wantNoCode(t, c, encodeCode(forged))
		}
	}
	for _, other := range []string{
		"", code[:43], code + "a", code + "=", code + "\n", "\n" + code, " " + code, strings.ToUpper(code), strings.Repeat("a", 44), strings.Repeat("=", 44), strings.Repeat("\n", 44),
		code[:20] + "\n" + code[21:], code[:42] + "\r\n", strings.Repeat(code, 1000), encodeCode(raw[:26]), encodeCode(append(raw[:27:27], 0)), "\n" + code[:43],
	} {
		wantNoCode(t, c, other)
	}
}

func wantNoCode(t *testing.T, c *session.Codes, code string) {
	t.Helper()
	if got, ok := c.Read(code); ok || got != (session.Confirmation{}) {
		t.Errorf("%q says %+v, %v", code, got, ok)
	}
}

func TestS9_ALongCodeIsRefusedUnread(t *testing.T) {
	c, long := newCodes(t, secret), strings.Repeat("a", 1<<20)
	if n := testing.AllocsPerRun(10, func() { c.Read(long) }); n > 0 {
		t.Errorf("refusing takes %.0f allocations", n)
	}
}

func TestS4_ACodeOfAnotherSecretIsNone(t *testing.T) {
	other := newCodes(t, "another", "a third")
	for range 100 {
		wantNoCode(t, other, newCodes(t, secret).New(session.DeletedByAll, askedAt))
	}
}

func TestS7_CodesOutliveAChangeOfTheSecret(t *testing.T) {
	before, during, after := newCodes(t, "old"), newCodes(t, "new", "old"), newCodes(t, "new")
	if _, ok := during.Read(before.New(session.DeletedByAll, askedAt)); !ok {
		t.Error("a code of the old secret does not read")
	}
	code := during.New(session.DeletedByAll, askedAt)
	if _, ok := after.Read(code); !ok {
		t.Error("a new code was not signed with the first secret")
	}
	wantNoCode(t, before, code)
}

func TestS4_CodesNeedSecrets(t *testing.T) {
	for _, secrets := range [][]string{nil, {}, {""}, {secret, ""}} {
		if _, err := session.NewKeyring(secrets); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%d secrets: %v", len(secrets), err)
		}
	}
}

func FuzzC9_ConfirmationCode(f *testing.F) {
	c := newCodes(f, rand.Text())
	code := c.New(session.DeletedByAll, askedAt)
	for _, seed := range []string{"", code, strings.ToUpper(code), code[:43], code + "\n", code[:43] + "\n", strings.Repeat("a", 44), strings.Repeat("=", 44)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := c.Read(text); ok && text != code || !ok && got != (session.Confirmation{}) {
			t.Errorf("%q says %+v, %v", text, got, ok)
		}
	})
}
