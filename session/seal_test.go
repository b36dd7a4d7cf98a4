package session

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The vectors are those of the XAES-256-GCM specification (C2SP).
func TestS2_SealingIsXAES256GCM(t *testing.T) {
	for _, v := range []struct {
		name       string
		key        byte
		ad, sealed string
	}{
		{"subkey without reduction", 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{"subkey with reduction", 3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		t.Run(v.name, func(t *testing.T) {
			k, err := newKey(bytes.Repeat([]byte{v.key}, 32))
			if err != nil {
				t.Fatal(err)
			}
			nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
			aead, err := k.derive(half(nonce))
			if err != nil {
				t.Fatal(err)
			}
			got := hex.EncodeToString(aead.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(v.ad)))
			if got != v.sealed {
				t.Errorf("sealed = %s, want %s", got, v.sealed)
			}
		})
	}
}

func TestS2_ADerivedKeySealsABoundedNumberOfTimes(t *testing.T) {
	s := sealerOf(t, purposeSession)
	halves := make(map[half]bool)
	seal := func() {
		t.Helper()
		value, err := s.sealBytes([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		halves[half(value[1:])] = true
		if text, err := s.openBytes(nil, value, []byte("ad")); err != nil || string(text) != "text" {
			t.Errorf("opened %q, %v", text, err)
		}
	}
	seal()
	if s[0].left != sealsPerHalf-1 {
		t.Errorf("%d seals are left", s[0].left)
	}
	for range 3 {
		s[0].left = 2
		for range 3 {
			seal()
		}
	}
	if len(halves) != 4 {
		t.Errorf("%d keys were derived", len(halves))
	}
	// Another start draws anew.
	again := sealerOf(t, purposeSession)
	value, err := again.sealBytes([]byte("text"), []byte("ad"))
	if err != nil || halves[half(value[1:])] {
		t.Errorf("another process seals with the same derived key, %v", err)
	}
}

func TestD5_DerivedKeysAreKeptInABoundedNumber(t *testing.T) {
	s := sealerOf(t, purposeSession)
	for range maxDerived + 100 {
		s[0].left = 0
		value, err := s.sealBytes([]byte("text"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.openBytes(nil, value, []byte("ad")); err != nil {
				t.Fatal(err)
			}
		}
		forged := bytes.Clone(value)
		forged[5] ^= 1
		if _, err := s.openBytes(nil, forged, []byte("ad")); err == nil {
			t.Fatal("a forged value opens")
		}
	}
	if n := len(*s[0].derived.Load()); n != maxDerived {
		t.Errorf("%d are kept", n)
	}
}
