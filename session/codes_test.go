package session_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

var codesNow = time.Date(2026, 11, 24, 23, 59, 59, 0, time.UTC)

func newCodes(t testing.TB, secrets ...string) *session.Codes {
	t.Helper()
	c, err := session.NewCodes(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestK4_ACodeSaysWhatItConfirms(t *testing.T) {
	c := newCodes(t, secret)
	for _, done := range []bool{true, false} {
		code := c.New(done, codesNow)
		got, ok := c.Read(code)
		if want := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC); !ok || got.Done != done || !got.Day.Equal(want) {
			t.Errorf("%q says %+v, %v", code, got, ok)
		}
		if code != strings.ToLower(code) || strings.ContainsAny(code, "=-_") {
			t.Errorf("%q is hard to type", code)
		}
	}
	if c.New(true, codesNow) == c.New(true, codesNow) {
		t.Error("two codes are the same")
	}
}

func TestS4_ACodeHasOneSpellingAndOneKey(t *testing.T) {
	c := newCodes(t, secret)
	code := c.New(true, codesNow)
	for what, other := range map[string]string{
		"empty": "", "upper case": strings.ToUpper(code), "longer": code + "a", "shorter": code[:len(code)-1], "padded": code[:len(code)-1] + "=",
		"huge": strings.Repeat("a", 1<<16), "with a line break": code[:9] + "\n" + code[10:], "a slash": "../" + code[3:],
	} {
		if got, ok := c.Read(other); ok {
			t.Errorf("%s: read %+v", what, got)
		}
	}
	for i := range len(code) * 8 {
		flipped := []byte(code)
		flipped[i/8] ^= 1 << (i % 8)
		if _, ok := c.Read(string(flipped)); ok {
			t.Errorf("read with bit %d of character %d flipped", i%8, i/8)
		}
	}
	if _, ok := newCodes(t, strings.Repeat("b", 32)).Read(code); ok {
		t.Error("read with another key")
	}
}

func TestS7_CodesOutliveTheChangeOfASecret(t *testing.T) {
	first, second := strings.Repeat("1", 32), strings.Repeat("2", 32)
	old := newCodes(t, first).New(true, codesNow)
	if _, ok := newCodes(t, second, first).Read(old); !ok {
		t.Error("not read while the old secret is listed")
	}
	if _, ok := newCodes(t, second).Read(old); ok {
		t.Error("read after the old secret is gone")
	}
	for _, secrets := range [][]string{nil, {""}} {
		if _, err := session.NewCodes(secrets); err == nil {
			t.Errorf("made from %q", secrets)
		}
		if _, err := session.NewVault(secrets); err == nil {
			t.Errorf("a vault made from %q", secrets)
		}
	}
}

func TestF3_AVaultOpensWhatItSealedInItsPlaceAlone(t *testing.T) {
	first, second := strings.Repeat("1", 32), strings.Repeat("2", 32)
	vault := func(secrets ...string) *session.Vault {
		v, err := session.NewVault(secrets)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	value, place := []byte("value"), []byte("a/b")
	sealed, err := vault(first).Seal(value, place)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := vault(second, first).Open(sealed, place); err != nil || !bytes.Equal(got, value) {
		t.Errorf("opened %q, %v", got, err)
	}
	for what, open := range map[string]func() ([]byte, error){
		"elsewhere":     func() ([]byte, error) { return vault(first).Open(sealed, []byte("a/c")) },
		"other secret":  func() ([]byte, error) { return vault(second).Open(sealed, place) },
		"cut":           func() ([]byte, error) { return vault(first).Open(sealed[:len(sealed)-1], place) },
		"short":         func() ([]byte, error) { return vault(first).Open(sealed[:8], place) },
		"empty":         func() ([]byte, error) { return vault(first).Open(nil, place) },
		"other version": func() ([]byte, error) { return vault(first).Open(append([]byte{9}, sealed[1:]...), place) },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened %q", what, got)
		}
	}
	for i := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := vault(first).Open(flipped, place); err == nil {
			t.Errorf("opened with bit %d flipped", i)
		}
	}
}

func FuzzC9_ConfirmationCodes(f *testing.F) {
	c := newCodes(f, secret)
	f.Add(c.New(true, codesNow))
	f.Add(strings.Repeat("a", 44))
	f.Add("")
	f.Fuzz(func(t *testing.T, code string) {
		if got, ok := c.Read(code); ok && got.Day.IsZero() {
			t.Errorf("%q says %+v", code, got)
		}
	})
}
