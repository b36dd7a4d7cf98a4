package session

import (
	"crypto/rand"
	"math/big"
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
		s.Fields = []Field{{randomText(t, 1000), randomText(t, 1000)}}
		encoded := appendSession(nil, s)
		got, ok := readSession(string(encoded))
		if !ok || got.UserID != s.UserID || got.AppScopedID != s.AppScopedID || got.Username != s.Username || got.Fields[0] != s.Fields[0] || !got.Expires.Equal(s.Expires) {
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

func TestS3_AByteMovedAcrossABorderIsAnotherText(t *testing.T) {
	one := appendString(appendString(nil, "bob9"), "1")
	two := appendString(appendString(nil, "bob"), "91")
	if string(one) == string(two) {
		t.Error("two identities have one encoding")
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

func TestS4_KeysOfTwoPurposesAreTwo(t *testing.T) {
	login, err := newSealer(purposeLogin, []string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := newSealer(purposeSession, []string{"secret"})
	if err != nil {
		t.Fatal(err)
	}
	value, err := login.seal([]byte("text"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := login.open(value, []byte("ad")); err != nil || text != "text" {
		t.Errorf("opened %q, %v", text, err)
	}
	if _, err := other.open(value, []byte("ad")); err == nil {
		t.Error("opened with the key of another purpose")
	}
}

func FuzzSessionPlaintext(f *testing.F) {
	f.Add(string(appendSession(nil, Session{Identity: Identity{"1", "2", "jay", []Field{{"name", "Jay"}}}, Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)})))
	f.Add("")
	f.Add(strings.Repeat("\xff", 60))
	f.Fuzz(func(t *testing.T, plaintext string) {
		if s, ok := readSession(plaintext); ok && string(appendSession(nil, s)) != plaintext {
			t.Errorf("%q became %q", plaintext, appendSession(nil, s))
		}
	})
}
